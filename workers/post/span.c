#include "workers/post/span.h"

#include "workers/post/answer.h"
#include "workers/post/feed.h"
#include "workers/post/history.h"

#include <stdlib.h>

/* A target. */
typedef struct {
    uuid_t7 target;
    page_from_t from;
    uint64_t at;
    uint32_t tag;
    mark_t mark;
    standing_t standing;
    position_t last; /* what has gone out of it */
} row_t;

typedef struct {
    ask_t ask; /* without rows */
    row_t *row;
    row_t **by_target;
    uint32_t len;
    bool moved; /* a target is of another shard */
    found_t found;
    bytes_t rows;
    uint64_t next; /* the log sequence to go on from */
    unsigned records;
    reading_t *reading;
    journal_reader_t *reader; /* while it looks */
} span_t;

/* One record, or none: log is 0. */
typedef struct {
    uint64_t log, sequence, previous;
    uint64_t number; /* the public one */
    uint32_t tag;
    bool moved;
    const shard_t *shard;
} seen_t;

static bool s_see(void *arg, uint64_t log, const record_t *record)
{
    seen_t *seen = arg;
    seen->log = log;
    seen->sequence = record->sequence;
    seen->previous = record->previous;
    seen->moved = record->number != 0;
    seen->number = record->number ? record->number
                                  : journal_number(log, seen->shard->shard, seen->shard->shards);
    seen->tag = position_tag(&record->id);
    return false;
}

/* The target's record of SEQUENCE, or the next one. */
static seen_t s_at(span_t *self, journal_reader_t *reader, const row_t *row, uint64_t sequence)
{
    journal_range_t range;
    seen_t seen = {.shard = &self->reading->shard};
    journal_read(reader, &row->target, sequence, &range, s_see, &seen);
    return seen;
}

/* The record at LOG, or the next one. */
static seen_t s_at_log(span_t *self, journal_reader_t *reader, uint64_t log)
{
    seen_t seen = {.shard = &self->reading->shard};
    journal_scan(reader, log, s_see, &seen);
    return seen;
}

static void s_stand(row_t *row, uint64_t sequence, reset_t reset)
{
    row->standing = (standing_t){.position = {.sequence = sequence}, .reset = reset};
}

static void s_stand_at(row_t *row, const seen_t *seen)
{
    row->standing = (standing_t){.position = {seen->sequence, seen->tag, true}};
}

static void s_reset(row_t *row, const journal_range_t *range, reset_t reset)
{
    s_stand(row, range->first > 0 ? range->first - 1 : 0, reset);
}

/* Behind a position in the target's own order. */
static void s_place_after(span_t *self, journal_reader_t *reader, row_t *row,
                          const journal_range_t *range)
{
    row->standing = (standing_t){.position = {row->at, row->tag, row->mark != MARK_NONE}};
    if (row->at > range->last) {
        s_reset(row, range, RESET_REPLACED);
        return;
    }
    if (row->at + 1 < range->first) {
        s_reset(row, range, RESET_EXPIRED);
        return;
    }
    if (row->mark == MARK_NONE || row->at < range->first)
        return;
    seen_t seen = s_at(self, reader, row, row->at);
    if (seen.log && seen.sequence == row->at && seen.tag != row->tag)
        s_reset(row, range, RESET_REPLACED);
}

/* What a place in the log is compared by. */
typedef struct {
    bool by_log;
    uint64_t value;
} mark_key_t;

static uint64_t s_key(const seen_t *seen, const mark_key_t *key)
{
    return key->by_log ? seen->log : seen->number;
}

/* Whether the place can be of this journal, and what of. */
static bool s_know_mark(span_t *self, journal_reader_t *reader, const row_t *row, mark_key_t *key)
{
    const shard_t *shard = &self->reading->shard;
    unsigned shards = (unsigned)self->ask.count;
    bool alike = shards == shard->shards;
    seen_t seen = {0};
    if (shards == 0 || row->at > INT64_MAX / shards)
        return false;
    *key = (mark_key_t){row->mark == MARK_MOVED,
                        journal_number(row->at, wire_shard(&row->target, shards), shards)};
    if (alike && row->at > 0)
        seen = s_at_log(self, reader, row->at);
    bool is = seen.log && seen.log == row->at && seen.tag == row->tag;
    if (row->mark == MARK_MOVED) {
        key->value = row->at;
        return is;
    }
    bool other = seen.log && seen.log == row->at && !seen.moved && row->mark == MARK_STORED && !is;
    return !other && key->value / shard->shards < self->reading->held_at.tip;
}

/* Whether something behind KEY was removed, where the target has nothing, or FIRST, behind it. */
static bool s_has_lost(span_t *self, journal_reader_t *reader, const journal_range_t *range,
                       const seen_t *first, const mark_key_t *key)
{
    const shard_t *shard = &self->reading->shard;
    uint64_t removed = first->previous; /* a number that is not below that of what was removed */
    if (!first->log && range->last_log) {
        removed = range->last_log;
    } else if (!first->log) {
        seen_t oldest = s_at_log(self, reader, 1);
        removed = (oldest.log ? oldest.log : self->reading->held_at.tip) - 1;
    }
    if (!key->by_log && removed > 0)
        removed = journal_number(removed, shard->shard, shard->shards);
    return removed > key->value;
}

/* The last record of the target that is not behind KEY: between those at LOW, which is not, and
 * HIGH, which is. */
static seen_t s_search(span_t *self, journal_reader_t *reader, const row_t *row,
                       const mark_key_t *key, seen_t low, uint64_t high)
{
    while (high - low.sequence > 1) {
        seen_t middle = s_at(self, reader, row, low.sequence + (high - low.sequence) / 2);
        if (!middle.log || middle.sequence >= high)
            break; /* retention removes them meanwhile */
        if (s_key(&middle, key) <= key->value)
            low = middle;
        else
            high = middle.sequence;
    }
    return low;
}

static void s_place_mark(span_t *self, journal_reader_t *reader, row_t *row,
                         const journal_range_t *range)
{
    mark_key_t key;
    if (!s_know_mark(self, reader, row, &key)) {
        s_reset(row, range, RESET_REPLACED);
        return;
    }
    bool any = range->first <= range->last && range->last > 0;
    seen_t first = any ? s_at(self, reader, row, range->first) : (seen_t){0};
    if (!first.log || s_key(&first, &key) > key.value) {
        bool lost = range->first > 1 && s_has_lost(self, reader, range, &first, &key);
        s_reset(row, range, lost ? RESET_EXPIRED : RESET_NONE);
        return;
    }
    seen_t last = s_at(self, reader, row, range->last);
    if (!last.log || s_key(&last, &key) > key.value)
        last = s_search(self, reader, row, &key, first, range->last);
    s_stand_at(row, &last);
    if (row->mark == MARK_STORED && s_key(&last, &key) == key.value && last.tag != row->tag)
        s_reset(row, range, RESET_REPLACED);
}

/* The sequence before the newest messages that are asked for. */
static uint64_t s_last(const span_t *self, journal_reader_t *reader, const row_t *row,
                       const journal_range_t *range)
{
    const journal_view_t shown = {.reader = &self->reading->user};
    if (range->first == 0 || range->last < range->first)
        return range->last;
    return history_begin(reader, &row->target, &shown, range, self->ask.count) - 1;
}

/* Finds where the target stands, and whether it has something behind that. */
static bool s_place(span_t *self, journal_reader_t *reader, row_t *row)
{
    journal_range_t range;
    journal_range(reader, &row->target, &range);
    if (row->from == PAGE_NOW)
        s_stand(row, range.last, RESET_NONE);
    else if (row->from == PAGE_LAST)
        s_stand(row, s_last(self, reader, row, &range), RESET_NONE);
    else if (row->from == PAGE_TIME)
        s_stand(row, journal_at_time(reader, &row->target, self->ask.time_ms) - 1, RESET_NONE);
    else if (row->from == PAGE_AFTER)
        s_place_after(self, reader, row, &range);
    else
        s_place_mark(self, reader, row, &range);
    row->last = row->standing.position;
    return row->last.sequence < range.last;
}

/* The log sequence of the first record that one of the targets has behind what has gone out; the
 * tip when there is none. */
static uint64_t s_first(span_t *self, journal_reader_t *reader)
{
    uint64_t first = self->reading->held_at.tip;
    for (uint32_t i = 0; i < self->len; i++) {
        row_t *row = &self->row[i];
        if (!s_place(self, reader, row))
            continue;
        seen_t seen = s_at(self, reader, row, row->last.sequence + 1);
        if (seen.log && seen.log < first)
            first = seen.log;
    }
    return first;
}

static int s_compare(const void *a, const void *b)
{
    const row_t *const *left = a, *const *right = b;
    return memcmp((*left)->target.bytes, (*right)->target.bytes, UUID_BYTES);
}

static row_t *s_row(const span_t *self, const uuid_t7 *target)
{
    row_t wanted = {.target = *target}, *key = &wanted;
    row_t **found = bsearch(&key, self->by_target, self->len, sizeof key, s_compare);
    return found ? *found : NULL;
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    span_t *self = arg;
    record_t shown;
    row_t *row = s_row(self, &record->target);
    bool full = self->found.count == PAGE_FRAMES || self->rows.len >= PAGE_BYTES ||
                self->records == FEED_RECORDS;
    self->found.more = full;
    if (full)
        return false;
    if (row && record->sequence > row->last.sequence) {
        uint64_t moved = record->number ? FRAME_MOVED : 0;
        bool shows = feed_shows(self->reading, self->reader, log, record, &shown);
        feed_add_frame(self->reading, log, log | moved, &shown, !shows, &self->rows);
        row->last = (position_t){record->sequence, position_tag(&record->id), true};
        self->found.count++;
    }
    self->found.position = (position_t){log, position_tag(&record->id), true};
    self->found.mark = record->number ? MARK_MOVED : MARK_STORED;
    self->next = log + 1;
    self->records++;
    return true;
}

/* Goes on from there, to the tip or as far as one page goes. */
static void s_scan(span_t *self, journal_reader_t *reader)
{
    uint64_t tip = self->reading->held_at.tip;
    journal_scan(reader, self->next, s_each, self);
    if (self->found.more && self->found.count == 0) {
        for (uint32_t i = 0; i < self->len; i++) {
            self->row[i].from = PAGE_AFTER;
            self->row[i].at = self->row[i].last.sequence;
            self->row[i].mark = MARK_NONE;
        }
        uint64_t first = s_first(self, reader);
        self->next = first > self->next ? first : self->next;
    } else if (!self->found.more && self->next < tip) {
        self->next = tip;
    }
}

/* What is known of the record before self->next. */
static void s_mark(span_t *self, journal_reader_t *reader)
{
    found_t *found = &self->found;
    found->upto = self->next - 1;
    if (found->position.sequence == found->upto)
        return;
    found->position = (position_t){.sequence = found->upto};
    found->mark = MARK_NONE;
    seen_t seen = found->upto ? s_at_log(self, reader, found->upto) : (seen_t){0};
    if (!seen.log || seen.log != found->upto)
        return;
    found->position = (position_t){found->upto, seen.tag, true};
    found->mark = seen.moved ? MARK_MOVED : MARK_STORED;
}

static void s_look(reading_t *reading, journal_reader_t *reader)
{
    span_t *self = reading->own;
    const uuid_t7 *journal = journal_uuid(reading->with->journal);
    bool goes_on = self->ask.after > 0 && uuid_eq(&self->ask.journal, journal) &&
                   self->ask.after < reading->held_at.tip && !self->ask.bare;
    self->found = (found_t){.kind = self->moved ? FOUND_MOVED : FOUND_SPAN};
    self->rows.len = 0;
    self->records = 0;
    self->reader = reader;
    if (!self->moved) {
        self->next = goes_on ? self->ask.after + 1 : s_first(self, reader);
        if (!self->ask.bare)
            s_scan(self, reader);
        s_mark(self, reader);
        for (uint32_t i = 0; i < self->len; i++)
            standing_write(&self->row[i].standing, &self->rows);
    }
    feed_answer(reading, &self->found, &self->rows);
}

static void s_drop(void *own)
{
    span_t *self = own;
    free(self->row);
    free(self->by_target);
    bytes_free(&self->rows);
    free(self);
}

/* A page that goes on has its targets where they are said to be. */
static void s_take_rows(span_t *self, const ask_t *ask)
{
    span_row_t asked;
    bytes_in_t in = {ask->rows.data, ask->rows.len, false};
    while (self->len < ask->grants && span_row_read(&in, &asked)) {
        row_t *row = &self->row[self->len];
        *row = (row_t){.target = asked.grant.target,
                       .from = asked.from,
                       .at = asked.at,
                       .tag = asked.tag,
                       .mark = asked.mark};
        row->last = (position_t){asked.at, asked.tag, asked.mark != MARK_NONE};
        row->standing.position = row->last;
        self->by_target[self->len++] = row;
    }
    qsort(self->by_target, self->len, sizeof *self->by_target, s_compare);
}

static void s_begin(reading_t *reading, answering_t *with)
{
    span_t *self = reading->own;
    for (uint32_t i = 0; i < self->len; i++)
        self->moved |= wire_shard(&self->row[i].target, with->shard.shards) != with->shard.shard;
}

void span_prepare(job_t *job, const ask_t *ask)
{
    span_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->row = calloc(ask->grants, sizeof *self->row);
    self->by_target = calloc(ask->grants, sizeof(row_t *));
    if (!self->row || !self->by_target)
        abort();
    self->ask = *ask;
    self->ask.rows = slice("", 0);
    s_take_rows(self, ask);
    reading_t *reading = reading_new(job);
    reading->own = self;
    reading->drop = s_drop;
    reading->begin = s_begin;
    reading->look = s_look;
    self->reading = reading;
}
