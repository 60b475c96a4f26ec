#include "tests/conformance/check.h"

#include <assert.h>
#include <string.h>

uuid_t7 check_uuid(unsigned number)
{
    uuid_t7 id = {{0}};
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

slice_t check_body(unsigned id, char body[CHECK_BODY])
{
    size_t len = id * 37 % CHECK_BODY;
    memset(body, 'a' + (int)(id % 26), len);
    return slice(body, len);
}

typedef struct {
    model_t *model;
    unsigned target, left;
    uint64_t next, last_log;
} read_t;

static model_record_t *s_record(model_t *model, unsigned target, uint64_t sequence, uint64_t *log)
{
    for (unsigned i = 0; i < model->len; i++)
        if (model->records[i].target == target && model->records[i].sequence == sequence) {
            *log = i + 1;
            return &model->records[i];
        }
    *log = 0;
    return NULL;
}

static void s_compare(const model_record_t *is, const record_t *record)
{
    char body[CHECK_BODY];
    uuid_t7 id = check_uuid(is->id), target = check_uuid(is->target);
    CHECK(record->flags == is->flags, "flags of %u", is->id);
    CHECK(uuid_eq(&record->target, &target), "target of %u", is->id);
    CHECK(uuid_eq(&record->id, &id), "id of %u", is->id);
    CHECK(slice_eq(record->body, check_body(is->id, body)), "body of %u", is->id);
    if (is->flags & RECORD_REPLY)
        return; /* the engine says when it was stored */
    CHECK(record->time_ms == is->time_ms, "time of %u", is->id);
    CHECK((uint64_t)record->running_ms == is->running_ms, "%llu is not %llu",
          (unsigned long long)record->running_ms, (unsigned long long)is->running_ms);
    CHECK(slice_is(record->name, "Ann") && slice_is(record->access, "builds"), "%u", is->id);
    CHECK(slice_is(record->params, "p") && slice_is(record->headers, "hh"), "%u", is->id);
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    read_t *self = arg;
    uint64_t place;
    const model_record_t *is = s_record(self->model, self->target, record->sequence, &place);
    CHECK(record->sequence == self->next, "%llu, not %llu", (unsigned long long)record->sequence,
          (unsigned long long)self->next);
    CHECK(is && !is->retired, "sequence %llu", (unsigned long long)record->sequence);
    CHECK(log == place && log > self->last_log, "log %llu", (unsigned long long)log);
    s_compare(is, record);
    self->next++;
    self->last_log = log;
    return --self->left > 0;
}

static uint64_t s_last(const model_t *model, unsigned target)
{
    uint64_t last = 0;
    for (unsigned i = 0; i < model->len; i++)
        if (model->records[i].target == target)
            last = model->records[i].sequence;
    return last;
}

/* What lies below the range is gone for good, and was allowed to go. */
static void s_check_range(journal_reader_t *reader, model_t *model, unsigned target,
                          journal_range_t *range)
{
    uuid_t7 id = check_uuid(target);
    uint64_t log, last = s_last(model, target);
    journal_range(reader, &id, range);
    CHECK(range->first >= 1 && range->first <= last + 1, "first %llu",
          (unsigned long long)range->first);
    CHECK(range->last == last, "last %llu, not %llu", (unsigned long long)range->last,
          (unsigned long long)last);
    for (uint64_t sequence = 1; sequence <= last; sequence++) {
        model_record_t *is = s_record(model, target, sequence, &log);
        CHECK(!is->retired || sequence < range->first, "%llu is back", (unsigned long long)log);
        if (sequence >= range->first || is->retired)
            continue;
        CHECK(model_may_retire(model, log, 0), "%llu is gone", (unsigned long long)log);
    }
    for (uint64_t sequence = 1; sequence < range->first; sequence++)
        s_record(model, target, sequence, &log)->retired = true;
}

void check_records(journal_reader_t *reader, model_t *model, unsigned salt)
{
    for (unsigned target = 0; target < MODEL_TARGETS; target++) {
        journal_range_t range, read;
        uuid_t7 id = check_uuid(target);
        s_check_range(reader, model, target, &range);
        uint64_t from = salt % (s_last(model, target) + 2);
        read_t walk = {.model = model, .target = target};
        walk.next = from < range.first ? range.first : from;
        do {
            walk.left = 1 + salt % 7;
            from = walk.next;
            journal_read(reader, &id, from, &read, s_each, &walk);
            CHECK(read.first == range.first, "first");
        } while (walk.next > from);
        CHECK(walk.next > range.last, "read up to %llu of %llu", (unsigned long long)walk.next,
              (unsigned long long)range.last);
    }
}

/* --- The outbox */

typedef struct {
    model_t *model;
    const char *differs;
    unsigned count;
    outbox_place_t last;
} outbox_look_t;

static bool s_each_due(void *arg, const outbox_due_t *due)
{
    outbox_look_t *self = arg;
    uint64_t log = due->place.log;
    int order = memcmp(self->last.target.bytes, due->place.target.bytes, UUID_BYTES);
    bool after = order < 0 ||
                 (order == 0 && (self->last.order < due->place.order ||
                                 (self->last.order == due->place.order && self->last.log < log)));
    CHECK(self->count == 0 || after, "what is due is not in order");
    self->last = due->place;
    self->count++;
    if (log == 0 || log > self->model->len) {
        self->differs = "something is due that is not there";
        return false;
    }
    const model_record_t *is = model_at(self->model, log);
    uuid_t7 target = check_uuid(is->target);
    bool same = is->state == OUTBOX_PENDING && uuid_eq(&target, &due->place.target) &&
                is->order == due->place.order && is->due_ms == due->due_ms &&
                is->stored_ms == due->stored_ms && is->made == due->made &&
                (is->made == 0 || is->first_ms == due->first_ms);
    if (!same)
        self->differs = "what is due differs";
    return same;
}

typedef struct {
    const model_record_t *is;
    unsigned next;
    bool same;
} attempts_t;

static void s_each_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    attempts_t *self = arg;
    self->same = self->same && number == self->next && number <= self->is->attempts &&
                 attempt->status == self->is->status[number - 1] && attempt->time_ms == 7 &&
                 attempt->duration_us == 250 && attempt->outcome == 9 &&
                 slice_is(attempt->answer, "answer");
    self->next++;
}

static bool s_has_attempts(journal_reader_t *reader, const model_record_t *is, uint64_t log)
{
    unsigned gone = is->attempts > OUTBOX_ATTEMPTS ? is->attempts - OUTBOX_ATTEMPTS : 0;
    attempts_t walk = {is, gone + 1, true};
    journal_attempts(reader, log, s_each_attempt, &walk);
    return walk.same && walk.next == is->attempts + 1;
}

static bool s_is_item(const model_record_t *is, uint64_t log, const outbox_item_t *item)
{
    uuid_t7 target = check_uuid(is->target), id = check_uuid(is->id);
    return item->log == log && item->state == is->state && item->made == is->made &&
           item->attempts == is->attempts && item->time_ms == is->time_ms &&
           uuid_eq(&item->target, &target) && uuid_eq(&item->id, &id) &&
           (is->state != OUTBOX_PENDING || item->due_ms == is->due_ms);
}

/* One that is forgotten has no item from now on. */
static const char *s_check_item(journal_reader_t *reader, model_t *model, uint64_t log)
{
    model_record_t *is = model_at(model, log);
    uuid_t7 target = check_uuid(is->target);
    outbox_item_t item;
    bool found = journal_item(reader, &target, log, &item);
    if (found != (is->state != 0)) {
        if (found || !model_may_forget(model, log, 0))
            return found ? "an item is there that must not be" : "an item is missing";
        *is = (model_record_t){.target = is->target,
                               .id = is->id,
                               .flags = is->flags,
                               .answer = is->answer,
                               .sequence = is->sequence,
                               .running_ms = is->running_ms,
                               .time_ms = is->time_ms,
                               .retired = is->retired};
    }
    if (is->state && !s_is_item(is, log, &item))
        return "an item differs";
    return s_has_attempts(reader, is, log) ? NULL : "the attempts of an item differ";
}

typedef struct {
    const unsigned *kept;
    unsigned count;
    bool same;
} kept_t;

static void s_each_kept(void *arg, const uuid_t7 *target, slice_t bytes)
{
    kept_t *self = arg;
    bool known = false;
    for (unsigned i = 0; i < MODEL_TARGETS; i++) {
        uuid_t7 id = check_uuid(i);
        known = known || (uuid_eq(&id, target) && bytes.len == self->kept[i]);
    }
    self->same = self->same && known;
    self->count++;
}

static bool s_keeps(journal_reader_t *reader, const unsigned *kept,
                    void (*each)(journal_reader_t *, outbox_kept_fn, void *))
{
    kept_t walk = {kept, 0, true};
    unsigned count = 0;
    each(reader, s_each_kept, &walk);
    for (unsigned i = 0; i < MODEL_TARGETS; i++)
        count += kept[i] > 0;
    return walk.same && walk.count == count;
}

static bool s_tallies(journal_reader_t *reader, model_t *model)
{
    outbox_tally_t tally = {.now_ms = model->running_ms, .oldest_ms = model->running_ms};
    uint64_t delayed = 0, oldest_ms = model->running_ms;
    while (journal_tally(reader, &tally))
        ;
    for (uint64_t log = 1; log <= model->len; log++) {
        const model_record_t *is = model_at(model, log);
        if (is->state != OUTBOX_PENDING)
            continue;
        delayed += is->due_ms > model->running_ms;
        if (is->stored_ms < oldest_ms)
            oldest_ms = is->stored_ms;
    }
    return tally.delayed == delayed && tally.oldest_ms == oldest_ms;
}

const char *check_outbox(journal_reader_t *reader, model_t *model)
{
    outbox_look_t look = {.model = model};
    outbox_place_t from = {0};
    uint64_t pending = 0, dead = 0;
    for (uint64_t log = 1; log <= model->len; log++) {
        const char *differs = s_check_item(reader, model, log);
        if (differs)
            return differs;
        pending += model_at(model, log)->state == OUTBOX_PENDING;
        dead += model_at(model, log)->state == OUTBOX_DEAD;
    }
    journal_due(reader, &from, s_each_due, &look);
    if (look.differs || look.count != pending)
        return look.differs ? look.differs : "another count is due";
    if (!s_tallies(reader, model))
        return "the tally differs";
    outbox_counts_t counts = journal_outbox_counts(reader);
    if (counts.pending != pending || counts.dead != dead)
        return "the counts differ";
    if (!s_keeps(reader, model->handlers, journal_handlers))
        return "what is kept of handlers differs";
    return s_keeps(reader, model->health, journal_health) ? NULL : "what is kept of health differs";
}

typedef struct {
    model_t *model;
    unsigned target, left;
    bool dead, up;
    uint64_t next; /* where the next page begins; 0: there is none */
    uint64_t last;
    unsigned count;
} page_t;

static bool s_each_item(void *arg, const outbox_item_t *item)
{
    page_t *self = arg;
    CHECK(item->log > 0 && item->log <= self->model->len, "log");
    if (self->left == 0) {
        self->next = item->log;
        return false;
    }
    CHECK(self->count == 0 || (self->up ? item->log > self->last : item->log < self->last),
          "items are not in order");
    CHECK(s_is_item(model_at(self->model, item->log), item->log, item), "an item differs");
    CHECK(!self->dead || item->state == OUTBOX_DEAD, "not dead");
    self->last = item->log;
    self->left--;
    self->count++;
    return true;
}

static unsigned s_count_items(const model_t *model, unsigned target, bool dead)
{
    unsigned count = 0;
    for (unsigned i = 0; i < model->len; i++)
        count += model->records[i].target == target && model->records[i].state &&
                 (!dead || model->records[i].state == OUTBOX_DEAD);
    return count;
}

void check_pages(journal_reader_t *reader, model_t *model, unsigned limit)
{
    assert(limit > 0);
    for (unsigned kind = 0; kind < 3 * MODEL_TARGETS; kind++) {
        page_t page = {
            .model = model, .target = kind / 3, .dead = kind % 3 > 0, .up = kind % 3 == 2};
        uuid_t7 target = check_uuid(page.target);
        page.next = page.up ? 1 : UINT64_MAX;
        while (page.next) {
            uint64_t from = page.next;
            page.next = 0;
            page.left = limit;
            if (page.up)
                journal_dead(reader, &target, from, s_each_item, &page);
            else
                journal_items(reader, &target, from, page.dead, s_each_item, &page);
        }
        CHECK(page.count == s_count_items(model, page.target, page.dead), "%u items of %u",
              page.count, page.target);
    }
}
