#include "authd/directory/table.h"

#include "authd/directory/damage.h"
#include "authd/directory/look.h"
#include "authd/directory/view.h"
#include "common/store/row.h"

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

/* A writing view that met the end of its room, or damage, goes on to its commit, which refuses: it
 * finds nothing until then, because LMDB may have given its transaction up. */
static bool s_is_over(const view_t *view)
{
    return view->full || view->damaged || view->away;
}

static void s_fail(view_t *view, table_t table, slice_t key, const char *what, int rc)
{
    MDB_val k = s_val(key);
    if (store_failure(rc) == STORE_FULL)
        view->full = true;
    else if (damage_is(rc))
        damage_page(view, table, &k, rc);
    else
        store_fail(view->directory->store, what, rc);
}

void table_expect(view_t *view, table_t table, slice_t key, bool lies)
{
    if (view->rows)
        rows_expect(view->rows, table, key, lies);
}

bool table_get(view_t *view, table_t table, slice_t key, slice_t *value)
{
    s_check(view);
    if (key.len == 0 || key.len > KEY_MOST || s_is_over(view))
        return false;
    look_t look = look_begin(view, table, key);
    if (look_get(&look) != LOOK_FOUND)
        return false;
    *value = s_slice(&look.value);
    return true;
}

/* Of what copies share a change is noted. Of a token's use only its row's coming and going is:
 * the counters are each copy's own, and what it was used on. */
static void s_note_row(view_t *view, table_t table, bool replaces, redo_row_t row)
{
    row.table = slice_of(table_names[table]);
    if (view->redo && table != TABLE_token_targets && !(table == TABLE_token_usage && replaces))
        redo_note(view->redo, &row);
}

static void s_note_change(view_t *view, table_t table)
{
    view->changed |= !table_is_usage(table);
}

static int s_read_digest(void *arg)
{
    view_t *view = arg;
    return digest_read(view->txn, store_meta(view->directory->store), &view->digest);
}

/* The sum of a table's rows; NULL when it cannot be read. */
static uint64_t *s_sum(view_t *view, table_t table)
{
    int rc = view->summed ? 0 : store_try(s_read_digest, view);
    if (rc != 0) {
        damage_page(view, table, &(MDB_val){sizeof "digest" - 1, "digest"}, rc);
        return NULL;
    }
    for (unsigned i = 0; !view->summed && i < TABLE_COUNT; i++)
        digest_of(&view->digest, table_names[i]);
    view->summed = true;
    return digest_of(&view->digest, table_names[table]);
}

void table_put(view_t *view, table_t table, slice_t key, slice_t value)
{
    s_check(view);
    assert(view->writing && key.len > 0 && key.len <= KEY_MOST);
    assert(value.len <= ROW_MOST - ROW_SUM);
    s_note_change(view, table);
    look_t look = look_begin(view, table, key);
    look_result_t has = s_is_over(view) ? LOOK_DAMAGED : look_find(&look);
    uint64_t *sum = has == LOOK_DAMAGED ? NULL : s_sum(view, table);
    if (!sum)
        return;
    s_note_row(view, table, has == LOOK_FOUND, (redo_row_t){.key = key, .value = value});
    MDB_val k = s_val(key), row = s_val(value), made = {value.len + ROW_SUM, NULL};
    int rc = mdb_cursor_put(view->near, &k, &made, MDB_RESERVE);
    if (rc != 0) {
        s_fail(view, table, key, "put", rc);
        return;
    }
    row_write(look.salt, &k, &row, made.mv_data);
    *sum ^= look.stored ^ row_stored(&made);
}

bool table_delete(view_t *view, table_t table, slice_t key)
{
    s_check(view);
    assert(view->writing && key.len > 0 && key.len <= KEY_MOST);
    s_note_change(view, table);
    look_t look = look_begin(view, table, key);
    if (s_is_over(view) || look_find(&look) != LOOK_FOUND)
        return false;
    uint64_t *sum = s_sum(view, table);
    if (!sum)
        return false;
    s_note_row(view, table, false, (redo_row_t){.key = key, .gone = true});
    look_leave(view);
    MDB_val k = s_val(key);
    int rc = mdb_del(view->txn, look.dbi, &k, NULL);
    if (rc != 0) {
        s_fail(view, table, key, "delete", rc);
        return false;
    }
    *sum ^= look.stored;
    return true;
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
    if (from.len > KEY_MOST || s_is_over(view))
        return false;
    look_t look = look_begin(view, table, from);
    look.past = after.len > 0;
    if (look_next(&look) != LOOK_FOUND || !s_begins(s_slice(&look.key), prefix))
        return false;
    if (key)
        *key = s_slice(&look.key);
    if (value)
        *value = s_slice(&look.value);
    return true;
}

bool table_last(view_t *view, table_t table, slice_t *key)
{
    s_check(view);
    look_t look = look_begin(view, table, slice("", 0));
    if (s_is_over(view) || look_last(&look) != LOOK_FOUND)
        return false;
    *key = s_slice(&look.key);
    return true;
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

const sealing_key_t *table_master_key(const view_t *view)
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
    assert(view->writing && !view->redo);
    s_note_change(view, table);
    look_leave(view);
    uint64_t *sum = s_is_over(view) ? NULL : s_sum(view, table);
    if (!sum)
        return;
    *sum = 0;
    int rc = mdb_drop(view->txn, view->directory->tables[table], 0);
    if (rc != 0)
        s_fail(view, table, slice("", 0), "clear", rc);
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
