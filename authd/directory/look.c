#include "authd/directory/look.h"

#include "authd/directory/damage.h"
#include "authd/directory/view.h"
#include "common/store/row.h"

static slice_t s_slice(const MDB_val *from)
{
    return slice(from->mv_data, from->mv_size);
}

look_t look_begin(view_t *view, table_t table, slice_t from)
{
    const directory_t *directory = view->directory;
    return (look_t){.view = view,
                    .table = table,
                    .dbi = directory->tables[table],
                    .salt = directory->salts[table],
                    .from = {from.len, (void *)from.data},
                    .key = {from.len, (void *)from.data}};
}

/* Takes the table's place from the main tree, which the first use in a transaction does. */
static int s_touch(void *arg)
{
    const look_t *self = arg;
    MDB_stat stat;
    return mdb_stat(self->view->txn, self->dbi, &stat);
}

void look_leave(view_t *view)
{
    if (view->near)
        mdb_cursor_close(view->near);
    view->near = NULL;
}

/* A writing view's cursor stays where it was: usage comes in the order of its table, and what lies
 * on the same page is found without a search from the root. It ends with the transaction. */
static int s_open(look_t *self)
{
    view_t *view = self->view;
    if (view->near && view->near_table != self->table)
        look_leave(view);
    int rc = view->near ? 0 : store_try(s_touch, self);
    if (rc == 0 && !view->near)
        rc = mdb_cursor_open(view->txn, self->dbi, &self->cursor);
    if (rc == 0 && view->near)
        self->cursor = view->near;
    if (rc == 0 && view->writing) {
        view->near = self->cursor;
        view->near_table = self->table;
    }
    return rc;
}

static void s_close(look_t *self, int rc)
{
    if (!self->cursor)
        return;
    if (!self->view->writing)
        mdb_cursor_close(self->cursor);
    else if (rc != 0 && rc != MDB_NOTFOUND)
        look_leave(self->view);
    self->cursor = NULL;
}

/* Takes the checksum off what lies at self->key. */
static int s_check_row(look_t *self)
{
    self->stored = row_stored(&self->value);
    int rc = row_check(self->salt, &self->key, &self->value);
    if (rc != 0)
        self->bad = self->key;
    return rc;
}

static int s_compare(const look_t *self, const MDB_val *a, const MDB_val *b)
{
    return mdb_cmp(self->view->txn, self->dbi, a, b);
}

static bool s_is_from(const look_t *self)
{
    return slice_eq(s_slice(&self->key), s_slice(&self->from));
}

/* That no row lies at FROM is only so where the row before it is one and lies before it: a search
 * that a damaged page has led astray ends elsewhere. FOUND: of the row behind it. */
static int s_check_absence(look_t *self, int found)
{
    MDB_val key, value;
    int rc = mdb_cursor_get(self->cursor, &key, &value, found == 0 ? MDB_PREV : MDB_LAST);
    if (rc == MDB_NOTFOUND)
        return found;
    int whole = rc ? rc : row_check(self->salt, &key, &value);
    if (found == 0 && s_is_from(self)) /* read so that one that is there takes as long */
        return 0;
    if (rc != 0 || s_compare(self, &key, &self->from) >= 0)
        return rc ? rc : MDB_CORRUPTED;
    if (self->view->tolerates)
        return found;
    if (whole != 0)
        self->bad = key;
    return whole ? whole : found;
}

/* What a search for FROM, the first row from there on, has found. The cursor is moved. */
static int s_check_place(look_t *self, int found)
{
    if (found != 0 && found != MDB_NOTFOUND)
        return found;
    if (found == 0 && s_compare(self, &self->key, &self->from) < 0)
        return MDB_CORRUPTED;
    return s_check_absence(self, found);
}

static int s_search(look_t *self)
{
    self->key = self->from;
    return mdb_cursor_get(self->cursor, &self->key, &self->value, MDB_SET_RANGE);
}

static int s_step(look_t *self)
{
    int rc = mdb_cursor_get(self->cursor, &self->key, &self->value, MDB_NEXT);
    bool right = rc != 0 || self->from.mv_size == 0 || s_compare(self, &self->key, &self->from) > 0;
    return right ? rc : MDB_CORRUPTED;
}

/* In a look at FROM alone. */
static int s_find(void *arg)
{
    look_t *self = arg;
    int rc = s_check_place(self, s_search(self));
    if (rc == 0 && s_is_from(self))
        return s_check_row(self);
    if (rc == 0 && !self->view->tolerates && (rc = s_check_row(self)) == 0)
        self->stored = 0; /* of another */
    return rc ? rc : MDB_NOTFOUND;
}

/* The first row of all, from FROM on, or past it. */
static int s_first(look_t *self)
{
    if (self->from.mv_size == 0)
        return mdb_cursor_get(self->cursor, &self->key, &self->value, MDB_FIRST);
    int rc = s_search(self);
    if (rc == 0 && s_is_from(self))
        return self->past ? s_step(self) : 0;
    rc = s_check_place(self, rc);
    if (rc != 0 || !self->view->tolerates)
        return rc;
    return mdb_cursor_get(self->cursor, &self->key, &self->value, MDB_SET_KEY);
}

/* Past those that are damaged where they are passed over. */
static int s_find_next(void *arg)
{
    look_t *self = arg;
    int rc = s_first(self);
    while (rc == 0 && (rc = s_check_row(self)) != 0 && self->view->tolerates)
        rc = s_step(self);
    return rc;
}

static int s_find_last(void *arg)
{
    look_t *self = arg;
    int rc = mdb_cursor_get(self->cursor, &self->key, &self->value, MDB_LAST);
    return rc ? rc : s_check_row(self);
}

/* NULL: where the row lies is not remembered. */
static rows_t *s_rows(const look_t *self)
{
    return table_is_usage(self->table) ? NULL : self->view->rows;
}

/* By where it lay before, or by a search from the root. */
static int s_get(void *arg)
{
    look_t *self = arg;
    slice_t place;
    rows_t *rows = s_rows(self);
    self->remembered = rows && rows_find(rows, self->table, s_slice(&self->from), &place);
    if (self->remembered)
        self->value = (MDB_val){place.len, (void *)place.data};
    int rc = self->remembered ? 0 : mdb_get(self->view->txn, self->dbi, &self->from, &self->value);
    return rc ? rc : s_check_row(self);
}

static look_result_t s_result(look_t *self, int rc)
{
    if (self->bad.mv_data)
        damage_row(self->view, self->table, &self->bad);
    else if (rc != 0 && rc != MDB_NOTFOUND)
        damage_page(self->view, self->table, &self->from, rc);
    return rc == 0 ? LOOK_FOUND : rc == MDB_NOTFOUND ? LOOK_ABSENT : LOOK_DAMAGED;
}

static look_result_t s_run(look_t *self, int (*find)(void *self))
{
    int rc = s_open(self);
    if (rc == 0)
        rc = store_try(find, self);
    s_close(self, rc);
    return s_result(self, rc);
}

/* Who remembers places looks for what is there, and quickly; who does not, as long for what is not
 * there: by that nobody learns what is. */
look_result_t look_get(look_t *self)
{
    int rc = self->view->rows ? store_try(s_get, self) : MDB_NOTFOUND;
    look_result_t result = rc == MDB_NOTFOUND ? s_run(self, s_find) : s_result(self, rc);
    if (result == LOOK_FOUND && s_rows(self) && !self->remembered)
        rows_keep(s_rows(self), self->table, s_slice(&self->from),
                  slice(self->value.mv_data, self->value.mv_size + ROW_SUM));
    return result;
}

look_result_t look_find(look_t *self)
{
    return s_run(self, s_find);
}

look_result_t look_next(look_t *self)
{
    return s_run(self, s_find_next);
}

look_result_t look_last(look_t *self)
{
    return s_run(self, s_find_last);
}
