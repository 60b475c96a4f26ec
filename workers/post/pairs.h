/* The parameters or the headers of a request, decoded: in the order in which they came, pairs of
 * one name linked, so that each pair is looked at once. Threading: an object belongs to one
 * thread. */
#ifndef POSTERN_WORKERS_POST_PAIRS_H
#define POSTERN_WORKERS_POST_PAIRS_H

#include "common/wire/wire.h"

typedef struct {
    slice_t name, value;
    slice_t encoded; /* both, as they stand in the record */
    unsigned next;   /* the next pair of this name; 0: there is none */
    bool again;      /* there is a pair of this name before it */
} pair_t;

typedef struct {
    unsigned len;
    pair_t pair[WIRE_PAIRS];
    unsigned by_name[WIRE_PAIRS]; /* sorted: by name, and those of one name as they came */
} pairs_t;

/* ENCODED: pairs (common/wire), which the slices point into. */
void pairs_read(pairs_t *self, slice_t encoded);

#endif
