#include "common/store/digest.h"

#include "common/store/row.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char s_row[] = "digest";

static MDB_val s_key(void)
{
    return (MDB_val){sizeof s_row - 1, (void *)s_row};
}

int digest_read(MDB_txn *txn, MDB_dbi meta, digest_t *self)
{
    MDB_val key = s_key(), value;
    self->len = 0;
    int rc = mdb_get(txn, meta, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0)
        rc = row_check(0, &key, &value);
    if (rc != 0)
        return rc;
    if (value.mv_size > sizeof self->table || value.mv_size % sizeof *self->table != 0)
        return MDB_CORRUPTED;
    memcpy(self->table, value.mv_data, value.mv_size);
    self->len = (unsigned)(value.mv_size / sizeof *self->table);
    for (unsigned i = 0; i < self->len; i++)
        if (!memchr(self->table[i].name, '\0', DIGEST_NAME))
            return MDB_CORRUPTED;
    return 0;
}

int digest_write(MDB_txn *txn, MDB_dbi meta, const digest_t *self)
{
    MDB_val key = s_key(), row = {self->len * sizeof *self->table, (void *)self->table};
    MDB_val made = {row.mv_size + ROW_SUM, NULL};
    int rc = mdb_put(txn, meta, &key, &made, MDB_RESERVE);
    if (rc == 0)
        row_write(0, &key, &row, made.mv_data);
    return rc;
}

const digest_table_t *digest_find(const digest_t *self, const char *name)
{
    for (unsigned i = 0; i < self->len; i++)
        if (strncmp(self->table[i].name, name, DIGEST_NAME) == 0)
            return &self->table[i];
    return NULL;
}

uint64_t *digest_of(digest_t *self, const char *name)
{
    const digest_table_t *found = digest_find(self, name);
    if (found)
        return &self->table[found - self->table].sum;
    assert(self->len < DIGEST_TABLES && strlen(name) < DIGEST_NAME);
    digest_table_t *table = &self->table[self->len++];
    memset(table, 0, sizeof *table);
    memcpy(table->name, name, strlen(name));
    return &table->sum;
}

void digest_walk_begin(digest_walk_t *self, const digest_table_t *table)
{
    *self =
        (digest_walk_t){.name = table->name, .salt = row_salt(table->name), .expected = table->sum};
}

bool digest_walk_row(digest_walk_t *self, const MDB_val *key, const MDB_val *value)
{
    MDB_val row = *value;
    bool good = row_check(self->salt, key, &row) == 0;
    self->rows++;
    self->damaged += !good;
    self->stored ^= row_stored(value);
    self->made ^= value->mv_size < ROW_SUM || value->mv_size > ROW_MOST
                      ? 0
                      : row_sum(self->salt, key, row.mv_data, row.mv_size);
    return good;
}

/* Of one damaged row either the checksum is right or all the rest. */
bool digest_walk_end(const digest_walk_t *self)
{
    return self->expected == self->stored || self->expected == self->made;
}

typedef struct {
    digest_damaged_fn *damaged;
    void *arg;
} s_told_t;

static int s_walk(MDB_txn *txn, MDB_dbi dbi, digest_walk_t *walk, const s_told_t *told)
{
    MDB_cursor *cursor;
    MDB_stat stat;
    MDB_val key, value, before = {0}, found;
    int rc = mdb_stat(txn, dbi, &stat);
    if (rc == 0)
        rc = mdb_cursor_open(txn, dbi, &cursor);
    if (rc != 0)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if ((before.mv_data && mdb_cmp(txn, dbi, &before, &key) >= 0) ||
            mdb_get(txn, dbi, &key, &found) != 0 || found.mv_data != value.mv_data) {
            rc = MDB_CORRUPTED;
            break;
        }
        if (!digest_walk_row(walk, &key, &value))
            told->damaged(told->arg, walk->name, &key);
        before = key;
    }
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND)
        return rc;
    return walk->rows == stat.ms_entries && digest_walk_end(walk) ? 0 : MDB_CORRUPTED;
}

int digest_check(MDB_txn *txn, const digest_t *self, digest_damaged_fn *damaged, void *arg,
                 char *err, size_t err_size)
{
    const s_told_t told = {damaged, arg};
    for (unsigned i = 0; i < self->len; i++) {
        digest_walk_t walk;
        MDB_dbi dbi;
        digest_walk_begin(&walk, &self->table[i]);
        /* First: a fault may end the walk. */
        snprintf(err, err_size, "its table '%s' is damaged", walk.name);
        int rc = mdb_dbi_open(txn, walk.name, 0, &dbi);
        if (rc == 0)
            rc = s_walk(txn, dbi, &walk, &told);
        if (rc != 0)
            return rc;
    }
    return 0;
}
