#include "workers/post/interest.h"

#include "common/wire/wire.h"

#include <stdlib.h>
#include <string.h>

interest_t *interest_new(uint64_t origin, uint32_t generation, size_t len)
{
    interest_t *self = calloc(1, sizeof *self + len * sizeof *self->target);
    if (!self)
        abort();
    self->origin = origin;
    self->generation = generation;
    self->refs = 1;
    self->len = len;
    return self;
}

static int s_compare(const void *a, const void *b)
{
    return memcmp(a, b, UUID_BYTES);
}

void interest_sort(interest_t *self)
{
    qsort(self->target, self->len, sizeof *self->target, s_compare);
}

void interest_drop(interest_t **self_p)
{
    interest_t *self = *self_p;
    if (self && --self->refs == 0)
        free(self);
    *self_p = NULL;
}

bool interest_has(const interest_t *self, const uuid_t7 *target)
{
    return bsearch(target, self->target, self->len, sizeof *self->target, s_compare) != NULL;
}

bool interest_has_moved(const interest_t *self, unsigned shard, unsigned shards)
{
    for (size_t i = 0; i < self->len; i++)
        if (wire_shard(&self->target[i], shards) != shard)
            return true;
    return false;
}

/* Where the lane's set stands, or is to stand. */
static unsigned s_place(interests_t *self, uint64_t origin, int64_t now_ms)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < self->len; i++) {
        if (self->of[i]->origin == origin)
            return i;
        if (self->of[i]->until_ms < self->of[oldest]->until_ms)
            oldest = i;
    }
    bool reuse = self->len > 0 && self->of[oldest]->until_ms <= now_ms;
    if (reuse || self->len == INTEREST_LANES)
        return oldest;
    return self->len++;
}

void interests_set(interests_t *self, interest_t *interest, int64_t now_ms)
{
    unsigned at = s_place(self, interest->origin, now_ms);
    interest_drop(&self->of[at]);
    interest->until_ms = now_ms + INTEREST_MS;
    interest->refs++;
    self->of[at] = interest;
}

interest_t *interests_find(interests_t *self, uint64_t origin, uint32_t generation, int64_t now_ms)
{
    for (unsigned i = 0; i < self->len; i++) {
        interest_t *found = self->of[i];
        if (found->origin != origin)
            continue;
        if (found->generation != generation || found->until_ms <= now_ms)
            return NULL;
        found->refs++;
        return found;
    }
    return NULL;
}

void interests_clear(interests_t *self)
{
    for (; self->len > 0; self->len--)
        interest_drop(&self->of[self->len - 1]);
}
