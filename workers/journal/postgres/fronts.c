#include "workers/journal/postgres/fronts.h"

#include <string.h>

void fronts_open(fronts_t *self)
{
    *self = (fronts_t){.inserted = UINT64_MAX};
    pthread_mutex_init(&self->lock, NULL);
}

void fronts_close(fronts_t *self)
{
    pthread_mutex_destroy(&self->lock);
}

static uint64_t s_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The last bytes of an id are drawn. */
static unsigned s_slot(const uuid_t7 *target)
{
    return target->bytes[UUID_BYTES - 1] % FRONTS;
}

void fronts_insert(fronts_t *self, uint64_t place)
{
    pthread_mutex_lock(&self->lock);
    self->inserted = place;
    self->foremost = s_least(self->foremost, place);
    for (unsigned i = 0; i < FRONTS; i++)
        self->slots[i].place = s_least(self->slots[i].place, place);
    pthread_mutex_unlock(&self->lock);
}

uint64_t fronts_begin(fronts_t *self, const uuid_t7 *target)
{
    unsigned slot = s_slot(target);
    pthread_mutex_lock(&self->lock);
    self->foremost = self->inserted;
    uint64_t place = uuid_eq(&self->slots[slot].target, target) ? self->slots[slot].place : 0;
    pthread_mutex_unlock(&self->lock);
    return place;
}

void fronts_end(fronts_t *self, const uuid_t7 *target, uint64_t place)
{
    unsigned slot = s_slot(target);
    pthread_mutex_lock(&self->lock);
    self->slots[slot].target = *target;
    self->slots[slot].place = s_least(place, self->foremost);
    pthread_mutex_unlock(&self->lock);
}
