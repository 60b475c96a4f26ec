/* A look into a table, which checks what it finds: a row by its checksum, the absence of a row by
 * the neighbours of its place, and LMDB's pages by store_try. Damage is told to the view
 * (damage.h). Private to authd/directory. Threading and life of slices: as the view's
 * (directory.h).
 */
#ifndef POSTERN_LOOK_H
#define POSTERN_LOOK_H

#include "authd/directory/table.h"

#include <lmdb.h>

/* What is looked for, and what was found. */
typedef struct {
    view_t *view;
    table_t table;
    MDB_dbi dbi;
    uint64_t salt;
    MDB_cursor *cursor;
    MDB_val from;       /* empty: the start */
    bool past;          /* FROM itself is not wanted */
    bool remembered;    /* where it lies was known */
    MDB_val key, value; /* of the row, without its checksum */
    uint64_t stored;    /* its checksum */
    MDB_val bad;        /* key of a row without its checksum */
} look_t;

typedef enum { LOOK_FOUND, LOOK_ABSENT, LOOK_DAMAGED } look_result_t;

/* A look at FROM, which must last until the look is done; nothing is read yet. */
look_t look_begin(view_t *view, table_t table, slice_t from);

/* The row at FROM. get: of a reading view, where it remembers its place or by one search. find: a
 * writing view's cursor then stays there (view->near). */
look_result_t look_get(look_t *self);
look_result_t look_find(look_t *self);
/* The first one from FROM on, or past it. */
look_result_t look_next(look_t *self);
look_result_t look_last(look_t *self);

/* Closes the cursor of a writing view. */
void look_leave(view_t *view);

#endif
