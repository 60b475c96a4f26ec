/* A page of the deliveries of several targets, the newest first, for a gateway that puts those of
 * all shards together: the newest of each target stands in a heap. */
#include "workers/delivery/log.h"

#include "common/base/clock.h"
#include "common/stream/ask.h"
#include "workers/delivery/engine.h"
#include "workers/delivery/log_row.h"
#include "workers/delivery/wanted.h"
#include "workers/post/feed.h"

#include <stdlib.h>

enum {
    GATHER_TARGETS = 10000, /* most that are looked at where all are asked for */
    GATHER_LOOKED = 20000,  /* deliveries: less than of one target, each costs a search */
};

typedef struct {
    outbox_item_t item; /* the newest that was not looked at */
    bool bare;
} head_t;

typedef struct {
    wanted_t wanted;
    bool all, moved;
    uint64_t from; /* log sequence, downwards */
    uint64_t now_ms;
    interest_t *own; /* whose answers are shown */
    interest_t *seen;
    head_t *heap; /* the newest is the first */
    size_t len, room;
    found_t found;
    bytes_t rows;
} gather_t;

static void s_drop(void *own)
{
    gather_t *self = own;
    wanted_close(&self->wanted);
    interest_drop(&self->own);
    interest_drop(&self->seen);
    bytes_free(&self->rows);
    free(self->heap);
    free(self);
}

/* --- The heap */

static void s_swap(head_t *a, head_t *b)
{
    head_t was = *a;
    *a = *b;
    *b = was;
}

static void s_sink(gather_t *self, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < self->len; at = child) {
        if (child + 1 < self->len && self->heap[child + 1].item.log > self->heap[child].item.log)
            child++;
        if (self->heap[at].item.log >= self->heap[child].item.log)
            return;
        s_swap(&self->heap[at], &self->heap[child]);
    }
}

static void s_order(gather_t *self)
{
    for (size_t at = self->len / 2; at-- > 0;)
        s_sink(self, at);
}

/* --- Looking */

static bool s_take_one(void *arg, const outbox_item_t *item)
{
    *(outbox_item_t *)arg = *item;
    return false;
}

/* The newest item of TARGET up to UNTIL; false: none of those that are wanted can come any more. */
static bool s_newest(const gather_t *self, journal_reader_t *reader, const uuid_t7 *target,
                     uint64_t until, outbox_item_t *item)
{
    const wanted_t *wanted = &self->wanted;
    if (wanted->log && wanted->log < until)
        until = wanted->log;
    *item = (outbox_item_t){.log = 0};
    journal_items(reader, target, until, wanted->state == OUTBOX_DEAD, s_take_one, item);
    return item->log > 0 && item->time_ms >= wanted->from_ms &&
           (!wanted->log || item->log == wanted->log);
}

static void s_add(gather_t *self, journal_reader_t *reader, const uuid_t7 *target, bool bare)
{
    outbox_item_t item;
    if (!s_newest(self, reader, target, self->from, &item))
        return;
    if (self->len == self->room) {
        self->room = self->room ? 2 * self->room : 64;
        self->heap = realloc(self->heap, self->room * sizeof *self->heap);
        if (!self->heap)
            abort();
    }
    self->heap[self->len++] = (head_t){.item = item, .bare = bare};
}

static void s_add_all(gather_t *self, journal_reader_t *reader)
{
    uuid_t7 target, *after = NULL;
    bool dead = self->wanted.state == OUTBOX_DEAD;
    for (unsigned i = 0; journal_item_target(reader, after, dead, &target); i++) {
        if (i == GATHER_TARGETS) {
            self->found.reset = RESET_EXPIRED;
            return;
        }
        s_add(self, reader, &target, !interest_has(self->own, &target));
        after = &target;
    }
}

static void s_add_named(gather_t *self, journal_reader_t *reader)
{
    for (size_t i = 0; i < self->own->len; i++)
        s_add(self, reader, &self->own->target[i], false);
    for (size_t i = 0; i < self->seen->len; i++)
        s_add(self, reader, &self->seen->target[i], true);
}

static void s_write(gather_t *self, reading_t *reading, journal_reader_t *reader,
                    const head_t *head)
{
    json_out_t *json = &reading->rows;
    json_reset(json);
    bool bare = head->bare || self->wanted.bare;
    log_row(json, reader, self->now_ms, &head->item, bare ? LOG_ROW_BARE : LOG_ROW_LISTED);
    frame_t frame = {.sequence = (uint64_t)head->item.time_ms,
                     .log = head->item.log,
                     .target = head->item.target,
                     .json = slice(json->data, json->len)};
    frame_write(&frame, &self->rows);
    self->found.count++;
}

/* Bodies that are not shown are not searched. */
static bool s_is_wanted(const gather_t *self, journal_reader_t *reader, const head_t *head)
{
    return !(head->bare && self->wanted.phrase) && wanted_has(&self->wanted, reader, &head->item);
}

static bool s_is_full(const gather_t *self)
{
    return self->found.count == self->wanted.limit || self->rows.len >= HISTORY_BYTES;
}

static unsigned s_most(const gather_t *self)
{
    unsigned most = wanted_most(&self->wanted);
    return most < GATHER_LOOKED ? most : GATHER_LOOKED;
}

static void s_next(gather_t *self, journal_reader_t *reader)
{
    head_t *head = self->heap;
    uuid_t7 target = head->item.target;
    if (!s_newest(self, reader, &target, head->item.log - 1, &head->item))
        *head = self->heap[--self->len];
    s_sink(self, 0);
}

static void s_merge(gather_t *self, reading_t *reading, journal_reader_t *reader)
{
    found_t *found = &self->found;
    int64_t last_ms = INT64_MAX;
    while (self->len > 0 && !s_is_full(self) && found->upto < s_most(self)) {
        last_ms = self->heap->item.time_ms;
        found->upto++;
        if (s_is_wanted(self, reader, self->heap))
            s_write(self, reading, reader, self->heap);
        s_next(self, reader);
    }
    found->more = self->len > 0;
    found->after = found->more ? self->heap->item.log : 0;
    if (found->more && !s_is_full(self))
        found->position = (position_t){.sequence = (uint64_t)last_ms, .tagged = true};
}

static void s_look(reading_t *reading, journal_reader_t *reader)
{
    gather_t *self = reading->own;
    self->found = (found_t){.kind = self->moved ? FOUND_MOVED : FOUND_LOG};
    if (self->moved) {
        feed_answer(reading, &self->found, &self->rows);
        return;
    }
    self->all ? s_add_all(self, reader) : s_add_named(self, reader);
    s_order(self);
    s_merge(self, reading, reader);
    feed_answer(reading, &self->found, &self->rows);
}

/* --- Asking */

static void s_begin(reading_t *reading, answering_t *with)
{
    gather_t *self = reading->own;
    unsigned shard = with->shard.shard, shards = with->shard.shards;
    self->moved = interest_has_moved(self->own, shard, shards) ||
                  interest_has_moved(self->seen, shard, shards);
    self->now_ms = journal_running_ms(with->journal, clock_ms());
}

/* Whether a grant of this operation is that of who sees another's without bodies. */
static bool s_is_seen(unsigned op)
{
    return op == OP_person_bot_deliveries || op == OP_person_extension_deliveries ||
           op == OP_person_outlet_deliveries;
}

static void s_take_grants(gather_t *self, const ask_t *ask)
{
    grant_t grant;
    bytes_in_t in = {ask->rows.data, ask->rows.len, false};
    self->own = interest_new(0, 0, ask->grants);
    self->seen = interest_new(0, 0, ask->grants);
    self->own->len = self->seen->len = 0;
    for (uint32_t i = 0; i < ask->grants && grant_read(&in, &grant); i++) {
        interest_t *to = s_is_seen(grant.op) ? self->seen : self->own;
        if (op_find(grant.op) && op_find(grant.op)->deed == DOES_LOOK)
            to->target[to->len++] = grant.target;
    }
    interest_sort(self->own);
}

void delivery_log_gather(post_t *post, job_t *job)
{
    ask_t ask;
    (void)post;
    if (!ask_read(job_body(job), &ask) || ask.kind != ASK_LOG) {
        job_refuse(job, ERROR_invalid_request, NULL);
        return;
    }
    gather_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    reading_t *reading = reading_new(job);
    reading->own = self;
    reading->drop = s_drop;
    reading->begin = s_begin;
    reading->look = s_look;
    self->all = ask.bare;
    self->from = ask.after;
    s_take_grants(self, &ask);
    if (!wanted_read(&self->wanted, job, true))
        job->kind = JOB_REFUSED;
}
