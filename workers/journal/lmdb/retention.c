#include "workers/journal/lmdb/edits.h"
#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/journal/lmdb/retained.h"

#include <string.h>

static bool s_is_due(const pass_t *pass, uint64_t log, const record_t *record)
{
    const journal_options_t *options = &pass->journal->options;
    /* The log is also what seen's ids are removed by. */
    if (log >= pass->state.pruned_log)
        return false;
    uint64_t age_ms = pass->state.running_ms - (uint64_t)record->running_ms;
    return age_ms >= options->retention_ms ||
           (options->retention_bytes > 0 && pass->state.bytes > options->retention_bytes);
}

int retention_remove(pass_t *pass, uint64_t log, const record_t *record)
{
    place_key_t place = journal_place(&record->target, record->sequence);
    MDB_val key = {sizeof place, &place};
    range_row_t *range;
    uint64_t size = record_size(record) + JOURNAL_RECORD_COST;
    uint64_t sequence = record->sequence;
    uuid_t7 target = record->target;
    bool delivers = record->flags & RECORD_DELIVER;
    int rc = pass_target(pass, &target, &range);
    if (rc == 0 && record_is_related(record))
        rc = edits_retire(pass, record);
    if (rc == 0 && sequence % JOURNAL_STRIDE == 0)
        rc = mdb_del(pass->txn, pass->journal->table[TABLE_BY_TARGET], &key, NULL);
    if ((rc == 0 || rc == MDB_NOTFOUND) && delivers)
        rc = outbox_forget(pass, &target, log);
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = mdb_cursor_del(pass->log, 0);
    if (rc != 0)
        return rc;
    range->first = sequence + 1;
    pass->state.records--;
    pass->state.bytes -= size;
    pass->removed++;
    pass->journal->retired++;
    return retained_lost(pass, &target, sequence, size);
}

/* The oldest record that can be read. Whose those are that cannot nobody knows: they stay where
 * they are, and count. */
static int s_oldest(pass_t *pass, uint64_t *log, record_t *record)
{
    journal_t *journal = pass->journal;
    uint64_t from = journal_key(journal->passed_log), number;
    MDB_val key = {sizeof from, &from}, value;
    int rc = mdb_cursor_get(pass->log, &key, &value, MDB_SET_RANGE);
    for (; rc == 0; rc = mdb_cursor_get(pass->log, &key, &value, MDB_NEXT)) {
        rc = row_record(pass->txn, journal->table[TABLE_LOG], journal->summed_log, &key, &value,
                        record);
        if (rc != MDB_CORRUPTED)
            break;
        memcpy(&number, key.mv_data, key.mv_size < sizeof number ? key.mv_size : sizeof number);
        if (key.mv_size == sizeof number && be64toh(number) >= journal->passed_log)
            journal->passed_log = be64toh(number) + 1;
    }
    if (rc == 0)
        memcpy(&number, key.mv_data, sizeof number);
    *log = rc == 0 ? be64toh(number) : 0;
    return rc;
}

int retention_step(pass_t *pass, size_t steps)
{
    int rc = 0;
    for (; rc == 0 && steps > 0; steps--) {
        record_t record;
        uint64_t number;
        rc = s_oldest(pass, &number, &record);
        if (rc != 0)
            break;
        if (!s_is_due(pass, number, &record))
            break;
        bool pending = false;
        if (record.flags & RECORD_DELIVER &&
            (rc = outbox_is_pending(pass, &record, number, &pending)) != 0)
            break;
        if (pending) /* it ends, or is dead, within days */
            break;
        rc = retention_remove(pass, number, &record);
        if (rc == 0)
            pass->state.first_log = number + 1;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}
