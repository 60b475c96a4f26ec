#include "workers/journal_lmdb.h"

#include <string.h>

typedef struct __attribute__((packed)) {
    uuid_t7 target;
    uint64_t sequence; /* big-endian */
} place_t;

static int s_range(journal_t *self, const uuid_t7 *target, journal_range_t *range)
{
    MDB_val key = {UUID_BYTES, (void *)target->bytes}, value;
    range_row_t row;
    *range = (journal_range_t){1, 0};
    int rc = mdb_get(self->reader, self->table[TABLE_TARGETS], &key, &value);
    if (rc != 0)
        return rc;
    if (value.mv_size != sizeof row)
        return MDB_CORRUPTED;
    memcpy(&row, value.mv_data, sizeof row);
    *range = (journal_range_t){le64toh(row.first), le64toh(row.last)};
    return 0;
}

/* One record by its log sequence. */
static int s_each(journal_t *self, MDB_val *log, journal_each_fn each, void *arg, bool *more)
{
    MDB_val value;
    record_t record;
    uint64_t number;
    int rc = mdb_get(self->reader, self->table[TABLE_LOG], log, &value);
    if (rc != 0)
        return rc;
    if (log->mv_size != sizeof number ||
        record_read(&record, slice(value.mv_data, value.mv_size)) != 0)
        return MDB_CORRUPTED;
    memcpy(&number, log->mv_data, sizeof number);
    *more = each(arg, be64toh(number), &record);
    return 0;
}

static int s_read(journal_t *self, const uuid_t7 *target, uint64_t from, journal_each_fn each,
                  void *arg)
{
    place_t place = {*target, journal_key(from)};
    MDB_val key = {sizeof place, &place}, log;
    MDB_cursor *cursor;
    bool more = true;
    int rc = mdb_cursor_open(self->reader, self->table[TABLE_BY_TARGET], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &log, MDB_SET_RANGE);
    while (rc == 0 && more && key.mv_size == sizeof place &&
           memcmp(key.mv_data, target->bytes, UUID_BYTES) == 0) {
        rc = s_each(self, &log, each, arg, &more);
        if (rc == 0 && more)
            rc = mdb_cursor_get(cursor, &key, &log, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

void journal_read(journal_t *self, const uuid_t7 *target, uint64_t from, journal_range_t *range,
                  journal_each_fn each, void *arg)
{
    int rc = self->reader ? mdb_txn_renew(self->reader)
                          : mdb_txn_begin(self->env, NULL, MDB_RDONLY, &self->reader);
    if (rc == 0)
        rc = s_range(self, target, range);
    if (rc == 0 && range->first <= range->last)
        rc = s_read(self, target, from > range->first ? from : range->first, each, arg);
    if (rc != 0 && rc != MDB_NOTFOUND)
        store_fail(self->store, "read", rc);
    mdb_txn_reset(self->reader);
}
