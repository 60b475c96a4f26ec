#include "workers/journal_row.h"

#include "common/log/log.h"

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { DBIS = 64, KEY_TEXT = 2 * 64 + 1 };

static const char *s_names[DBIS];

void row_name(MDB_dbi dbi, const char *name)
{
    if (dbi < DBIS)
        s_names[dbi] = name;
}

/* With a seed a longer row would cost a third more. */
static uint64_t s_sum(const MDB_val *key, const void *row, size_t size)
{
    return htole64(XXH3_64bits(row, size) ^ XXH3_64bits(key->mv_data, key->mv_size));
}

/* Says where, and returns the error. */
static int s_damaged(MDB_txn *txn, MDB_dbi dbi, const MDB_val *key)
{
    static atomic_uint_fast64_t said; /* the last place, once */
    char text[KEY_TEXT] = "";
    uint64_t place = XXH3_64bits_withSeed(key->mv_data, key->mv_size < 512 ? key->mv_size : 0, dbi);
    if (atomic_exchange(&said, place) == place)
        return MDB_CORRUPTED;
    const char *path = "";
    for (size_t i = 0; i < key->mv_size && 2 * i + 2 < sizeof text; i++)
        snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)key->mv_data)[i]);
    mdb_env_get_path(mdb_txn_env(txn), &path);
    log_error("journal.damaged", "path=%s table=%s key=%s err=%s", LOG_Q(path),
              dbi < DBIS && s_names[dbi] ? s_names[dbi] : "?", text,
              LOG_Q("the row does not have its checksum: look at the disk, then restore the "
                    "directory from a backup"));
    return MDB_CORRUPTED;
}

/* Takes the checksum off the value. */
static int s_open(MDB_txn *txn, MDB_dbi dbi, const MDB_val *key, MDB_val *value)
{
    uint64_t sum;
    if (value->mv_size < ROW_SUM || value->mv_size > ROW_MOST)
        return s_damaged(txn, dbi, key);
    value->mv_size -= ROW_SUM;
    memcpy(&sum, (const char *)value->mv_data + value->mv_size, sizeof sum);
    return sum == s_sum(key, value->mv_data, value->mv_size) ? 0 : s_damaged(txn, dbi, key);
}

int row_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
    int rc = mdb_get(txn, dbi, key, value);
    return rc ? rc : s_open(txn, dbi, key, value);
}

int row_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op)
{
    int rc = mdb_cursor_get(cursor, key, value, op);
    return rc ? rc : s_open(mdb_cursor_txn(cursor), mdb_cursor_dbi(cursor), key, value);
}

static void s_fill(const MDB_val *key, const MDB_val *row, char *to)
{
    uint64_t sum = s_sum(key, row->mv_data, row->mv_size);
    if (row->mv_size > 0)
        memcpy(to, row->mv_data, row->mv_size);
    memcpy(to + row->mv_size, &sum, sizeof sum);
}

int row_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned flags)
{
    MDB_val made = {value->mv_size + ROW_SUM, NULL};
    assert(made.mv_size <= ROW_MOST);
    int rc = mdb_put(txn, dbi, key, &made, flags | MDB_RESERVE);
    if (rc == 0)
        s_fill(key, value, made.mv_data);
    return rc;
}

int row_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *value, unsigned flags)
{
    MDB_val made = {value->mv_size + ROW_SUM, NULL};
    assert(made.mv_size <= ROW_MOST);
    int rc = mdb_cursor_put(cursor, key, &made, flags | MDB_RESERVE);
    if (rc == 0)
        s_fill(key, value, made.mv_data);
    if (rc != MDB_KEYEXIST)
        return rc;
    int damaged = s_open(mdb_cursor_txn(cursor), mdb_cursor_dbi(cursor), key, &made);
    *value = made;
    return damaged ? damaged : rc;
}

size_t row_record_size(const record_t *record)
{
    return record_size(record) + ROW_SUM;
}

void row_record_write(const record_t *record, const MDB_val *key, void *to)
{
    size_t size = record_size(record);
    record_write(record, to);
    uint64_t sum = s_sum(key, to, size);
    memcpy((char *)to + size, &sum, sizeof sum);
}

int row_record(MDB_txn *txn, MDB_dbi dbi, uint64_t summed, const MDB_val *key, const MDB_val *value,
               record_t *record)
{
    uint64_t log = 0, sum = 0;
    size_t size = value->mv_size;
    if (key->mv_size == sizeof log)
        memcpy(&log, key->mv_data, sizeof log);
    bool has = be64toh(log) >= summed;
    if (has && size >= ROW_SUM)
        size -= ROW_SUM;
    /* Its own lengths first: a damaged size would be read past the map. */
    bool good = key->mv_size == sizeof log && record_read(record, slice(value->mv_data, size)) == 0;
    if (good && has) {
        memcpy(&sum, (const char *)value->mv_data + size, sizeof sum);
        good = sum == s_sum(key, value->mv_data, size);
    }
    return good ? 0 : s_damaged(txn, dbi, key);
}

int row_migrate(MDB_txn *txn, MDB_dbi dbi)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat stat;
    char *copy = malloc(ROW_MOST + 512);
    if (!copy)
        abort();
    size_t rows = 0;
    int rc = mdb_stat(txn, dbi, &stat);
    if (rc == 0)
        rc = mdb_cursor_open(txn, dbi, &cursor);
    if (rc != 0) {
        free(copy);
        return rc;
    }
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; rc == 0; rows++) {
        if (key.mv_size > 511 || value.mv_size > ROW_MOST - ROW_SUM) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(copy, key.mv_data, key.mv_size);
        memcpy(copy + 512, value.mv_data, value.mv_size);
        key.mv_data = copy;
        value.mv_data = copy + 512;
        rc = row_cursor_put(cursor, &key, &value, 0);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    free(copy);
    if (rc == MDB_NOTFOUND)
        rc = rows == stat.ms_entries ? 0 : MDB_CORRUPTED;
    return rc;
}
