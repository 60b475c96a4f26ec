#include "authd/directory/table.h"

#include "authd/directory/view.h"

#include <assert.h>

enum { KEY_MOST = 511 }; /* of LMDB as Debian builds it */

const char *const table_names[TABLE_COUNT] = {
#define TABLE(name) #name,
    TABLES(TABLE) INDEXES(TABLE)
#undef TABLE
};

static MDB_val s_val(slice_t from)
{
    return (MDB_val){from.len, (void *)from.data};
}

static slice_t s_slice(const MDB_val *from)
{
    return slice(from->mv_data, from->mv_size);
}

static void s_check(const view_t *view)
{
    assert(view->magic == VIEW_MAGIC && view->txn && (view->writing || view->live));
}

/* A writing view without room goes on to its commit, which refuses: it finds nothing until then,
 * because LMDB has given its transaction up. */
static void s_fail(view_t *view, const char *what, int rc)
{
    if (view->writing && store_failure(rc) == STORE_FULL)
        view->full = true;
    else
        store_fail(view->directory->store, what, rc);
}

static MDB_cursor *s_cursor(view_t *view, table_t table)
{
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(view->txn, view->directory->tables[table], &cursor);
    if (rc != 0)
        store_fail(view->directory->store, "cursor", rc);
    return cursor;
}

static void s_leave(view_t *view)
{
    if (view->near)
        mdb_cursor_close(view->near);
    view->near = NULL;
}

/* A writing view's cursor stays where it was: usage comes in the order of its table, and what lies
 * on the same page is found without a search from the root. It ends with the transaction. */
static MDB_cursor *s_near(view_t *view, table_t table)
{
    if (view->near && view->near_table != table)
        s_leave(view);
    if (!view->near)
        view->near = s_cursor(view, table);
    view->near_table = table;
    return view->near;
}

bool table_get(view_t *view, table_t table, slice_t key, slice_t *value)
{
    s_check(view);
    if (key.len == 0 || key.len > KEY_MOST || view->full)
        return false;
    if (view->rows && rows_find(view->rows, table, key, value))
        return true;
    MDB_val k = s_val(key), v;
    int rc = view->writing ? mdb_cursor_get(s_near(view, table), &k, &v, MDB_SET)
                           : mdb_get(view->txn, view->directory->tables[table], &k, &v);
    if (rc == MDB_NOTFOUND)
        return false;
    if (rc != 0) {
        s_fail(view, "get", rc);
        return false;
    }
    *value = s_slice(&v);
    if (view->rows)
        rows_keep(view->rows, table, key, *value);
    return true;
}

/* Usage changes each second, and no verdict reads it. */
static void s_note_change(view_t *view, table_t table)
{
    view->changed |= table != TABLE_token_usage;
}

void table_put(view_t *view, table_t table, slice_t key, slice_t value)
{
    s_check(view);
    assert(view->writing && key.len > 0 && key.len <= KEY_MOST);
    s_note_change(view, table);
    MDB_val k = s_val(key), v = s_val(value);
    int rc = view->full ? 0 : mdb_cursor_put(s_near(view, table), &k, &v, 0);
    if (rc != 0)
        s_fail(view, "put", rc);
}

bool table_delete(view_t *view, table_t table, slice_t key)
{
    s_check(view);
    assert(view->writing && key.len > 0 && key.len <= KEY_MOST);
    s_note_change(view, table);
    s_leave(view);
    MDB_val k = s_val(key);
    int rc =
        view->full ? MDB_NOTFOUND : mdb_del(view->txn, view->directory->tables[table], &k, NULL);
    if (rc != 0 && rc != MDB_NOTFOUND)
        s_fail(view, "delete", rc);
    return rc == 0;
}

static bool s_begins(slice_t key, slice_t prefix)
{
    return key.len >= prefix.len &&
           (prefix.len == 0 || memcmp(key.data, prefix.data, prefix.len) == 0);
}

bool table_next(view_t *view, table_t table, slice_t prefix, slice_t after, slice_t *key,
                slice_t *value)
{
    slice_t from = after.len ? after : prefix;
    s_check(view);
    if (from.len > KEY_MOST || view->full)
        return false;
    MDB_cursor *cursor = s_cursor(view, table);
    MDB_val k = s_val(from), v;
    int rc = mdb_cursor_get(cursor, &k, &v, from.len ? MDB_SET_RANGE : MDB_FIRST);
    if (rc == 0 && after.len && slice_eq(s_slice(&k), after))
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        s_fail(view, "next", rc);
    if (rc != 0 || !s_begins(s_slice(&k), prefix))
        return false;
    if (key)
        *key = s_slice(&k);
    if (value)
        *value = s_slice(&v);
    return true;
}

bool table_last(view_t *view, table_t table, slice_t *key)
{
    s_check(view);
    if (view->full)
        return false;
    MDB_cursor *cursor = s_cursor(view, table);
    MDB_val k, v;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        s_fail(view, "last", rc);
    if (rc == 0)
        *key = s_slice(&k);
    return rc == 0;
}

pack_t *table_record(view_t *view, uint32_t pairs)
{
    pack_reset(&view->record);
    pack_map(&view->record, pairs);
    return &view->record;
}

void table_put_record(view_t *view, table_t table, slice_t key, const pack_t *record)
{
    table_put(view, table, key, slice(record->data, record->len));
}

const master_key_t *table_master_key(const view_t *view)
{
    return view->directory->key;
}

slice_t table_pair(uint8_t pair[TABLE_PAIR], const uuid_t7 *first, const uuid_t7 *second)
{
    memcpy(pair, first->bytes, UUID_BYTES);
    memcpy(pair + UUID_BYTES, second->bytes, UUID_BYTES);
    return slice(pair, TABLE_PAIR);
}

void table_put_pair(view_t *view, table_t table, const uuid_t7 *first, const uuid_t7 *second)
{
    uint8_t pair[TABLE_PAIR];
    table_put(view, table, table_pair(pair, first, second), slice("", 0));
}

bool table_delete_pair(view_t *view, table_t table, const uuid_t7 *first, const uuid_t7 *second)
{
    uint8_t pair[TABLE_PAIR];
    return table_delete(view, table, table_pair(pair, first, second));
}

void table_clear(view_t *view, table_t table)
{
    s_check(view);
    assert(view->writing);
    s_note_change(view, table);
    s_leave(view);
    int rc = view->full ? 0 : mdb_drop(view->txn, view->directory->tables[table], 0);
    if (rc != 0)
        s_fail(view, "clear", rc);
}

bool table_next_second(view_t *view, table_t table, const uuid_t7 *first, const uuid_t7 *after,
                       uuid_t7 *second)
{
    uint8_t pair[TABLE_PAIR];
    slice_t past = after ? table_pair(pair, first, after) : slice("", 0), key;
    if (!table_next(view, table, table_key(first), past, &key, NULL) || key.len != TABLE_PAIR)
        return false;
    memcpy(second->bytes, key.data + UUID_BYTES, UUID_BYTES);
    return true;
}
