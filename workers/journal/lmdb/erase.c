/* Removing the content of records that stay: their places, their times and who sent them. What was
 * written of the content before is free in the file, and is written over in time. */
#include "workers/journal/lmdb/edits.h"
#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/journal/lmdb/retained.h"
#include "workers/journal/revisions.h"

#include <stdlib.h>
#include <string.h>

static size_t s_size(const pass_t *pass, uint64_t log, const record_t *record)
{
    return log >= pass->journal->summed_log ? row_record_size(record) : record_size(record);
}

static int s_rewrite(pass_t *pass, MDB_val *key, uint64_t log, const record_t *record)
{
    size_t size = s_size(pass, log, record);
    MDB_val value = {size, malloc(size)};
    if (!value.mv_data)
        abort();
    if (log >= pass->journal->summed_log)
        row_record_write(record, key, value.mv_data);
    else
        record_write(record, value.mv_data);
    int rc = mdb_put(pass->txn, pass->journal->table[TABLE_LOG], key, &value, 0);
    free(value.mv_data);
    return rc;
}

int erase_record(pass_t *pass, uint64_t log)
{
    record_t record;
    uint64_t number = journal_key(log);
    MDB_val key = {sizeof number, &number}, value;
    MDB_dbi table = pass->journal->table[TABLE_LOG];
    int rc = mdb_get(pass->txn, table, &key, &value);
    if (rc == 0)
        rc = row_record(pass->txn, table, pass->journal->summed_log, &key, &value, &record);
    if (rc == MDB_NOTFOUND || (rc == 0 && record.flags & (RECORD_ERASED | RECORD_DELETE)))
        return 0;
    if (rc != 0)
        return rc;
    size_t before = record_size(&record);
    bool delivers =
        record.flags & RECORD_DELIVER; /* that has ended: what is left of it is its log */
    record_erase(&record);
    record.flags &= ~(unsigned)RECORD_DELIVER;
    uint64_t less = before - record_size(&record), sequence = record.sequence;
    pass->state.bytes -= less;
    uuid_t7 target = record.target;
    rc = s_rewrite(pass, &key, log, &record);
    if (rc == 0)
        rc = retained_lost(pass, &target, sequence, less);
    return rc == 0 && delivers ? outbox_forget(pass, &target, log) : rc;
}

static int s_erase_root(pass_t *pass, const record_t *last)
{
    sight_t sight = {pass->journal, pass->txn};
    range_row_t *range;
    uint64_t log;
    int rc = pass_target(pass, &last->target, &range);
    if (rc != 0 || last->root < range->first || last->root > range->last)
        return rc;
    rc = sight_log(&sight, &last->target, last->root, range, &log);
    return rc ? rc : erase_record(pass, log);
}

/* Revisions from FROM to TO, as far as they are there. */
static int s_erase_revisions(pass_t *pass, const record_t *last, uint64_t from, uint64_t to)
{
    int rc = 0;
    for (uint64_t at = from; rc == 0 && at <= to; at++) {
        edit_row_t row;
        relation_key_t name = journal_relation(&last->target, last->root, at);
        rc = row_read(pass->txn, pass->journal->table[TABLE_EDITS], slice(&name, sizeof name), &row,
                      sizeof row);
        if (rc == 0)
            rc = erase_record(pass, le64toh(row.log));
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    return rc;
}

int erase_before(pass_t *pass, const record_t *last)
{
    uint64_t from, to;
    if (!revisions_erased(last, &from, &to))
        return 0;
    int rc = last->flags & RECORD_DELETE ? s_erase_root(pass, last) : 0;
    return rc ? rc : s_erase_revisions(pass, last, from, to);
}
