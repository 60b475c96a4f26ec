#include "authd/directory/redo.h"

#include "common/store/row.h"
#include "common/wire/pack.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 64, KEY_MOST = 511 };

struct redo {
    pack_t bytes;
    size_t *at; /* where each row begins */
    size_t len, room;
};

/* A row, for its place among the others. */
typedef struct {
    redo_row_t row;
    size_t at;
} placed_t;

redo_t *redo_new(void)
{
    redo_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

void redo_destroy(redo_t **self_p)
{
    redo_t *self = *self_p;
    if (!self)
        return;
    pack_wipe(&self->bytes);
    free(self->at);
    free(self);
    *self_p = NULL;
}

static void s_write(pack_t *to, const redo_row_t *row)
{
    pack_str(to, row->table);
    pack_bin(to, row->key.data, row->key.len);
    if (row->gone)
        pack_nil(to);
    else
        pack_bin(to, row->value.data, row->value.len);
}

void redo_note(redo_t *self, const redo_row_t *row)
{
    if (self->len == self->room) {
        self->room = self->room ? 2 * self->room : 16;
        self->at = realloc(self->at, self->room * sizeof *self->at);
        if (!self->at)
            abort();
    }
    self->at[self->len++] = self->bytes.len;
    s_write(&self->bytes, row);
}

bool redo_is_empty(const redo_t *self)
{
    return self->len == 0;
}

slice_t redo_bytes(const redo_t *self)
{
    return slice(self->bytes.data, self->bytes.len);
}

int redo_take(slice_t *bytes, redo_row_t *row)
{
    if (bytes->len == 0)
        return 0;
    unpack_t from = unpack_begin(*bytes);
    row->table = unpack_str(&from, NAME_MOST);
    row->key = unpack_bytes(&from, KEY_MOST);
    row->gone = unpack_is_nil(&from);
    row->value = row->gone ? slice("", 0) : unpack_bytes(&from, ROW_MOST - ROW_SUM);
    if (from.failed || row->key.len == 0)
        return -1;
    *bytes = slice(from.at, (size_t)(from.end - from.at));
    return 1;
}

static int s_order_bytes(slice_t a, slice_t b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least ? memcmp(a.data, b.data, least) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int s_order_rows(const placed_t *a, const placed_t *b)
{
    int order = s_order_bytes(a->row.table, b->row.table);
    return order ? order : s_order_bytes(a->row.key, b->row.key);
}

static int s_order(const void *a, const void *b)
{
    const placed_t *one = a, *other = b;
    int order = s_order_rows(one, other);
    return order ? order : (one->at > other->at) - (one->at < other->at);
}

static placed_t *s_place(const redo_t *self)
{
    placed_t *rows = calloc(self->len + 1, sizeof *rows);
    if (!rows)
        abort();
    for (size_t i = 0; i < self->len; i++) {
        slice_t from = slice(self->bytes.data + self->at[i], self->bytes.len - self->at[i]);
        rows[i].at = self->at[i];
        if (redo_take(&from, &rows[i].row) != 1)
            abort(); /* it is our own */
    }
    qsort(rows, self->len, sizeof *rows, s_order);
    return rows;
}

void redo_settle(redo_t *self)
{
    pack_t settled = {0};
    placed_t *rows = s_place(self);
    for (size_t i = 0; i < self->len; i++)
        if (i + 1 == self->len || s_order_rows(&rows[i], &rows[i + 1]) != 0)
            s_write(&settled, &rows[i].row);
    free(rows);
    pack_wipe(&self->bytes);
    self->bytes = settled;
    self->len = self->len ? 1 : 0;
}
