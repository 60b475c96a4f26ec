/* Where rows lie in the store's map, so that a verdict finds the same row again by one look into a
 * table in memory in place of a search from the root of a tree. Only the place of a row is
 * remembered, never a verdict or a copy of the row: LMDB moves a row only with a change of its
 * table, and every change of the directory but that of usage raises its version, which a view reads
 * when it is renewed. With another version all places are forgotten.
 *
 * Threading: the thread of the view that they belong to. */
#ifndef POSTERN_ROWS_H
#define POSTERN_ROWS_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct rows rows_t;

enum {
    ROWS_LEAST = 1 << 15, /* places: 2 MiB, taken as they are used */
    ROWS_GROW = 4,        /* times as many when a quarter of them is used, */
    ROWS_MOST = 1 << 19,  /* up to 32 MiB; one more replaces another */
    ROWS_KEY = 46,        /* rows with longer keys are not remembered */
};

rows_t *rows_new(void);
void rows_destroy(rows_t **self_p);

void rows_renew(rows_t *self, uint64_t version);
/* Asks memory for KEY's place, and then, with LIES, for the row that lies there: the two are mostly
 * in no cache, and come while something else is done. */
void rows_expect(const rows_t *self, unsigned table, slice_t key, bool lies);
bool rows_find(const rows_t *self, unsigned table, slice_t key, slice_t *value);
/* May forget all others, to remember more from then on. */
void rows_keep(rows_t *self, unsigned table, slice_t key, slice_t value);

#endif
