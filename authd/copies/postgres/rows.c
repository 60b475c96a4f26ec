#include "authd/copies/postgres/shared.h"

enum { TYPE_TEXTS = 1009 };

void rows_out_begin(rows_out_t *self, bool values)
{
    array_begin(&self->tables, TYPE_TEXT);
    array_begin(&self->keys, TYPE_BYTEA);
    if (values)
        array_begin(&self->values, TYPE_BYTEA);
}

void rows_out_free(rows_out_t *self)
{
    array_free(&self->tables);
    array_free(&self->keys);
    array_free(&self->values);
}

void rows_out_add(rows_out_t *self, const redo_row_t *row)
{
    array_add_bytes(&self->tables, row->table);
    array_add_bytes(&self->keys, row->key);
    if (!row->gone)
        array_add_bytes(&self->values, row->value);
}

void rows_put(statement_t *to, rows_out_t *rows)
{
    statement_begin(to, "rows_put",
                    "INSERT INTO postern.directory_row (tbl, key, value) SELECT * FROM "
                    "unnest($1, $2, $3) ON CONFLICT (tbl, key) DO UPDATE SET value = "
                    "excluded.value");
    statement_array(to, &rows->tables, TYPE_TEXTS);
    statement_array(to, &rows->keys, TYPE_BYTEAS);
    statement_array(to, &rows->values, TYPE_BYTEAS);
}

void rows_delete(statement_t *to, rows_out_t *rows)
{
    statement_begin(to, "rows_delete",
                    "DELETE FROM postern.directory_row r USING unnest($1, $2) AS g (tbl, key) "
                    "WHERE r.tbl = g.tbl AND r.key = g.key");
    statement_array(to, &rows->tables, TYPE_TEXTS);
    statement_array(to, &rows->keys, TYPE_BYTEAS);
}
