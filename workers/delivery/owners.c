#include "workers/delivery/lane.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BUCKETS = 256, /* a power of two */
    KEPT_PART = 8, /* of all, for owners who have none */
};

owner_t *owners_find(owners_t *self, const uuid_t7 *id)
{
    size_t bucket = id->bytes[UUID_BYTES - 1] & (BUCKETS - 1);
    if (!self->buckets && !(self->buckets = calloc(BUCKETS, sizeof(owner_t *))))
        abort();
    for (owner_t *owner = self->buckets[bucket]; owner; owner = owner->next)
        if (uuid_eq(&owner->id, id))
            return owner;
    owner_t *owner = calloc(1, sizeof *owner);
    if (!owner)
        abort();
    owner->id = *id;
    owner->next = self->buckets[bucket];
    return self->buckets[bucket] = owner;
}

void owners_close(owners_t *self)
{
    for (size_t i = 0; self->buckets && i < BUCKETS; i++)
        for (owner_t *owner = self->buckets[i], *next; owner; owner = next) {
            next = owner->next;
            free(owner);
        }
    free(self->buckets);
}

bool owners_have_room(const owners_t *self)
{
    return self->calls < self->most && self->bytes < DELIVERY_BYTES;
}

bool owner_has_room(const owners_t *self, const owner_t *owner)
{
    if (!owners_have_room(self))
        return false;
    return owner->calls == 0 ||
           (owner->calls + self->most / KEPT_PART < self->most - self->calls &&
            owner->bytes + DELIVERY_BYTES / KEPT_PART < DELIVERY_BYTES - self->bytes);
}

void owner_began(owners_t *self, owner_t *owner, size_t bytes)
{
    self->calls++;
    self->bytes += bytes;
    owner->calls++;
    owner->bytes += bytes;
}

void owner_ended(owners_t *self, owner_t *owner, size_t bytes)
{
    assert(owner->calls > 0 && owner->bytes >= bytes);
    self->calls--;
    self->bytes -= bytes;
    owner->calls--;
    owner->bytes -= bytes;
}
