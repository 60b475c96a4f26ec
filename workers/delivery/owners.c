#include "workers/delivery/lane.h"

#include <assert.h>
#include <stdlib.h>

enum { KEPT_PART = 8 }; /* of all, for owners who have none */

owner_t *owners_find(owners_t *self, const uuid_t7 *id)
{
    owner_t *owner;
    HASH_FIND(hh, self->owners, id, sizeof *id, owner);
    if (owner)
        return owner;
    owner = calloc(1, sizeof *owner);
    if (!owner)
        abort();
    owner->id = *id;
    HASH_ADD(hh, self->owners, id, sizeof owner->id, owner);
    return owner;
}

void owners_close(owners_t *self)
{
    for (owner_t *owner; (owner = self->owners);) {
        HASH_DEL(self->owners, owner);
        free(owner);
    }
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

unsigned owners_share(const owners_t *self, unsigned waiting)
{
    unsigned part = self->calls >= self->most / 2 ? KEPT_PART : 1;
    unsigned share = self->most / (waiting + 1 > part ? waiting + 1 : part);
    return share ? share : 1;
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
