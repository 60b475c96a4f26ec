/* What the lanes of gateways have streams of: the set of targets of each lane, as authd let it pass
 * last, until it is judged again or INTEREST_MS have gone by.
 *
 * Limits: INTEREST_LANES; past it the set that is oldest makes room, and its lane is told to ask
 * with its grants again.
 *
 * Threading: the main thread's, but interest_has. */
#ifndef POSTERN_WORKERS_POST_INTEREST_H
#define POSTERN_WORKERS_POST_INTEREST_H

#include "common/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INTEREST_LANES = 128, INTEREST_MS = 1500 };

typedef struct interest {
    uint64_t origin; /* the lane's instance */
    uint32_t generation;
    int64_t until_ms; /* clock_ms () */
    unsigned refs;
    size_t len;
    uuid_t7 target[];
} interest_t;

/* Zero-initialised is empty. */
typedef struct {
    interest_t *of[INTEREST_LANES];
    unsigned len;
} interests_t;

/* One reference, the caller's; LEN targets to be filled in, then interest_sort. */
interest_t *interest_new(uint64_t origin, uint32_t generation, size_t len);
void interest_sort(interest_t *self);
void interest_drop(interest_t **self_p);
/* Any thread. */
bool interest_has(const interest_t *self, const uuid_t7 *target);

/* Whether one of its targets is of another shard than SHARD of SHARDS. */
bool interest_has_moved(const interest_t *self, unsigned shard, unsigned shards);

/* In place of what its lane had before; takes a reference of its own. */
void interests_set(interests_t *self, interest_t *interest, int64_t now_ms);
/* A reference for the caller; NULL: it is not known, or its time is over. */
interest_t *interests_find(interests_t *self, uint64_t origin, uint32_t generation, int64_t now_ms);
void interests_clear(interests_t *self);

#endif
