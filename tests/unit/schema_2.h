/* Makes a directory one of schema 2, whose rows have no checksums. */
#ifndef POSTERN_TEST_SCHEMA_2_H
#define POSTERN_TEST_SCHEMA_2_H

#include "authd/directory/table.h"
#include "common/store/row.h"
#include "common/store/store.h"
#include "tests/unit/yard.h"

/* The store itself, as of that schema; the directory is closed. */
static inline store_t *schema_2_open(const yard_t *yard, unsigned schema)
{
    char err[512];
    store_options_t options = {.path = yard->store,
                               .kind = "directory",
                               .schema = schema,
                               .tables = TABLE_COUNT + 2,
                               .map_bytes = 256u << 20};
    store_t *store = store_open(&options, err, sizeof err);
    if (!store)
        fail_msg("%s", err);
    return store;
}

/* Takes the checksums off a table's rows. */
static inline void schema_2_strip(MDB_txn *txn, MDB_dbi from, MDB_dbi to)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    assert_int_equal(mdb_cursor_open(txn, from, &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        char name[512], row[4096];
        assert_true(key.mv_size <= sizeof name && value.mv_size <= sizeof row);
        MDB_val k = {key.mv_size, memcpy(name, key.mv_data, key.mv_size)};
        MDB_val v = {value.mv_size - ROW_SUM, memcpy(row, value.mv_data, value.mv_size)};
        if (from != to)
            assert_int_equal(mdb_cursor_del(cursor, 0), 0);
        assert_int_equal(mdb_put(txn, to, &k, &v, 0), 0);
    }
    mdb_cursor_close(cursor);
}

static inline void schema_2_make(yard_t *yard)
{
    MDB_txn *txn;
    MDB_dbi dbi, meta, own;
    store_t *store = schema_2_open(yard, 3);
    MDB_val digest = {6, "digest"}, schema = {6, "schema"}, two = {1, "2"};
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    assert_int_equal(mdb_dbi_open(txn, STORE_META, 0, &own), 0);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        assert_int_equal(mdb_dbi_open(txn, table_names[i], 0, &dbi), 0);
        schema_2_strip(txn, dbi, i == TABLE_facts ? meta : dbi);
        if (i == TABLE_facts)
            assert_int_equal(mdb_drop(txn, dbi, 1), 0);
    }
    assert_int_equal(mdb_del(txn, own, &digest, NULL), 0);
    assert_int_equal(mdb_put(txn, own, &schema, &two, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    store_close(&store);
}

#endif
