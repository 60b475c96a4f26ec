/* What a change makes of the rows that it touches, as bytes, so that another directory that is a
 * copy of this one does the same (copy.h). A row is its table's name, its key, and its value or
 * that it is gone; msgpack.
 *
 * Threading: one thread at a time. Bytes that come from elsewhere are not believed. */
#ifndef POSTERN_REDO_H
#define POSTERN_REDO_H

#include "common/base/slice.h"

#include <stdbool.h>

typedef struct redo redo_t;

typedef struct {
    slice_t table, key, value;
    bool gone; /* there is no such row any more */
} redo_row_t;

redo_t *redo_new(void);
void redo_destroy(redo_t **self_p);

/* Copies the row. A later one of the same key counts. */
void redo_note(redo_t *self, const redo_row_t *row);
bool redo_is_empty(const redo_t *self);
/* One row a key, in the order of tables and keys; to be called once, before redo_bytes. */
void redo_settle(redo_t *self);
slice_t redo_bytes(const redo_t *self);

/* Takes the next row off the front of BYTES, which it points into: 1; 0 at the end, -1 where it is
 * none. */
int redo_take(slice_t *bytes, redo_row_t *row);

#endif
