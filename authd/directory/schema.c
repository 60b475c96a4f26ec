#include "authd/directory/schema.h"

#include "authd/directory/damage.h"
#include "authd/directory/view.h"
#include "common/store/row.h"

#include <stdio.h>
#include <string.h>

static int s_migrate_table(MDB_txn *txn, const char *name, digest_t *digest)
{
    MDB_dbi dbi;
    int rc = mdb_dbi_open(txn, name, MDB_CREATE, &dbi);
    return rc ? rc : row_migrate(txn, dbi, row_salt(name), digest_of(digest, name));
}

static bool s_is(const MDB_val *key, const char *name)
{
    return key->mv_size == strlen(name) && memcmp(key->mv_data, name, key->mv_size) == 0;
}

/* A row of meta's, into facts, as it is: it gets its checksum there with the rest. */
static int s_move_fact(MDB_txn *txn, MDB_cursor *meta, MDB_dbi facts, MDB_val *key, MDB_val *value)
{
    char name[64], copy[256];
    if (s_is(key, "version") || s_is(key, "indexed"))
        return 0;
    if (key->mv_size > sizeof name || value->mv_size > sizeof copy)
        return MDB_CORRUPTED;
    MDB_val to = {key->mv_size, memcpy(name, key->mv_data, key->mv_size)};
    MDB_val row = {value->mv_size, memcpy(copy, value->mv_data, value->mv_size)};
    int rc = mdb_put(txn, facts, &to, &row, 0);
    return rc ? rc : mdb_cursor_del(meta, 0);
}

static int s_move_facts(MDB_txn *txn)
{
    MDB_dbi meta, facts;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &meta);
    if (rc == 0)
        rc = mdb_dbi_open(txn, table_names[TABLE_facts], MDB_CREATE, &facts);
    if (rc == 0)
        rc = mdb_cursor_open(txn, meta, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        rc = s_move_fact(txn, cursor, facts, &key, &value);
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int schema_migrate(MDB_txn *txn, unsigned from, void *arg)
{
    digest_t digest = {.len = 0};
    MDB_dbi meta;
    (void)arg;
    if (from != 1 && from != 2)
        return MDB_VERSION_MISMATCH;
    int rc = s_move_facts(txn);
    for (unsigned i = 0; rc == 0 && i < TABLE_COUNT; i++)
        rc = s_migrate_table(txn, table_names[i], &digest);
    if (rc == 0)
        rc = mdb_dbi_open(txn, STORE_META, 0, &meta);
    return rc ? rc : digest_write(txn, meta, &digest);
}

typedef struct {
    directory_t *directory;
    MDB_txn *txn;
    bool fact; /* one of these is damaged */
    char *err;
    size_t err_size;
} verify_t;

static void s_on_damaged(void *arg, const char *name, const MDB_val *key)
{
    verify_t *self = arg;
    unsigned table = 0;
    while (strcmp(table_names[table], name) != 0)
        table++;
    damage_say(self->directory, (table_t)table, key, "the row does not have its checksum");
    self->fact |= table == TABLE_facts;
}

/* A new store has no digest and no rows. */
static int s_verify(void *arg)
{
    verify_t *self = arg;
    digest_t digest;
    snprintf(self->err, self->err_size, "the digest of its tables is damaged");
    int rc = digest_read(self->txn, store_meta(self->directory->store), &digest);
    for (unsigned i = 0; rc == 0 && i < TABLE_COUNT; i++)
        digest_of(&digest, table_names[i]);
    if (rc == 0 && digest.len != TABLE_COUNT)
        rc = MDB_INCOMPATIBLE;
    return rc ? rc
              : digest_check(self->txn, &digest, s_on_damaged, self, self->err, self->err_size);
}

int schema_verify(directory_t *directory, char *err, size_t err_size)
{
    char what[128];
    verify_t verify = {.directory = directory, .err = what, .err_size = sizeof what};
    int rc = mdb_txn_begin(store_env(directory->store), NULL, MDB_RDONLY, &verify.txn);
    if (rc == 0) {
        rc = store_try(s_verify, &verify);
        mdb_txn_abort(verify.txn);
    } else {
        snprintf(what, sizeof what, "cannot be read: %s", mdb_strerror(rc));
    }
    if (rc == 0 && verify.fact)
        snprintf(what, sizeof what, "its table 'facts' is damaged");
    if (rc == 0 && !verify.fact)
        return 0;
    snprintf(err, err_size,
             "%s/data.mdb: %s: look at the disk, then restore the directory from a backup",
             store_path(directory->store), what);
    return -1;
}
