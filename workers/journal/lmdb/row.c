#include "workers/journal/lmdb/row.h"

#include "common/log/log.h"

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { DBIS = 64, KEY_TEXT = 2 * 64 + 1 };

static const char *s_names[DBIS];

void row_name(MDB_dbi dbi, const char *name)
{
    if (dbi < DBIS)
        s_names[dbi] = name;
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
    return row_check(0, key, value) == 0 ? 0 : s_damaged(txn, dbi, key);
}

int row_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
    int rc = mdb_get(txn, dbi, key, value);
    return rc ? rc : s_open(txn, dbi, key, value);
}

int row_read(MDB_txn *txn, MDB_dbi dbi, slice_t name, void *row, size_t size)
{
    MDB_val key = {name.len, (void *)name.data}, value;
    int rc = row_get(txn, dbi, &key, &value);
    if (rc == 0 && value.mv_size != size)
        return MDB_CORRUPTED;
    if (rc == 0)
        memcpy(row, value.mv_data, size);
    return rc;
}

int row_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op)
{
    int rc = mdb_cursor_get(cursor, key, value, op);
    return rc ? rc : s_open(mdb_cursor_txn(cursor), mdb_cursor_dbi(cursor), key, value);
}

int row_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned flags)
{
    MDB_val made = {value->mv_size + ROW_SUM, NULL};
    assert(made.mv_size <= ROW_MOST);
    int rc = mdb_put(txn, dbi, key, &made, flags | MDB_RESERVE);
    if (rc == 0)
        row_write(0, key, value, made.mv_data);
    return rc;
}

int row_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *value, unsigned flags)
{
    MDB_val made = {value->mv_size + ROW_SUM, NULL};
    assert(made.mv_size <= ROW_MOST);
    int rc = mdb_cursor_put(cursor, key, &made, flags | MDB_RESERVE);
    if (rc == 0)
        row_write(0, key, value, made.mv_data);
    if (rc != MDB_KEYEXIST || flags & MDB_APPEND) /* nothing was looked up then */
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
    uint64_t sum = row_sum(0, key, to, size);
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
        good = sum == row_sum(0, key, value->mv_data, size);
    }
    return good ? 0 : s_damaged(txn, dbi, key);
}
