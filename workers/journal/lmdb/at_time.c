/* By halving: the anchors of what is committed, then back from one of them; or the tail. */
#include "workers/journal/lmdb/read.h"

/* What is looked for in what is committed. */
typedef struct {
    sight_t sight;
    const uuid_t7 *target;
    int64_t time_ms;
    range_row_t range;
} seek_t;

typedef struct {
    uint64_t sequence;
    record_t record;
} found_t;

/* Whether the NUMBERth anchor, or the last record, if that is before it, is from then or later. */
static int s_reached(const seek_t *self, uint64_t number, found_t *found, bool *reached)
{
    uint64_t log, last = self->range.last, from = number * JOURNAL_STRIDE;
    int rc = sight_anchor(&self->sight, self->target, from < last ? from : last, &self->range,
                          &found->sequence, &log);
    if (rc == 0)
        rc = sight_get(&self->sight, log, self->target, found->sequence, &found->record);
    *reached = rc == 0 && found->record.time_ms >= self->time_ms;
    return rc;
}

/* False: not even the last record is from then or later. */
static int s_find_anchor(const seek_t *self, found_t *found, bool *any)
{
    uint64_t low = (self->range.first + JOURNAL_STRIDE - 1) / JOURNAL_STRIDE;
    uint64_t high = self->range.last / JOURNAL_STRIDE + 1;
    int rc = s_reached(self, high, found, any);
    while (rc == 0 && *any && low < high) {
        uint64_t middle = low + (high - low) / 2;
        found_t at;
        bool reached;
        rc = s_reached(self, middle, &at, &reached);
        if (reached) {
            *found = at;
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return rc;
}

/* Back along the chain, to where the record before is from before then. */
static int s_go_back(const seek_t *self, found_t *found)
{
    while (found->sequence > self->range.first) {
        found_t before = {.sequence = found->sequence - 1};
        int rc = sight_get(&self->sight, found->record.previous, self->target, before.sequence,
                           &before.record);
        if (rc != 0 || before.record.time_ms < self->time_ms)
            return rc;
        *found = before;
    }
    return 0;
}

/* The sequence behind the last one when there is none from then or later. */
static int s_seek(seek_t *self, journal_reader_t *reader, uint64_t *sequence)
{
    found_t found;
    bool any = false;
    int rc = sight_begin(&self->sight, reader, self->target, &self->range);
    if (rc == 0 && self->range.last >= self->range.first)
        rc = s_find_anchor(self, &found, &any);
    if (rc == 0 && any)
        rc = s_go_back(self, &found);
    reader_end(reader);
    *sequence = any ? found.sequence : self->range.last + 1;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_tail_time(const seek_t *self, uint64_t sequence, int64_t *time_ms)
{
    tail_t *tail = self->sight.journal->tail;
    tail_page_t page;
    record_t record;
    int rc = 0;
    tail_read(tail, self->target, sequence, &page);
    *time_ms = self->time_ms; /* of what has been committed meanwhile */
    if (page.len > 0 && record_read(&record, page.rows[0].encoded) != 0)
        rc = MDB_CORRUPTED;
    else if (page.len > 0)
        *time_ms = record.time_ms;
    tail_release(tail, &page);
    return rc;
}

static int s_seek_tail(const seek_t *self, uint64_t *sequence)
{
    uint64_t low = *sequence, behind = tail_last(self->sight.journal->tail, self->target, low - 1);
    int rc = 0;
    for (behind++; rc == 0 && low < behind;) {
        uint64_t middle = low + (behind - low) / 2;
        int64_t time_ms;
        rc = s_tail_time(self, middle, &time_ms);
        if (time_ms >= self->time_ms)
            behind = middle;
        else
            low = middle + 1;
    }
    *sequence = low;
    return rc;
}

uint64_t journal_at_time(journal_reader_t *self, const uuid_t7 *target, int64_t time_ms)
{
    seek_t seek = {.target = target, .time_ms = time_ms};
    const tail_t *tail = self->journal->tail;
    uint64_t sequence, drops;
    int rc;
    do {
        drops = tail_drops(tail);
        rc = s_seek(&seek, self, &sequence);
        if (rc == 0 && sequence > seek.range.last)
            rc = s_seek_tail(&seek, &sequence);
    } while (rc == 0 && drops != tail_drops(tail));
    if (rc != 0)
        reader_failed(self, "read", rc);
    return sequence;
}
