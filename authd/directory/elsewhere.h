/* How tokens were used at other hosts, where the directory has copies (copy.h): the counters that
 * each of the others keeps, as they came last, so that what is shown is the sum of all. Who counts
 * is an *origin*: the copy here is one, until it is filled anew and counts from 0 as another.
 *
 * Rows lie in token_targets, behind sixteen bytes of ones, which is no token's id:
 *   ones, token, origin, target   the origin's record of the token (target: nil), or of that target
 *   ones, nil, origin             the number of the last record that came of it
 *   ones, nil                     the origin that is here
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_ELSEWHERE_H
#define POSTERN_ELSEWHERE_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

/* What a record is of: a token, or, where TARGET is not nil, one that it was used on
 * (token_target_key). */
typedef struct {
    uuid_t7 token, target;
} counted_t;

/* The origin that is here; false: none yet. */
bool elsewhere_origin(view_t *view, uuid_t7 *origin);
/* Makes one; in a writing view. */
uuid_t7 elsewhere_begin(view_t *view);

/* The number of the last record of ORIGIN that came; of the one that is here: whether all that it
 * counted before was told. 0: none. */
uint64_t elsewhere_number(view_t *view, const uuid_t7 *origin);
void elsewhere_put_number(view_t *view, const uuid_t7 *origin, uint64_t number);

/* The record of what was counted here; false when there is none. */
bool elsewhere_own(view_t *view, const counted_t *of, slice_t *record);
/* The first that is counted here of the tokens past AFTER, into OF: true until there is none. */
bool elsewhere_next_own(view_t *view, const counted_t *after, counted_t *of);

/* Puts what ORIGIN counts in the place of what it did; of a token that is gone nothing. */
void elsewhere_put(view_t *view, const uuid_t7 *origin, const counted_t *of, slice_t record);

/* A walk through what the others count of TOKEN; all 0 at first. */
typedef struct {
    size_t len;
    uint8_t key[4 * UUID_BYTES];
} elsewhere_place_t;
bool elsewhere_next(view_t *view, const uuid_t7 *token, elsewhere_place_t *place, uuid_t7 *target,
                    slice_t *record);
void elsewhere_delete(view_t *view, const uuid_t7 *token);

#endif
