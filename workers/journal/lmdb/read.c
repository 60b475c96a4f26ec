#include "workers/journal/lmdb/read.h"
#include "common/monitor/monitor.h"

#include <string.h>

int sight_get(const sight_t *self, uint64_t log, const uuid_t7 *target, uint64_t sequence,
              record_t *record)
{
    uint64_t number = journal_key(log);
    MDB_val key = {sizeof number, &number}, value;
    int rc = mdb_get(self->txn, self->journal->table[TABLE_LOG], &key, &value);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    rc = row_record(self->txn, self->journal->table[TABLE_LOG], self->journal->summed_log, &key,
                    &value, record);
    bool good = rc == 0 && record->sequence == sequence && uuid_eq(&record->target, target);
    return good ? 0 : MDB_CORRUPTED;
}

/* The one with an entry in by_target, else the target's last. */
int sight_anchor(const sight_t *self, const uuid_t7 *target, uint64_t from,
                 const range_row_t *range, uint64_t *sequence, uint64_t *log)
{
    *sequence = (from + JOURNAL_STRIDE - 1) / JOURNAL_STRIDE * JOURNAL_STRIDE;
    place_key_t place = journal_place(target, *sequence);
    if (*sequence > range->last) {
        *sequence = range->last;
        *log = range->last_log;
        return 0;
    }
    int rc = row_read(self->txn, self->journal->table[TABLE_BY_TARGET], slice(&place, sizeof place),
                      log, sizeof *log);
    if (rc == 0)
        *log = be64toh(*log);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

/* Reads from FROM to the next anchor: back along the chain, then forward. */
static int s_stride(const sight_t *self, const uuid_t7 *target, uint64_t *from,
                    const range_row_t *range, journal_each_fn each, void *arg, bool *more)
{
    uint64_t logs[JOURNAL_STRIDE], last = 0, log = 0;
    record_t record;
    int rc = sight_anchor(self, target, *from, range, &last, &log);
    for (uint64_t at = last; rc == 0 && at >= *from; at--) {
        logs[at - *from] = log;
        rc = sight_get(self, log, target, at, &record);
        log = record.previous;
    }
    for (uint64_t at = *from; rc == 0 && *more && at <= last; at++) {
        rc = sight_get(self, logs[at - *from], target, at, &record);
        if (rc == 0)
            *more = each(arg, logs[at - *from], &record);
    }
    *from = last + 1;
    return rc;
}

static int s_read(const sight_t *self, const uuid_t7 *target, uint64_t from, const range_row_t *row,
                  journal_each_fn each, void *arg)
{
    int rc = 0;
    bool more = true;
    if (from < row->first)
        from = row->first;
    while (rc == 0 && more && from <= row->last)
        rc = s_stride(self, target, &from, row, each, arg, &more);
    return rc;
}

/* A read on its way: what is committed first, then what the tail has. */
typedef struct {
    journal_reader_t *reader;
    const uuid_t7 *target;
    uint64_t next; /* the sequence to go on from */
    journal_range_t *range;
    journal_each_fn each;
    void *arg;
    bool more;
} walk_t;

static bool s_give(void *arg, uint64_t log, const record_t *record)
{
    walk_t *self = arg;
    self->next = record->sequence + 1;
    if (record->sequence > self->range->last)
        self->range->last = record->sequence;
    self->more = self->each(self->arg, log, record);
    return self->more;
}

journal_reader_t *journal_reader(journal_t *self)
{
    return &self->reader;
}

asking_t *journal_asking(const journal_t *self)
{
    return self->asking;
}

int reader_begin(journal_reader_t *self)
{
    int rc = self->txn ? mdb_txn_renew(self->txn)
                       : mdb_txn_begin(self->journal->env, NULL, MDB_RDONLY, &self->txn);
    self->open = rc == 0;
    return rc;
}

static void s_close_cursor(MDB_cursor **cursor)
{
    if (*cursor)
        mdb_cursor_close(*cursor);
    *cursor = NULL;
}

void reader_end(journal_reader_t *self)
{
    s_close_cursor(&self->cursor);
    s_close_cursor(&self->edits);
    self->open = false;
    if (self->txn)
        mdb_txn_reset(self->txn);
}

void reader_close(journal_reader_t *self)
{
    if (self->txn)
        mdb_txn_abort(self->txn);
    self->txn = NULL;
}

int sight_begin(sight_t *self, journal_reader_t *reader, const uuid_t7 *target, range_row_t *range)
{
    int rc = reader_begin(reader);
    *self = (sight_t){reader->journal, reader->txn};
    *range = (range_row_t){1, 0, 0};
    return rc == 0 ? range_read(reader->journal, reader->txn, target, range) : rc;
}

static int s_read_committed(walk_t *self)
{
    journal_reader_t *reader = self->reader;
    range_row_t row;
    sight_t sight;
    int rc = sight_begin(&sight, reader, self->target, &row);
    self->range->first = row.first;
    if (row.last > self->range->last) /* of a tail that was read before, some are not committed */
        self->range->last = row.last;
    if (self->next < row.first)
        self->next = row.first;
    if (rc == 0)
        rc = s_read(&sight, self->target, self->next, &row, s_give, self);
    reader_end(reader);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Until there is no more there, or that was committed meanwhile. */
static int s_read_tail(walk_t *self)
{
    tail_t *tail = self->reader->journal->tail;
    tail_page_t page;
    int rc = 0;
    do {
        tail_read(tail, self->target, self->next, &page);
        for (size_t i = 0; i < page.len && self->more && rc == 0; i++) {
            record_t record;
            rc = record_read(&record, page.rows[i].encoded) ? MDB_CORRUPTED : 0;
            if (rc == 0)
                s_give(self, page.rows[i].log, &record);
        }
        tail_release(tail, &page);
    } while (page.len > 0 && self->more && rc == 0);
    return rc;
}

void journal_read(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                  journal_range_t *range, journal_each_fn each, void *arg)
{
    walk_t walk = {self, target, from, range, each, arg, true};
    const tail_t *tail = self->journal->tail;
    uint64_t drops;
    int rc;
    *range = (journal_range_t){.first = 1};
    do {
        drops = tail_drops(tail);
        rc = s_read_committed(&walk);
        if (rc == 0 && walk.more)
            rc = s_read_tail(&walk);
    } while (rc == 0 && walk.more && drops != tail_drops(tail));
    if (rc != 0)
        reader_failed(self, "read", rc);
}

void reader_failed(journal_reader_t *self, const char *what, int rc)
{
    if (!self->trying)
        store_fail(self->journal->store, what, rc);
    self->tried = rc;
}

typedef struct {
    void (*read)(void *arg);
    void *arg;
} trial_t;

static int s_run(void *arg)
{
    const trial_t *trial = arg;
    trial->read(trial->arg);
    return 0;
}

bool journal_try(journal_reader_t *self, void (*read)(void *arg), void *arg)
{
    trial_t trial = {read, arg};
    self->trying = true;
    self->tried = 0;
    int rc = store_try(s_run, &trial);
    if (rc != 0) { /* what a damaged page has ended had these */
        reader_end(self);
        tail_let_go(self->journal->tail, &self->held);
    }
    self->trying = false;
    rc = rc ? rc : self->tried;
    if (rc == 0)
        return true;
    metric_add(METRIC_damaged_reads_total, 1);
    store_say(self->journal->store, "read", rc);
    return false;
}

journal_asked_t journal_tried(const journal_reader_t *self)
{
    (void)self;
    return JOURNAL_DAMAGED;
}

static bool s_in_tail(tail_t *tail, const uuid_t7 *target, uint64_t sequence)
{
    tail_page_t page;
    tail_read(tail, target, sequence, &page);
    bool found = page.len > 0;
    tail_release(tail, &page);
    return found;
}

/* By steps that double, then halve. */
uint64_t tail_last(tail_t *tail, const uuid_t7 *target, uint64_t last)
{
    uint64_t step = 1;
    while (s_in_tail(tail, target, last + step)) {
        last += step;
        step *= 2;
    }
    for (; step > 0; step /= 2)
        if (s_in_tail(tail, target, last + step))
            last += step;
    return last;
}

void journal_range(journal_reader_t *self, const uuid_t7 *target, journal_range_t *range)
{
    tail_t *tail = self->journal->tail;
    range_row_t row;
    sight_t sight;
    uint64_t drops;
    int rc;
    do {
        drops = tail_drops(tail);
        rc = sight_begin(&sight, self, target, &row);
        reader_end(self);
        *range = (journal_range_t){row.first, tail_last(tail, target, row.last), row.last_log};
    } while ((rc == 0 || rc == MDB_NOTFOUND) && drops != tail_drops(tail));
    if (rc != 0 && rc != MDB_NOTFOUND)
        reader_failed(self, "read", rc);
}
