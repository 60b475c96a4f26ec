#include "common/store/row.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { KEY_MOST = 511 }; /* of LMDB as Debian builds it */

uint64_t row_salt(const char *table)
{
    return XXH3_64bits(table, strlen(table));
}

/* With a seed a longer row would cost a third more. */
uint64_t row_sum(uint64_t salt, const MDB_val *key, const void *row, size_t size)
{
    return htole64(XXH3_64bits(row, size) ^ XXH3_64bits(key->mv_data, key->mv_size) ^ salt);
}

uint64_t row_stored(const MDB_val *value)
{
    uint64_t sum = 0;
    if (value->mv_size >= ROW_SUM && value->mv_size <= ROW_MOST)
        memcpy(&sum, (const char *)value->mv_data + value->mv_size - ROW_SUM, sizeof sum);
    return sum;
}

int row_check(uint64_t salt, const MDB_val *key, MDB_val *value)
{
    if (value->mv_size < ROW_SUM || value->mv_size > ROW_MOST)
        return MDB_CORRUPTED;
    uint64_t sum = row_stored(value);
    value->mv_size -= ROW_SUM;
    return sum == row_sum(salt, key, value->mv_data, value->mv_size) ? 0 : MDB_CORRUPTED;
}

void row_write(uint64_t salt, const MDB_val *key, const MDB_val *row, void *to)
{
    uint64_t sum = row_sum(salt, key, row->mv_data, row->mv_size);
    if (row->mv_size > 0)
        memcpy(to, row->mv_data, row->mv_size);
    memcpy((char *)to + row->mv_size, &sum, sizeof sum);
}

/* The row that CURSOR stands on; COPY: room for it and its key, which the page does not keep in
 * place. */
static int s_migrate_one(MDB_cursor *cursor, uint64_t salt, MDB_val key, MDB_val value, char *copy,
                         uint64_t *all)
{
    if (key.mv_size > KEY_MOST || value.mv_size > ROW_MOST - ROW_SUM)
        return MDB_CORRUPTED;
    MDB_val row = {value.mv_size, copy + KEY_MOST}, made = {value.mv_size + ROW_SUM, NULL};
    memcpy(copy, key.mv_data, key.mv_size);
    if (row.mv_size > 0)
        memcpy(row.mv_data, value.mv_data, row.mv_size);
    key.mv_data = copy;
    int rc = mdb_cursor_put(cursor, &key, &made, MDB_RESERVE);
    if (rc != 0)
        return rc;
    row_write(salt, &key, &row, made.mv_data);
    *all ^= row_stored(&made);
    return 0;
}

int row_migrate(MDB_txn *txn, MDB_dbi dbi, uint64_t salt, uint64_t *all)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat stat;
    uint64_t sums = 0;
    size_t rows = 0;
    int rc = mdb_stat(txn, dbi, &stat);
    if (rc == 0)
        rc = mdb_cursor_open(txn, dbi, &cursor);
    if (rc != 0)
        return rc;
    char *copy = malloc(KEY_MOST + ROW_MOST);
    if (!copy)
        abort();
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; rc == 0; rows++) {
        rc = s_migrate_one(cursor, salt, key, value, copy, &sums);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    free(copy);
    if (all)
        *all = sums;
    if (rc != MDB_NOTFOUND)
        return rc;
    return rows == stat.ms_entries ? 0 : MDB_CORRUPTED;
}
