#include "tests/conformance/history.h"

#include "tests/conformance/check.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
    LIVES = 3,
    STEPS = 24, /* most of a life */
    BATCH = 5,
    IDS = 60,
    CHECK_PLACE = 4096,
    SOON_MS = 60000,
    NO_ROOM_MS = 2000, /* what an engine may take to see that there is room again */
    WAIT_MS = 10000,
    SECOND_MS = 1000,
    DAY_MS = 86400000,
};

static const char s_kind[] = "bot";

/* What all processes of a history share. */
typedef struct {
    uint64_t random;
    int64_t now_ms;
    model_t model;
    uuid_t7 uuid;
    bool begun;
    bool moved;    /* another engine's journal since, with another UUID */
    unsigned kept; /* so many of the model's notes outlive the last process for certain */
    char place[CHECK_PLACE];
} history_t;

/* One process of it. */
typedef struct {
    history_t *history;
    model_t *model;
    journal_t *journal;
    bool full, settled;
    bool was_full; /* then closing need not find room for all */
    bool stale;    /* time has passed: something may be expired or retired at any moment */
    int64_t full_until_ms;
    uint64_t given; /* the number of the last note */
} life_t;

/* splitmix64 */
static uint64_t s_random(history_t *self, uint64_t below)
{
    uint64_t z = self->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static void s_tell_time(life_t *self)
{
    self->model->running_ms = journal_running_ms(self->journal, subject_now_ms);
}

/* --- Storing */

static offer_t s_offer(life_t *self)
{
    history_t *history = self->history;
    offer_t offer = {.target = (unsigned)s_random(history, MODEL_TARGETS),
                     .id = 1 + (unsigned)s_random(history, IDS),
                     .hash = (unsigned)s_random(history, 2),
                     .refused = s_random(history, 8) == 0,
                     .deliver = s_random(history, 2) == 0,
                     .answer = (unsigned)s_random(history, 100),
                     .time_ms = (int64_t)s_random(history, 1000000)};
    if (s_random(history, 2))
        offer.key = 1 + (unsigned)s_random(history, MODEL_KEYS);
    return offer;
}

typedef struct {
    journal_entry_t entry;
    char key[32], body[CHECK_BODY];
} parcel_t;

static void s_pack(parcel_t *self, const offer_t *offer)
{
    self->entry =
        (journal_entry_t){.record = {.op = 3,
                                     .flags = RECORD_EVENT | (offer->deliver ? RECORD_DELIVER : 0),
                                     .time_ms = offer->time_ms,
                                     .id = check_uuid(offer->id),
                                     .target = check_uuid(offer->target),
                                     .user = check_uuid(77),
                                     .name = slice_of("Ann"),
                                     .access = slice_of("builds"),
                                     .params = slice_of("p"),
                                     .headers = slice_of("hh"),
                                     .body = check_body(offer->id, self->body)},
                          .refused = offer->refused,
                          .answer = {.time_ms = offer->time_ms, .answer = (uint8_t)offer->answer}};
    memset(self->key, (int)offer->key, sizeof self->key);
    if (offer->key)
        self->entry.dedupe = slice(self->key, sizeof self->key);
    memset(self->entry.hash, (int)offer->hash, sizeof self->entry.hash);
    memset(self->entry.hash_as_came, 100 + (int)offer->hash, sizeof self->entry.hash_as_came);
}

/* The answer must be that of the record at LOG. */
static void s_check_answer(const model_t *model, const journal_entry_t *entry, uint64_t log)
{
    const model_record_t *first = &model->records[log - 1];
    CHECK(entry->answer.log == log, "log %llu, not %llu", (unsigned long long)entry->answer.log,
          (unsigned long long)log);
    CHECK(entry->answer.time_ms == first->time_ms, "time of %u", first->id);
    CHECK(entry->answer.answer == first->answer, "answer of %u", first->id);
}

static uint64_t s_newest(const model_t *model, unsigned id)
{
    for (unsigned i = model->len; i > 0; i--)
        if (model->records[i - 1].id == id)
            return i;
    return 0;
}

static void s_judge(life_t *self, const offer_t *offer, const journal_entry_t *entry, bool room)
{
    model_t *model = self->model;
    uint64_t log;
    unsigned allowed = model_allows(model, offer, room, &log);
    journal_outcome_t outcome = entry->outcome;
    CHECK(allowed & 1u << outcome, "outcome %u of id %u key %u hash %u, allowed %#x", outcome,
          offer->id, offer->key, offer->hash, allowed);
    if (outcome == JOURNAL_STORED) {
        model_store(model, offer);
        CHECK(entry->record.sequence == model->records[model->len - 1].sequence, "sequence");
    }
    if (outcome == JOURNAL_RESENT)
        log = s_newest(model, offer->id);
    if (outcome == JOURNAL_STORED || outcome == JOURNAL_RESENT || outcome == JOURNAL_REPLAYED)
        s_check_answer(model, entry, log);
}

static void s_store(life_t *self)
{
    static parcel_t parcels[BATCH];
    journal_entry_t *entries[BATCH];
    offer_t offers[BATCH];
    size_t count = 1 + s_random(self->history, BATCH), stored = 0;
    bool room = true;
    if (self->model->len + count + MODEL_NOTES > MODEL_RECORDS)
        return;
    for (size_t i = 0; i < count; i++) {
        offers[i] = s_offer(self);
        s_pack(&parcels[i], &offers[i]);
        entries[i] = &parcels[i].entry;
    }
    s_tell_time(self);
    submit_all(self->journal, entries, count);
    for (size_t i = 0; i < count; i++) {
        room = room && entries[i]->outcome != JOURNAL_NO_ROOM;
        stored += entries[i]->outcome == JOURNAL_STORED;
    }
    CHECK(room || self->full || subject_now_ms < self->full_until_ms, "there is room");
    CHECK(room || journal_is_full(self->journal), "not full, and no room");
    for (size_t i = 0; i < count; i++)
        s_judge(self, &offers[i], entries[i], room);
    self->settled = self->settled && stored == 0;
}

/* --- Notes */

/* Of what may be forgotten when the notes before are committed nobody knows what a note does. */
static bool s_may_note(const model_t *model, uint64_t log)
{
    model_t then = *model;
    model_apply(&then, then.notes_len);
    const model_record_t *is = model_at(&then, log);
    return is->state && !model_may_forget(model, log, SOON_MS) &&
           !model_may_forget(&then, log, SOON_MS) && is->attempts + MODEL_NOTES < MODEL_ATTEMPTS;
}

static void s_give(life_t *self, const model_note_t *given)
{
    char cause[RECORD_CAUSE], bytes[64] = "12345678", body[CHECK_BODY];
    journal_note_t note = {.kind = given->kind,
                           .target = check_uuid(given->target),
                           .log = given->log,
                           .state = given->state,
                           .due_ms = given->due_ms,
                           .keeps_place = given->keeps_place,
                           .now_ms = given->now_ms,
                           .attempted = given->attempted,
                           .bytes = slice(bytes, given->bytes),
                           .attempt = {.time_ms = 7,
                                       .duration_us = 250,
                                       .status = given->status,
                                       .outcome = 9,
                                       .answer = slice_of("answer")}};
    record_t reply = {.op = 3, .flags = RECORD_MESSAGE | RECORD_REPLY};
    if (given->replies) {
        unsigned id = model_at(self->model, given->log)->id;
        uuid_t7 event = check_uuid(id);
        reply.id = check_uuid((unsigned)given->log + MODEL_REPLY);
        reply.target = note.target;
        reply.headers = record_cause_write(given->log, &event, cause);
        reply.body = check_body((unsigned)given->log + MODEL_REPLY, body);
        note.reply = &reply;
    }
    uint64_t number = journal_note(self->journal, &note);
    CHECK(number == ++self->given, "the number of a note");
    self->model->notes[self->model->notes_len++] = *given;
    self->settled = false;
}

static void s_settle(life_t *self)
{
    if (self->full)
        return;
    s_tell_time(self);
    subject_settle(self->journal);
    CHECK(journal_noted(self->journal) == self->given, "notes");
    CHECK(!journal_has_notes(self->journal), "notes wait");
    model_apply(self->model, self->model->notes_len); /* replies are as old as can be */
    s_tell_time(self);
    CHECK(journal_committed(self->journal) == self->model->len + 1, "%llu are committed, not %u",
          (unsigned long long)journal_committed(self->journal) - 1, self->model->len);
    self->settled = true;
    self->stale = false;
}

static void s_note_item(life_t *self, uint64_t log)
{
    history_t *history = self->history;
    const model_record_t *is = model_at(self->model, log);
    s_tell_time(self);
    model_note_t note = {.kind = s_random(history, 4) ? NOTE_OUTCOME : NOTE_REVIVE,
                         .target = is->target,
                         .log = log,
                         .now_ms = self->model->running_ms,
                         .attempted = s_random(history, 5) > 0,
                         .status = (unsigned)s_random(history, 250)};
    note.state = (outbox_state_t)(OUTBOX_PENDING + s_random(history, 3));
    if (note.kind == NOTE_OUTCOME && note.state == OUTBOX_PENDING) {
        note.due_ms = note.now_ms + s_random(history, 100 * SECOND_MS);
        note.keeps_place = s_random(history, 2);
    }
    note.attempted = note.attempted && note.kind == NOTE_OUTCOME;
    /* Where a reply goes in the log is known when nothing is on its way beside it. */
    note.replies = note.kind == NOTE_OUTCOME && note.state == OUTBOX_DELIVERED && !self->full &&
                   self->model->len + MODEL_NOTES < MODEL_RECORDS && s_random(history, 2);
    if (note.replies)
        s_settle(self);
    if (note.replies && !s_may_note(self->model, log))
        return;
    s_give(self, &note);
    if (note.replies)
        s_settle(self);
}

static void s_note(life_t *self)
{
    history_t *history = self->history;
    model_t *model = self->model;
    if (model->notes_len == MODEL_NOTES)
        return;
    if (s_random(history, 4) == 0) {
        model_note_t note = {.kind = s_random(history, 2) ? NOTE_HANDLER : NOTE_HEALTH,
                             .target = (unsigned)s_random(history, MODEL_TARGETS),
                             .bytes =
                                 s_random(history, 3) ? 8 + (unsigned)s_random(history, 9) : 0};
        s_give(self, &note);
        return;
    }
    s_tell_time(self);
    uint64_t log = model->len ? 1 + s_random(history, model->len) : 0;
    if (log && s_may_note(model, log))
        s_note_item(self, log);
}

/* --- Reading */

typedef struct {
    model_t *model;
    unsigned salt;
    bool outbox, done;
} look_t;

static void s_look(void *arg, journal_reader_t *reader)
{
    look_t *self = arg;
    check_records(reader, self->model, self->salt);
    if (!self->outbox)
        return;
    const char *differs = check_outbox(reader, self->model);
    CHECK(!differs, "%s", differs);
    check_pages(reader, self->model, 1 + self->salt % 4);
    check_due(reader, self->model, self->salt);
}

static void s_done(void *arg, journal_asked_t how)
{
    CHECK(how == JOURNAL_READ, "%u", how);
    ((look_t *)arg)->done = true;
}

static void s_read(life_t *self)
{
    if (self->stale)
        s_settle(self);
    look_t look = {self->model, (unsigned)s_random(self->history, 1000), self->settled, false};
    s_tell_time(self);
    CHECK(journal_ask(self->journal, s_look, s_done, &look), "ask");
    while (!look.done) {
        struct pollfd fd = {.fd = journal_fd(self->journal), .events = POLLIN};
        CHECK(poll(&fd, 1, WAIT_MS) == 1, "nothing comes of what was asked");
        journal_turn(self->journal);
    }
    CHECK(journal_asked(self->journal) == 0, "asked");
}

/* --- Life */

static void s_pass_time(life_t *self)
{
    static const int64_t most_ms[] = {10, SECOND_MS, JOURNAL_ID_MS, 2 * JOURNAL_ID_MS, DAY_MS};
    s_settle(self); /* else an item may be forgotten before what was noted of it counts */
    if (self->model->notes_len > 0)
        return;
    subject_now_ms +=
        1 + (int64_t)s_random(self->history, (uint64_t)most_ms[s_random(self->history, 5)]);
    self->stale = true;
}

static void s_turn_room(life_t *self)
{
    self->full = !self->full;
    self->was_full = true;
    subject_fill(self->full);
    if (!self->full)
        self->full_until_ms = subject_now_ms + NO_ROOM_MS;
}

static void s_step(life_t *self)
{
    uint64_t which = s_random(self->history, 20);
    if (which < 9)
        s_store(self);
    else if (which < 14)
        s_note(self);
    else if (which < 16)
        s_read(self);
    else if (which < 17)
        s_settle(self);
    else if (which < 19)
        s_pass_time(self);
    else
        s_turn_room(self);
}

/* Which of the notes the former process has left: those that are certain, and perhaps the next. */
static void s_take_over(life_t *self)
{
    history_t *history = self->history;
    model_t *model = self->model;
    const char *differs = NULL;
    for (unsigned left = model->notes_len + 1; left > history->kept; left--) {
        model_t as = *model;
        model_apply(&as, left - 1);
        differs = check_outbox(journal_reader(self->journal), &as);
        if (!differs) {
            *model = as;
            return;
        }
    }
    CHECK(false, "%s; %u notes, %u of them for certain", differs, model->notes_len, history->kept);
}

static void s_open(life_t *self)
{
    history_t *history = self->history;
    model_t *model = self->model;
    char err[1024];
    if (history->begun) /* what passed meanwhile does not count */
        subject_now_ms = history->now_ms + (int64_t)s_random(history, DAY_MS);
    model->options.kind = s_kind; /* this program's */
    self->journal = subject_open(history->place, &model->options, err, sizeof err);
    CHECK(self->journal, "%s", err);
    uint64_t running_ms = journal_running_ms(self->journal, subject_now_ms);
    uint64_t least_ms = model->len ? model_at(model, model->len)->running_ms : 0;
    CHECK(running_ms >= least_ms && running_ms <= model->running_ms, "%llu, from %llu to %llu",
          (unsigned long long)running_ms, (unsigned long long)least_ms,
          (unsigned long long)model->running_ms);
    model->running_ms = running_ms;
    if (!history->begun || history->moved)
        history->uuid = *journal_uuid(self->journal);
    history->moved = false;
    CHECK(uuid_eq(&history->uuid, journal_uuid(self->journal)), "uuid");
    CHECK(journal_committed(self->journal) == model->len + 1, "%llu are committed, not %u",
          (unsigned long long)journal_committed(self->journal) - 1, model->len);
    history->begun = true;
    s_take_over(self);
    journal_start(self->journal, subject_clock);
    self->stale = true;
}

static unsigned s_committed_notes(const life_t *self)
{
    uint64_t noted = journal_noted(self->journal);
    unsigned before = (unsigned)(self->given - self->model->notes_len);
    return noted > before ? (unsigned)noted - before : 0;
}

static void s_live(history_t *history)
{
    life_t life = {.history = history, .model = &history->model};
    s_open(&life);
    for (uint64_t left = s_random(history, STEPS); left > 0; left--)
        s_step(&life);
    s_read(&life);
    bool closes = s_random(history, 2);
    history->kept = closes && !life.was_full ? life.model->notes_len : s_committed_notes(&life);
    history->now_ms = subject_now_ms;
    s_tell_time(&life);
    if (closes)
        journal_close(&life.journal);
    _exit(0);
}

/* In a process of its own, which may end without closing. */
static bool s_run_life(history_t *history)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0)
        s_live(history);
    pid_t ended = waitpid(pid, &status, 0);
    assert(ended == pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static subject_options_t s_options(history_t *history)
{
    return (subject_options_t){
        .kind = s_kind,
        .shards = 1,
        .keys = 2 + s_random(history, MODEL_KEYS),
        .retention_ms = s_random(history, 2) ? DAY_MS : 5 * JOURNAL_ID_MS,
        .retention_bytes = s_random(history, 4) ? 0 : 20000,
        .delivery_retention_ms = s_random(history, 2) ? DAY_MS / 2 : 3 * JOURNAL_ID_MS,
    };
}

static void s_begin(history_t *self, uint64_t seed, const char *place)
{
    *self = (history_t){.random = seed};
    self->model.options = s_options(self);
    snprintf(self->place, sizeof self->place, "%s/bot-0", place);
}

static bool s_live_on(history_t *self)
{
    bool good = true;
    for (uint64_t lives = 1 + s_random(self, LIVES); good && lives > 0; lives--)
        good = s_run_life(self);
    return good;
}

bool history_run(uint64_t seed, const char *place)
{
    history_t *history =
        mmap(NULL, sizeof *history, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(history != MAP_FAILED);
    s_begin(history, seed, place);
    bool good = s_live_on(history);
    munmap(history, sizeof *history);
    return good;
}

/* --- One that goes on in other programs */

static history_t *s_map(const char *place)
{
    char path[CHECK_PLACE];
    snprintf(path, sizeof path, "%s/history", place);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = ftruncate(fd, sizeof(history_t));
    assert(rc == 0);
    history_t *history = mmap(NULL, sizeof *history, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert(history != MAP_FAILED);
    close(fd);
    return history;
}

bool history_begin(uint64_t seed, const char *place)
{
    history_t *history = s_map(place);
    s_begin(history, seed, place);
    bool good = s_live_on(history);
    munmap(history, sizeof *history);
    return good;
}

bool history_go_on(const char *place)
{
    history_t *history = s_map(place);
    history->moved = true;
    bool good = s_live_on(history);
    munmap(history, sizeof *history);
    return good;
}

subject_options_t history_options(const char *place)
{
    history_t *history = s_map(place);
    subject_options_t options = history->model.options;
    munmap(history, sizeof *history);
    options.kind = s_kind; /* what it pointed to is another program's */
    return options;
}
