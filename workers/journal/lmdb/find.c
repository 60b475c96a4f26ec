#include "workers/journal/lmdb/edits.h"

#include <string.h>

int sight_log(const sight_t *self, const uuid_t7 *target, uint64_t sequence,
              const range_row_t *range, uint64_t *log)
{
    record_t record;
    uint64_t at;
    int rc = sight_anchor(self, target, sequence, range, &at, log);
    for (; rc == 0 && at > sequence; at--) {
        rc = sight_get(self, *log, target, at, &record);
        *log = record.previous;
    }
    return rc;
}

static uint64_t s_number(const sight_t *self, uint64_t log, const record_t *record)
{
    const journal_options_t *options = &self->journal->options;
    return record->number ? record->number : journal_number(log, options->shard, options->shards);
}

/* Nearly all have the number that follows from their place. */
static int s_by_place(const sight_t *self, const uuid_t7 *target, uint64_t number,
                      const range_row_t *range, uint64_t *log, record_t *record)
{
    const journal_options_t *options = &self->journal->options;
    if (number % options->shards != options->shard)
        return MDB_NOTFOUND;
    *log = number / options->shards;
    uint64_t place = journal_key(*log);
    MDB_val key = {sizeof place, &place}, value;
    int rc = mdb_get(self->txn, self->journal->table[TABLE_LOG], &key, &value);
    if (rc == 0)
        rc = row_record(self->txn, self->journal->table[TABLE_LOG], self->journal->summed_log, &key,
                        &value, record);
    if (rc != 0)
        return rc;
    bool is =
        !record->number && uuid_eq(&record->target, target) && record->sequence >= range->first;
    return is ? 0 : MDB_NOTFOUND;
}

/* The first record with an entry in by_target, or the last one, whose number is not below NUMBER:
 * numbers grow with the sequence. */
static int s_anchor_from(const sight_t *self, const uuid_t7 *target, uint64_t number,
                         const range_row_t *range, uint64_t *sequence, uint64_t *log)
{
    uint64_t low = range->first / JOURNAL_STRIDE, high = range->last / JOURNAL_STRIDE + 1;
    record_t record;
    int rc = 0;
    while (rc == 0 && low < high) {
        uint64_t middle = low + (high - low) / 2, from = middle * JOURNAL_STRIDE;
        rc = sight_anchor(self, target, from > range->first ? from : range->first, range, sequence,
                          log);
        if (rc == 0)
            rc = sight_get(self, *log, target, *sequence, &record);
        if (rc == 0 && s_number(self, *log, &record) < number)
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t from = low * JOURNAL_STRIDE;
    return rc ? rc
              : sight_anchor(self, target, from > range->first ? from : range->first, range,
                             sequence, log);
}

/* Those that a reshard has moved keep theirs. */
static int s_by_search(const sight_t *self, const uuid_t7 *target, uint64_t number,
                       const range_row_t *range, uint64_t *log, record_t *record)
{
    uint64_t sequence = 0;
    if (range->last < range->first)
        return MDB_NOTFOUND;
    int rc = s_anchor_from(self, target, number, range, &sequence, log);
    for (; rc == 0 && sequence >= range->first; sequence--) {
        rc = sight_get(self, *log, target, sequence, record);
        if (rc != 0)
            return rc;
        uint64_t has = s_number(self, *log, record);
        if (has <= number)
            return has == number ? 0 : MDB_NOTFOUND;
        *log = record->previous;
    }
    return rc ? rc : MDB_NOTFOUND;
}

int sight_number(const sight_t *self, const uuid_t7 *target, uint64_t number,
                 const range_row_t *range, uint64_t *log, record_t *record)
{
    int rc = s_by_place(self, target, number, range, log, record);
    return rc == MDB_NOTFOUND ? s_by_search(self, target, number, range, log, record) : rc;
}

/* Among the messages whose first record retention has removed. */
static int s_orphan(const sight_t *self, const uuid_t7 *target, const journal_name_t *name,
                    const range_row_t *range, uint64_t *log, record_t *record)
{
    MDB_cursor *cursor;
    edit_t edit = {.root = 0};
    int rc = mdb_cursor_open(self->txn, self->journal->table[TABLE_EDITS], &cursor);
    if (rc != 0)
        return rc;
    do
        rc = edits_next(cursor, target, edit.root + 1, &edit);
    while (rc == 0 && edit.root < range->first && edit.root_number != name->number);
    mdb_cursor_close(cursor);
    if (rc != 0 || edit.root >= range->first)
        return rc ? rc : MDB_NOTFOUND;
    *log = edit.log;
    return sight_get(self, edit.log, target, edit.sequence, record);
}

int sight_message(const sight_t *self, const uuid_t7 *target, const journal_name_t *name,
                  const range_row_t *range, uint64_t *log, record_t *record)
{
    int rc = sight_number(self, target, name->number, range, log, record);
    if (rc == MDB_NOTFOUND)
        rc = s_orphan(self, target, name, range, log, record);
    else if (rc == 0 && record->flags & RECORD_EDIT)
        return MDB_NOTFOUND;
    if (rc != 0)
        return rc;
    int64_t time_ms = record->flags & RECORD_EDIT ? record->root_ms : record->time_ms;
    return time_ms == name->time_ms ? 0 : MDB_NOTFOUND;
}
