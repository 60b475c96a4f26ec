#include "workers/journal_lmdb.h"

#include <string.h>

/* What a read looks at: the journal as committed, or the open pass. */
typedef struct {
    journal_t *journal;
    MDB_txn *txn;
} sight_t;

/* The record of that number, which must be the target's with that sequence. */
static int s_get(const sight_t *self, uint64_t log, const uuid_t7 *target, uint64_t sequence,
                 record_t *record)
{
    uint64_t number = journal_key(log);
    MDB_val key = {sizeof number, &number}, value;
    int rc = mdb_get(self->txn, self->journal->table[TABLE_LOG], &key, &value);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    bool good = record_read(record, slice(value.mv_data, value.mv_size)) == 0 &&
                record->sequence == sequence && uuid_eq(&record->target, target);
    return good ? 0 : MDB_CORRUPTED;
}

/* The record with an entry in by_target that is the first from FROM on, else the target's last. */
static int s_anchor(const sight_t *self, const uuid_t7 *target, uint64_t from,
                    const range_row_t *range, uint64_t *sequence, uint64_t *log)
{
    *sequence = (from + JOURNAL_STRIDE - 1) / JOURNAL_STRIDE * JOURNAL_STRIDE;
    place_key_t place = journal_place(target, *sequence);
    MDB_val key = {sizeof place, &place}, value;
    if (*sequence > range->last) {
        *sequence = range->last;
        *log = range->last_log;
        return 0;
    }
    int rc = mdb_get(self->txn, self->journal->table[TABLE_BY_TARGET], &key, &value);
    if (rc != 0 || value.mv_size != sizeof *log)
        return rc && rc != MDB_NOTFOUND ? rc : MDB_CORRUPTED;
    memcpy(log, value.mv_data, sizeof *log);
    *log = be64toh(*log);
    return 0;
}

/* Reads from FROM to the next anchor: back along the chain, then forward. */
static int s_stride(const sight_t *self, const uuid_t7 *target, uint64_t *from,
                    const range_row_t *range, journal_each_fn each, void *arg, bool *more)
{
    uint64_t logs[JOURNAL_STRIDE], last = 0, log = 0;
    record_t record;
    int rc = s_anchor(self, target, *from, range, &last, &log);
    for (uint64_t at = last; rc == 0 && at >= *from; at--) {
        logs[at - *from] = log;
        rc = s_get(self, log, target, at, &record);
        log = record.previous;
    }
    for (uint64_t at = *from; rc == 0 && *more && at <= last; at++) {
        rc = s_get(self, logs[at - *from], target, at, &record);
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

/* What is not committed yet is seen in the pass itself, which stands still meanwhile. While there
 * is none because a commit is under way, this waits for the writer to begin the next. */
static bool s_read_pass(journal_t *self, const uuid_t7 *target, uint64_t from,
                        journal_range_t *range, journal_each_fn each, void *arg, int *rc)
{
    range_row_t row;
    pthread_mutex_lock(&self->lock);
    while (self->leaving.txn || self->behind)
        pthread_cond_wait(&self->settled, &self->lock);
    bool open = atomic_load(&self->unsaved);
    if (open) {
        sight_t sight = {self, self->pass.txn};
        *rc = pass_range(&self->pass, target, &row);
        *range = (journal_range_t){row.first, row.last};
        if (*rc == 0)
            *rc = s_read(&sight, target, from, &row, each, arg);
    }
    pthread_mutex_unlock(&self->lock);
    return open;
}

static int s_read_committed(journal_t *self, const uuid_t7 *target, uint64_t from,
                            journal_range_t *range, journal_each_fn each, void *arg)
{
    range_row_t row = {1, 0, 0};
    int rc = self->reader ? mdb_txn_renew(self->reader)
                          : mdb_txn_begin(self->env, NULL, MDB_RDONLY, &self->reader);
    sight_t sight = {self, self->reader};
    if (rc == 0)
        rc = range_read(self, self->reader, target, &row);
    *range = (journal_range_t){row.first, row.last};
    if (rc == 0)
        rc = s_read(&sight, target, from, &row, each, arg);
    mdb_txn_reset(self->reader);
    return rc;
}

void journal_read(journal_t *self, const uuid_t7 *target, uint64_t from, journal_range_t *range,
                  journal_each_fn each, void *arg)
{
    int rc = 0;
    if (!s_read_pass(self, target, from, range, each, arg, &rc))
        rc = s_read_committed(self, target, from, range, each, arg);
    if (rc != 0 && rc != MDB_NOTFOUND)
        store_fail(self->store, "read", rc);
}
