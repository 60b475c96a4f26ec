#include "common/base/limiter.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_LEAST = 256 };
static const uint64_t s_one = 1000000; /* a request, in the millionths that levels are counted in */

typedef struct {
    uuid_t7 key; /* nil: free */
    uint64_t level;
    uint64_t full_us; /* when it will have filled up */
    int64_t at_us;
} bucket_t;

struct limiter {
    bucket_t *rows; /* open addressing, linear probing */
    unsigned room;  /* a power of two */
    unsigned len;
};

static bucket_t *s_rows(unsigned room)
{
    bucket_t *rows = calloc(room, sizeof *rows);
    if (!rows)
        abort();
    return rows;
}

limiter_t *limiter_new(void)
{
    limiter_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->room = ROWS_LEAST;
    self->rows = s_rows(self->room);
    return self;
}

void limiter_destroy(limiter_t **self_p)
{
    if (!*self_p)
        return;
    free((*self_p)->rows);
    free(*self_p);
    *self_p = NULL;
}

/* The row of a key, or the free one where it belongs. The last bytes are random. */
static bucket_t *s_row(bucket_t *rows, unsigned room, const uuid_t7 *key)
{
    uint32_t hash;
    memcpy(&hash, key->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    unsigned i = hash & (room - 1);
    while (!uuid_is_nil(&rows[i].key) && !uuid_eq(&rows[i].key, key))
        i = (i + 1) & (room - 1);
    return &rows[i];
}

/* Moves what is not full again into a table with room to spare. */
static void s_rebuild(limiter_t *self, int64_t now_us)
{
    unsigned live = 0;
    for (unsigned i = 0; i < self->room; i++)
        if (!uuid_is_nil(&self->rows[i].key) && self->rows[i].full_us > (uint64_t)now_us)
            live++;
    unsigned room = ROWS_LEAST;
    while (room < 4 * live)
        room *= 2;
    bucket_t *rows = s_rows(room);
    for (unsigned i = 0; i < self->room; i++)
        if (!uuid_is_nil(&self->rows[i].key) && self->rows[i].full_us > (uint64_t)now_us)
            *s_row(rows, room, &self->rows[i].key) = self->rows[i];
    free(self->rows);
    *self = (limiter_t){rows, room, live};
}

/* What has flowed in since; compared before it is multiplied, so that nothing overflows. */
static void s_fill(bucket_t *bucket, uint64_t rate, uint64_t most, int64_t now_us)
{
    uint64_t passed = now_us > bucket->at_us ? (uint64_t)(now_us - bucket->at_us) : 0;
    if (bucket->level >= most || passed > (most - bucket->level) / rate)
        bucket->level = most;
    else
        bucket->level += passed * rate;
    bucket->at_us = now_us;
}

static void s_tell(const bucket_t *bucket, uint64_t rate, limiter_state_t *state)
{
    state->left = bucket->level / s_one;
    state->reset_s = 0;
    if (bucket->level < s_one)
        state->reset_s = (s_one - bucket->level + rate * s_one - 1) / (rate * s_one);
}

bool limiter_charge(limiter_t *self, const uuid_t7 *key, uint64_t rate, uint64_t burst,
                    int64_t now_us, limiter_state_t *state)
{
    *state = (limiter_state_t){burst, 0};
    if (rate == 0)
        return true;
    uint64_t most = burst * s_one;
    bucket_t *bucket = s_row(self->rows, self->room, key);
    if (uuid_is_nil(&bucket->key) && self->len >= self->room / 2) {
        s_rebuild(self, now_us);
        bucket = s_row(self->rows, self->room, key);
    }
    if (uuid_is_nil(&bucket->key)) {
        *bucket = (bucket_t){.key = *key, .level = most, .at_us = now_us};
        self->len++;
    }
    s_fill(bucket, rate, most, now_us);
    bool taken = bucket->level >= s_one;
    if (taken)
        bucket->level -= s_one;
    bucket->full_us = (uint64_t)now_us + (most - bucket->level) / rate + 1;
    s_tell(bucket, rate, state);
    return taken;
}

bool limiter_has(const limiter_t *self, const uuid_t7 *key, uint64_t rate, uint64_t burst,
                 int64_t now_us, limiter_state_t *state)
{
    *state = (limiter_state_t){burst, 0};
    bucket_t bucket = *s_row(self->rows, self->room, key);
    if (uuid_is_nil(&bucket.key))
        return true;
    s_fill(&bucket, rate, burst * s_one, now_us);
    s_tell(&bucket, rate, state);
    return bucket.level >= s_one;
}

unsigned limiter_len(const limiter_t *self)
{
    return self->len;
}
