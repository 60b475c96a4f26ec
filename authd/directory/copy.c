#include "authd/directory/copy.h"

#include "authd/directory/damage.h"
#include "authd/directory/elsewhere.h"
#include "authd/directory/token_targets.h"
#include "authd/directory/tokens.h"
#include "authd/directory/view.h"

#include <assert.h>
#include <string.h>

/* The directory's id, in facts, is its file's. */
static bool s_is_own(table_t table, slice_t key)
{
    return table == TABLE_token_targets || (table == TABLE_facts && slice_is(key, "id"));
}

bool copy_mark_eq(const copy_mark_t *a, const copy_mark_t *b)
{
    return a->number == b->number && uuid_eq(&a->change, &b->change);
}

static bool s_find_table(slice_t name, table_t *table)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        if (slice_is(name, table_names[i])) {
            *table = (table_t)i;
            return true;
        }
    return false;
}

bool copy_is_fresh(view_t *view)
{
    slice_t key;
    return !table_last(view, TABLE_users, &key) && !table_last(view, TABLE_audit, &key) &&
           !table_last(view, TABLE_tokens, &key);
}

/* Its counters are this host's; so is what it was used on, which goes with it. */
static void s_redo_use(view_t *view, const redo_row_t *row)
{
    slice_t has;
    uuid_t7 id;
    if (!row->gone) {
        if (!table_get(view, TABLE_token_usage, row->key, &has))
            table_put(view, TABLE_token_usage, row->key, row->value);
        return;
    }
    table_delete(view, TABLE_token_usage, row->key);
    if (row->key.len != UUID_BYTES)
        return;
    memcpy(id.bytes, row->key.data, UUID_BYTES);
    token_targets_delete(view, &id);
}

bool copy_add(view_t *view, const redo_row_t *row)
{
    table_t table;
    if (!s_find_table(row->table, &table) || s_is_own(table, row->key))
        return false;
    if (table == TABLE_token_usage)
        s_redo_use(view, row);
    else if (row->gone)
        table_delete(view, table, row->key);
    else
        table_put(view, table, row->key, row->value);
    return true;
}

void copy_place_at(copy_place_t *place, const redo_row_t *row)
{
    table_t table;
    bool known = s_find_table(row->table, &table) && row->key.len <= sizeof place->key;
    assert(known);
    place->table = table;
    place->len = row->key.len;
    memcpy(place->key, row->key.data, row->key.len);
}

bool copy_redo(view_t *view, const copy_mark_t *now, slice_t redo)
{
    redo_row_t row;
    int took = 1;
    while (took == 1 && (took = redo_take(&redo, &row)) == 1)
        if (!copy_add(view, &row))
            return false;
    copy_put_mark(view, now);
    return took == 0;
}

view_outcome_t copy_apply(directory_t *directory, const copy_mark_t *was, const copy_mark_t *now,
                          slice_t redo)
{
    copy_mark_t has;
    view_t *view = view_begin_own(directory);
    bool right = copy_read_mark(view, &has) && copy_mark_eq(&has, was);
    if (right && copy_redo(view, now, redo))
        return view_commit(&view);
    view_outcome_t outcome = right ? VIEW_DAMAGED : VIEW_STALE;
    view_abort(&view);
    return outcome;
}

bool copy_next(view_t *view, copy_place_t *place, redo_row_t *row)
{
    for (; place->table < TABLE_COUNT; place->table++, place->len = 0) {
        table_t table = (table_t)place->table;
        slice_t at = slice(place->key, place->len);
        while (table_next(view, table, slice("", 0), at, &row->key, &row->value)) {
            memcpy(place->key, row->key.data, row->key.len);
            place->len = row->key.len;
            at = slice(place->key, place->len);
            if (s_is_own(table, row->key))
                continue;
            row->table = slice_of(table_names[table]);
            row->gone = false;
            if (table == TABLE_token_usage)
                row->value = tokens_unused(view, row->value);
            return true;
        }
    }
    return false;
}

/* All but what names the file. The counters of use begin anew, of another origin. */
static void s_empty(view_t *view)
{
    slice_t id = slice("", 0), bytes;
    uint8_t own[UUID_BYTES];
    bool has_id = table_get(view, TABLE_facts, slice_of("id"), &bytes) && bytes.len == sizeof own;
    if (has_id) {
        memcpy(own, bytes.data, sizeof own);
        id = slice(own, sizeof own);
    }
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        table_clear(view, (table_t)i);
    if (has_id)
        table_put(view, TABLE_facts, slice_of("id"), id);
}

view_t *copy_begin_fill(directory_t *directory, const copy_mark_t *mark)
{
    view_t *view = view_begin_own(directory);
    s_empty(view);
    uuid_t7 origin = elsewhere_begin(view);
    elsewhere_put_number(view, &origin, 1); /* it has counted nothing */
    copy_put_mark(view, mark);
    return view;
}
