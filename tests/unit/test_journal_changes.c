/* Random histories of changes, compared with a model of a few lines: what is answered and what is
 * read, from the write-ahead file, during and after a checkpoint, after a close, and in what a
 * death leaves. TEST_HISTORIES says how many, TEST_SEED with which the first begins. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "journal_yard.h"
#include "workers/journal/lmdb/writing.h"
#include "workers/journal/messages.h"

#include <stdlib.h>

enum { HISTORIES = 12, STEPS = 120, TARGETS = 2, USERS = 2, KEYS = 3, MOST = STEPS + 1 };

typedef struct {
    unsigned target, user, key; /* key: 0: none */
    int body;
    uint32_t revision;
    bool deleted;
    journal_name_t name;
} message_t;

static struct {
    uint64_t random;
    message_t messages[MOST];
    unsigned len, ids;
    unsigned records[TARGETS];
    bool leaving; /* a checkpoint is under way */
    journal_t *journal;
    journal_entry_t last; /* as it was answered */
} s_is;

static unsigned s_random(unsigned below)
{
    s_is.random = s_is.random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(s_is.random >> 33) % below;
}

static journal_entry_t s_entry(unsigned target, unsigned user)
{
    static char bodies[MOST][16];
    unsigned id = ++s_is.ids;
    snprintf(bodies[id], sizeof bodies[0], "%u", id);
    return (journal_entry_t){.record = {.op = 1,
                                        .flags = RECORD_MESSAGE,
                                        .time_ms = WALL + id,
                                        .id = s_uuid(id),
                                        .user = s_uuid(100 + user),
                                        .target = s_uuid(target),
                                        .body = slice_of(bodies[id])},
                             .answer = {.answer = 1}};
}

static journal_outcome_t s_append(journal_entry_t *entry)
{
    journal_append(s_is.journal, &entry, 1, s_now);
    if (entry->outcome == JOURNAL_STORED) {
        unsigned target;
        memcpy(&target, entry->record.target.bytes + 8, sizeof target);
        s_is.records[target]++;
        s_is.last = *entry;
    }
    return entry->outcome;
}

static message_t *s_with_key(unsigned target, unsigned user, unsigned key)
{
    for (unsigned i = 0; key && i < s_is.len; i++) {
        message_t *is = &s_is.messages[i];
        if (is->target == target && is->user == user && is->key == key && !is->deleted)
            return is;
    }
    return NULL;
}

static void s_revise(message_t *is, const journal_entry_t *entry)
{
    is->revision++;
    is->body = (int)s_is.ids;
    assert_int_equal(entry->answer.revision, is->revision);
    assert_int_equal(entry->answer.root_number, is->name.number);
    assert_int_equal(entry->answer.root_ms, is->name.time_ms);
}

/* KEY above KEYS: one that nobody has. */
static void s_post(unsigned key)
{
    unsigned target = s_random(TARGETS), user = s_random(USERS);
    journal_entry_t entry = s_entry(target, user);
    message_t *is = s_with_key(target, user, key);
    if (key) {
        entry.change = CHANGE_KEYED;
        memset(entry.record.key, (int)user + 1, RECORD_KEY);
        memcpy(entry.record.key, &key, sizeof key);
    }
    assert_int_equal(s_append(&entry), JOURNAL_STORED);
    if (is) {
        s_revise(is, &entry);
        return;
    }
    assert_int_equal(entry.answer.revision, 0);
    s_is.messages[s_is.len++] =
        (message_t){.target = target,
                    .user = user,
                    .key = key,
                    .body = (int)s_is.ids,
                    .name = {journal_number(entry.answer.log, 0, 2), entry.answer.time_ms}};
}

static void s_change(journal_change_t change)
{
    if (s_is.len == 0)
        return;
    message_t *is = &s_is.messages[s_random(s_is.len)];
    unsigned user = s_random(USERS);
    journal_entry_t entry = s_entry(is->target, user);
    entry.change = change;
    entry.named = is->name;
    entry.any = s_random(4) == 0;
    bool may = user == is->user || (change == CHANGE_DELETE && entry.any);
    journal_outcome_t outcome = s_append(&entry);
    assert_int_equal(outcome, is->deleted ? JOURNAL_UNKNOWN
                              : may       ? JOURNAL_STORED
                                          : JOURNAL_FOREIGN);
    if (outcome != JOURNAL_STORED)
        return;
    s_revise(is, &entry);
    is->deleted = change == CHANGE_DELETE;
}

static void s_resend(void)
{
    journal_entry_t again = s_is.last;
    if (s_is.ids == 0)
        return;
    again.record.flags = RECORD_MESSAGE;
    again.answer = (journal_answer_t){.answer = 7};
    assert_int_equal(s_append(&again), JOURNAL_RESENT);
    assert_int_equal(again.answer.revision, s_is.last.answer.revision);
    assert_int_equal(again.answer.log, s_is.last.answer.log);
}

typedef struct {
    unsigned target, next, records; /* next: in the model */
    bool revisions;
} look_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    look_t *self = arg;
    (void)log;
    self->records++;
    if (self->revisions)
        return true;
    while (self->next < s_is.len &&
           (s_is.messages[self->next].target != self->target || s_is.messages[self->next].deleted))
        self->next++;
    assert_true(self->next < s_is.len);
    const message_t *is = &s_is.messages[self->next++];
    char body[16] = "";
    memcpy(body, record->body.data, record->body.len);
    assert_int_equal(atoi(body), is->body);
    assert_int_equal(record->revision, is->revision);
    assert_int_equal(record->time_ms, is->name.time_ms);
    return true;
}

static void s_check(journal_t *journal)
{
    for (unsigned target = 0; target < TARGETS; target++) {
        uuid_t7 id = s_uuid(target);
        journal_range_t range;
        unsigned live = 0;
        for (unsigned i = 0; i < s_is.len; i++)
            live += s_is.messages[i].target == target && !s_is.messages[i].deleted;
        look_t look = {.target = target}, all = {.target = target, .revisions = true};
        journal_view_t view = {.revisions = false}, each = {.revisions = true};
        journal_read_messages(journal_reader(journal), &id, 0, &view, &range, s_each, &look);
        journal_read_messages(journal_reader(journal), &id, 0, &each, &range, s_each, &all);
        assert_int_equal(look.records, live);
        assert_int_equal(all.records, s_is.records[target]);
    }
}

/* What a death would leave now. */
static void s_check_copy(void)
{
    char command[2 * SCRATCH + 64], path[SCRATCH + 16];
    journal_options_t options = s_options();
    snprintf(path, sizeof path, "%s.dead", s_path);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", s_path, path);
    assert_int_equal(system(command), 0);
    options.path = path;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    s_check(journal);
    journal_close(&journal);
    scratch_remove(path);
}

static void s_checkpoint(void)
{
    if (s_is.leaving)
        journal_checkpoint_end(s_is.journal, s_now);
    s_is.leaving =
        !s_is.leaving && journal_checkpoint_begin(s_is.journal, s_now += JOURNAL_LATEST_MS);
}

/* During a checkpoint what may be a change would wait for it. */
static void s_step(void)
{
    unsigned which = s_random(40);
    if (which < 8)
        s_post(0);
    else if (which < 12)
        s_post(KEYS + 1 + s_is.ids);
    else if (which < 18)
        s_checkpoint();
    else if (which < 21)
        s_check(s_is.journal);
    else if (s_is.leaving)
        s_post(0);
    else if (which < 28)
        s_post(1 + s_random(KEYS));
    else if (which < 33)
        s_change(CHANGE_EDIT);
    else if (which < 36)
        s_change(CHANGE_DELETE);
    else if (which < 38)
        s_resend();
    else if (which < 39)
        s_check_copy();
    else {
        journal_close(&s_is.journal);
        s_is.journal = s_open();
    }
}

static void s_history(uint64_t seed)
{
    memset(&s_is, 0, sizeof s_is);
    s_is.random = seed;
    s_is.journal = s_open();
    for (unsigned i = 0; i < STEPS; i++)
        s_step();
    if (s_is.leaving)
        s_checkpoint();
    s_check(s_is.journal);
    journal_close(&s_is.journal);
}

static void test_histories(void **state)
{
    const char *count = getenv("TEST_HISTORIES"), *seed = getenv("TEST_SEED");
    unsigned long histories = count ? strtoul(count, NULL, 10) : HISTORIES;
    uint64_t from = seed ? strtoull(seed, NULL, 10) : 1;
    for (uint64_t i = from; i < from + histories; i++) {
        fprintf(stderr, "seed %llu\n", (unsigned long long)i);
        s_history(i);
        s_teardown(state);
        s_setup(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
