/* Where a token was used: its newest targets, with the address and the time of the last use and how
 * often it was used there, in all and by the hour. Rows of their own, so that the row that each use
 * writes stays small. What a version wrote that did not keep the kind of a target stays a row
 * without a kind and hours, since its count may be of several kinds.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_TOKEN_TARGETS_H
#define POSTERN_TOKEN_TARGETS_H

#include "authd/directory/tokens.h"

/* Of a token; a further one takes the place of the one that was used longest ago. */
enum { TOKEN_TARGETS = 32 };

typedef struct {
    uuid_t7 key;          /* token_target_key */
    slice_t kind, target; /* as token_use_t has them; kind: empty: it is not known */
    slice_t address;
    uint64_t last_ms, count;
    calls_t calls; /* of the last hours */
} token_target_t;

/* What follows from a target and its kind, and is the same at all hosts. */
uuid_t7 token_target_key(slice_t kind, slice_t target);
/* Adds USE to what is counted here of its target. */
void token_targets_used(view_t *view, const uuid_t7 *token, const token_use_t *use);
/* The targets that TOKEN was used on last, at all hosts (elsewhere.h), in no order that means
 * anything; returns how many. */
unsigned token_targets_all(view_t *view, const uuid_t7 *token, token_target_t all[TOKEN_TARGETS]);
/* Whether the token was used on a target of this name, as far as it is kept. */
bool token_targets_has(view_t *view, const uuid_t7 *token, slice_t target);
/* Forgets all of a token's. */
void token_targets_delete(view_t *view, const uuid_t7 *token);

#endif
