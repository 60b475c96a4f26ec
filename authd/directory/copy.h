/* A directory that is one of several copies, one a host: what a change does to one is done again in
 * the others, in the order of the changes. Each change has a number and an id, and a copy has a
 * mark of the last that it holds: a number alone may have been given twice, where a server lost a
 * change and made another.
 *
 * Not copied are the counters of tokens' use, which each host has of its own (of a token's row in
 * token_usage, which is the index by id, too, only that it is there), and the directory's own id.
 *
 * Threading: that of the view. */
#ifndef POSTERN_COPY_H
#define POSTERN_COPY_H

#include "authd/directory/directory.h"
#include "authd/directory/redo.h"
#include "authd/directory/table.h"

/* Where a walk through all rows that are copied stands; all 0 at first. */
typedef struct {
    unsigned table;
    size_t len;
    uint8_t key[512];
} copy_place_t;

/* The number of a mark of what was a copy, and has been one host's alone since: no server has what
 * was changed meanwhile. */
#define COPY_ALONE UINT64_MAX

/* False: it is no copy yet. */
bool copy_read_mark(view_t *view, copy_mark_t *mark);
/* The directory becomes the copy with this mark when the writing view is committed. */
void copy_put_mark(view_t *view, const copy_mark_t *mark);
bool copy_mark_eq(const copy_mark_t *a, const copy_mark_t *b);
/* Whether a directory that is no copy holds what would be lost if it became one. */
bool copy_is_fresh(view_t *view);

/* Does REDO again, which makes of the copy with the mark WAS the one with NOW. VIEW_STALE: it has
 * another mark than WAS; VIEW_DAMAGED: also where REDO has what is no row, or of no table here. */
view_outcome_t copy_apply(directory_t *directory, const copy_mark_t *was, const copy_mark_t *now,
                          slice_t redo);

/* The next row that is copied; its slices hold until the next one. In a reading view. */
bool copy_next(view_t *view, copy_place_t *place, redo_row_t *row);

/* Past ROW, which copy_add has taken. */
void copy_place_at(copy_place_t *place, const redo_row_t *row);

/* Begins to make the directory a copy anew: a writing view in which no row that is copied is left.
 * Rows are added to it, and view_commit ends it. */
view_t *copy_begin_fill(directory_t *directory, const copy_mark_t *mark);
/* False: it is no row, or of a table that is not here. */
bool copy_add(view_t *view, const redo_row_t *row);
/* Does REDO again in a writing view, whose mark becomes NOW; rows that have it already stay as they
 * are. False: REDO has what is no row, or of no table here. */
bool copy_redo(view_t *view, const copy_mark_t *now, slice_t redo);
/* Whether the master key here is the one that the rows were made with. */
bool copy_has_key(view_t *view);

#endif
