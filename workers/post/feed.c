#include "workers/post/feed.h"

#include "common/base/clock.h"
#include "common/stream/ask.h"
#include "common/stream/found.h"
#include "workers/journal/revisions.h"
#include "workers/post/answer.h"
#include "workers/post/engine.h"
#include "workers/post/history.h"
#include "workers/post/span.h"

#include <stdlib.h>

/* A feed's or page's own. */
typedef struct {
    ask_t ask;            /* without rows */
    interest_t *interest; /* a feed's; NULL: it is not known */
    bool moved;           /* a target is of another shard */
    uint64_t next;        /* a feed's: the log sequence to go on from */
    unsigned records;     /* looked at in this go */
    uint64_t skip;        /* a page's: the sequence that stands before it */
    found_t found;
    bytes_t rows;
    reading_t *reading;
    journal_reader_t *reader; /* a page's, while it looks */
} feed_t;

void feed_add_frame(reading_t *reading, uint64_t log, uint64_t marked, const record_t *record,
                    bool narrowed, bytes_t *rows)
{
    json_out_t *json = &reading->rows;
    json_reset(json);
    if (!narrowed)
        history_row(json, &reading->shard, log, record);
    frame_flatten(json->data, json->len);
    frame_t frame = {.kind = narrowed                        ? FRAME_MESSAGE
                             : record->flags & RECORD_DELETE ? FRAME_DELETE
                             : record->flags & RECORD_EDIT   ? FRAME_EDIT
                                                             : FRAME_MESSAGE,
                     .sequence = record->sequence,
                     .log = marked,
                     .tag = position_tag(&record->id),
                     .target = record->target,
                     .json = slice(json->data, json->len)};
    frame_write(&frame, rows);
}

bool feed_shows(const reading_t *reading, journal_reader_t *reader, uint64_t log,
                const record_t *record, record_t *shown)
{
    const journal_view_t own = {.revisions = true, .reader = &reading->user};
    *shown = *record;
    if (record_is_for(record, own.reader))
        return true;
    if (!revisions_may_take(&own, record) || !journal_was_for(reader, log, record, own.reader))
        return false;
    revisions_take(record, shown);
    return true;
}

void feed_answer(reading_t *reading, found_t *found, const bytes_t *rows)
{
    bytes_t body = {0};
    found->journal = *journal_uuid(reading->with->journal);
    found->shard = reading->shard.shard;
    found->shards = reading->shard.shards;
    found->rows = bytes_slice(rows);
    found_write(found, &body);
    json_raw(&reading->body, bytes_slice(&body));
    bytes_free(&body);
}

static void s_add_frame(feed_t *self, uint64_t log, const record_t *record, bool narrowed)
{
    feed_add_frame(self->reading, log, log, record, narrowed, &self->rows);
    self->found.count++;
}

static void s_write(feed_t *self)
{
    self->found.generation = self->ask.generation;
    self->found.after = self->ask.after;
    feed_answer(self->reading, &self->found, &self->rows);
}

static bool s_each_of_feed(void *arg, uint64_t log, const record_t *record)
{
    feed_t *self = arg;
    bool narrowed = record->more & RECORD_NARROWED;
    if (interest_has(self->interest, &record->target) && (!narrowed || self->ask.narrowed))
        s_add_frame(self, log, record, narrowed);
    self->found.position = (position_t){log, position_tag(&record->id), true};
    self->next = log + 1;
    return ++self->records < FEED_RECORDS && self->rows.len < FEED_BYTES;
}

/* Goes on to the journal's tip, or as far as one go goes. */
static void s_scan(feed_t *self, journal_reader_t *reader)
{
    uint64_t tip = self->reading->held_at.tip;
    self->records = 0;
    journal_scan(reader, self->next, s_each_of_feed, self);
    bool cut = self->records == FEED_RECORDS || self->rows.len >= FEED_BYTES;
    if (!cut && self->next < tip)
        self->next = tip;
    self->found.kind = FOUND_FRAMES;
    self->found.upto = self->next - 1;
    if (self->found.position.sequence != self->found.upto)
        self->found.position = (position_t){0};
    self->reading->empty = self->found.count == 0 && !cut;
}

static void s_look_for_feed(reading_t *reading, journal_reader_t *reader)
{
    feed_t *self = reading->own;
    const uuid_t7 *journal = journal_uuid(reading->with->journal);
    if (!self->interest)
        self->found.kind = FOUND_RENEW;
    else if (self->moved || !uuid_eq(&self->ask.journal, journal) ||
             self->ask.after >= reading->held_at.tip)
        self->found.kind = FOUND_MOVED;
    else
        s_scan(self, reader);
    s_write(self);
}

static bool s_is_full(const feed_t *self)
{
    return self->found.count == PAGE_FRAMES || self->rows.len >= PAGE_BYTES;
}

static bool s_each_of_page(void *arg, uint64_t log, const record_t *record)
{
    feed_t *self = arg;
    record_t shown;
    const position_t *asked = &self->ask.position;
    uint32_t tag = position_tag(&record->id);
    bool skipped = record->sequence <= self->skip || self->ask.from == PAGE_NOW;
    if (self->ask.from == PAGE_AFTER && record->sequence == asked->sequence && asked->tagged &&
        asked->tag != tag) {
        self->found.reset = RESET_REPLACED;
        return false;
    }
    self->found.more = !skipped && s_is_full(self);
    if (self->found.more)
        return false;
    if (!skipped && feed_shows(self->reading, self->reader, log, record, &shown))
        s_add_frame(self, log, &shown, false);
    self->found.position = (position_t){record->sequence, tag, true};
    self->found.upto = log;
    return true;
}

/* The first sequence that is to be looked at. */
static uint64_t s_begin(feed_t *self, journal_reader_t *reader)
{
    const uuid_t7 *target = &self->reading->target;
    const journal_view_t shown = {.reader = &self->reading->user};
    journal_range_t range;
    if (self->ask.from == PAGE_TIME)
        return journal_at_time(reader, target, self->ask.time_ms);
    if (self->ask.from == PAGE_AFTER) {
        self->skip = self->ask.position.sequence;
        return self->skip > 0 ? self->skip : 1;
    }
    journal_range(reader, target, &range);
    if (self->ask.from == PAGE_LAST && range.first > 0)
        return history_begin(reader, target, &shown, &range, self->ask.count);
    return range.last > 1 ? range.last : 1;
}

/* Whether the target's history is not the one that the position is of. */
static void s_check(feed_t *self, const journal_range_t *range)
{
    found_t *found = &self->found;
    uint64_t sequence = self->ask.position.sequence;
    if (self->ask.from != PAGE_AFTER || found->reset)
        return;
    if (sequence > range->last)
        found->reset = RESET_REPLACED;
    else if (sequence + 1 < range->first)
        found->reset = RESET_EXPIRED;
}

static void s_look_for_page(reading_t *reading, journal_reader_t *reader)
{
    feed_t *self = reading->own;
    journal_range_t range;
    self->reader = reader;
    uint64_t tip = reading->held_at.tip, from = s_begin(self, reader);
    self->found = (found_t){.kind = FOUND_FRAMES, .position = self->ask.position};
    journal_view_t view = {.revisions = true, .whole = true};
    journal_read_messages(reader, &reading->target, from, &view, &range, s_each_of_page, self);
    s_check(self, &range);
    reading->empty = self->found.count == 0 && !self->found.reset && !self->found.more;
    if (self->found.reset) {
        self->found.kind = FOUND_RESET;
        self->found.position = (position_t){.sequence = range.first > 0 ? range.first - 1 : 0};
        self->found.count = 0;
        self->rows.len = 0;
    } else if (!self->found.more) {
        self->found.upto = tip - 1;
        if (self->ask.from != PAGE_AFTER && self->found.position.sequence < range.last)
            self->found.position = (position_t){.sequence = range.last};
    }
    s_write(self);
}

static void s_drop(void *own)
{
    feed_t *self = own;
    interest_drop(&self->interest);
    bytes_free(&self->rows);
    free(self);
}

/* The lane's feed of before is not waited for any more. */
static void s_supersede(const reading_t *self, answering_t *with)
{
    held_t *next;
    for (held_t *held = LIST_FIRST(&with->holding.any); held; held = next) {
        next = LIST_NEXT(held, link);
        reading_t *other = held->reading;
        if (other->origin != self->origin || other->look != s_look_for_feed)
            continue;
        holding_remove(&with->holding, held);
        reading_expire(other);
    }
}

static void s_end_deliveries(reading_t *reading, const answering_t *with)
{
    feed_t *self = reading->own;
    if (!with->calls)
        reading_refuse(reading, ERROR_invalid_request, NULL);
    else if (interest_has_moved(self->interest, reading->shard.shard, reading->shard.shards))
        self->found.kind = FOUND_MOVED;
    else
        with->calls->news(with->engine, &self->ask, self->interest, &self->found, &self->rows);
    if (!reading->error)
        feed_answer(reading, &self->found, &self->rows);
}

static void s_begin_feed(reading_t *reading, answering_t *with)
{
    feed_t *self = reading->own;
    int64_t now_ms = clock_ms();
    s_supersede(reading, with);
    if (self->ask.bare) {
        self->interest =
            interests_find(&with->interests, reading->origin, self->ask.generation, now_ms);
        return;
    }
    self->interest->origin = reading->origin;
    self->moved = interest_has_moved(self->interest, with->shard.shard, with->shard.shards);
    interests_set(&with->interests, self->interest, now_ms);
}

static void s_take_grants(feed_t *self, const ask_t *ask)
{
    grant_t grant;
    bytes_in_t in = {ask->rows.data, ask->rows.len, false};
    self->interest = interest_new(0, ask->generation, ask->grants);
    for (uint32_t i = 0; i < ask->grants && grant_read(&in, &grant); i++)
        self->interest->target[i] = grant.target;
    interest_sort(self->interest);
}

void feed_prepare(job_t *job)
{
    ask_t ask;
    if (!ask_read(job_body(job), &ask) || ask.kind == ASK_LIST || ask.kind == ASK_HINTS) {
        job_refuse(job, ERROR_invalid_request, NULL);
        return;
    }
    if (ask.kind == ASK_SPAN) {
        span_prepare(job, &ask);
        return;
    }
    feed_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    reading_t *reading = reading_new(job);
    reading->own = self;
    reading->drop = s_drop;
    self->reading = reading;
    self->ask = ask;
    self->ask.rows = slice("", 0);
    self->next = ask.after + 1;
    if (ask.kind == ASK_DELIVERIES) {
        s_take_grants(self, &ask);
        reading->end = s_end_deliveries;
        return;
    }
    reading->look = ask.kind == ASK_FEED ? s_look_for_feed : s_look_for_page;
    if (ask.kind == ASK_PAGE) {
        reading->wait_ms = ask.hold_ms < PAGE_HOLD_MS ? ask.hold_ms : PAGE_HOLD_MS;
        return;
    }
    reading->begin = s_begin_feed;
    reading->wait_ms = FEED_WAIT_MS;
    reading->any = true;
    if (!ask.bare)
        s_take_grants(self, &ask);
}
