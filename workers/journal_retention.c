#include "workers/journal_outbox_rows.h"

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

static int s_remove(pass_t *pass, uint64_t log, const record_t *record)
{
    place_key_t place = journal_place(&record->target, record->sequence);
    MDB_val key = {sizeof place, &place};
    range_row_t *range;
    uint64_t size = record_size(record) + JOURNAL_RECORD_COST;
    uint64_t sequence = record->sequence;
    uuid_t7 target = record->target;
    bool delivers = record->flags & RECORD_DELIVER;
    int rc = pass_target(pass, &target, &range);
    if (rc == 0 && sequence % JOURNAL_STRIDE == 0)
        rc = mdb_del(pass->txn, pass->journal->table[TABLE_BY_TARGET], &key, NULL);
    if ((rc == 0 || rc == MDB_NOTFOUND) && delivers)
        rc = outbox_forget(pass, &target, log);
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = mdb_cursor_del(pass->log, 0);
    if (rc != 0)
        return rc;
    range->first = sequence + 1;
    pass->state.first_log = log + 1;
    pass->state.bytes -= size;
    pass->removed++;
    pass->journal->retired++;
    return 0;
}

int retention_step(pass_t *pass, size_t steps)
{
    int rc = 0;
    for (; rc == 0 && steps > 0; steps--) {
        MDB_val key, value;
        record_t record;
        uint64_t number;
        rc = mdb_cursor_get(pass->log, &key, &value, MDB_FIRST);
        if (rc != 0)
            break;
        rc = row_record(pass->txn, pass->journal->table[TABLE_LOG], pass->journal->summed_log, &key,
                        &value, &record);
        if (rc != 0)
            return rc == MDB_CORRUPTED ? 0 : rc; /* whose it is nobody knows: it stays */
        memcpy(&number, key.mv_data, sizeof number);
        if (!s_is_due(pass, be64toh(number), &record))
            break;
        bool pending = false;
        if (record.flags & RECORD_DELIVER &&
            (rc = outbox_is_pending(pass, &record, be64toh(number), &pending)) != 0)
            break;
        if (pending) /* it ends, or is dead, within days */
            break;
        rc = s_remove(pass, be64toh(number), &record);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}
