/* Rate limits: a token bucket for each key, a webhook token's id or any 16 bytes that are as random
 * at their end. A bucket that has filled up again is as good as none and is forgotten, so that
 * memory follows the keys in use.
 *
 * Threading: one thread. Time is an argument: microseconds of a monotonic clock. */
#ifndef POSTERN_LIMITER_H
#define POSTERN_LIMITER_H

#include "common/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct limiter limiter_t;

limiter_t *limiter_new(void);
void limiter_destroy(limiter_t **self_p);

typedef struct {
    uint64_t left;    /* requests that could follow at once */
    uint64_t reset_s; /* until one more request may come, rounded up; 0: it may come now */
} limiter_state_t;

/* Takes one request out of the key's bucket of BURST that fills by RATE a second. False when the
 * bucket is empty. A rate of 0 is no limit. */
bool limiter_charge(limiter_t *self, const uuid_t7 *key, uint64_t rate, uint64_t burst,
                    int64_t now_us, limiter_state_t *state);
/* Whether limiter_charge would be true; takes nothing. RATE is not 0. */
bool limiter_has(const limiter_t *self, const uuid_t7 *key, uint64_t rate, uint64_t burst,
                 int64_t now_us, limiter_state_t *state);

/* Buckets that are remembered. */
unsigned limiter_len(const limiter_t *self);

#endif
