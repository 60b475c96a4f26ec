#include "gateway/stream/targets.h"

#include "common/wire/wire.h"

#include <stdlib.h>

static op_owner_t s_owner(const member_t *member)
{
    return op_find(member->grant.op)->owner;
}

member_t *targets_find(const targets_t *self, const uuid_t7 *target)
{
    for (unsigned i = 0; i < self->len; i++)
        if (uuid_eq(&self->member[i]->grant.target, target))
            return self->member[i];
    return NULL;
}

void targets_add(targets_t *self, const listed_t *listed, unsigned most)
{
    member_t *member = targets_find(self, &listed->grant.target);
    op_owner_t owner = op_find(listed->grant.op)->owner;
    if (member)
        member_rename(member, listed->label);
    if (member || self->len == most || (owner != OWNER_BOT && owner != OWNER_EXTENSION))
        return;
    self->member = realloc(self->member, (self->len + 1) * sizeof *self->member);
    if (!self->member)
        abort();
    self->member[self->len++] = member_new(listed);
}

void targets_clear(targets_t *self)
{
    for (unsigned i = 0; i < self->len; i++)
        member_destroy(&self->member[i]);
    free(self->member);
    *self = (targets_t){NULL, 0};
}

bool targets_have(const targets_t *self, op_owner_t owner)
{
    for (unsigned i = 0; i < self->len; i++)
        if (s_owner(self->member[i]) == owner)
            return true;
    return false;
}

static bool s_is_of(const member_t *member, const targets_shard_t *shard)
{
    return s_owner(member) == shard->owner &&
           wire_shard(&member->grant.target, shard->shards) == shard->shard;
}

uint32_t targets_write(const targets_t *self, const targets_shard_t *shard, bytes_t *rows,
                       uuid_t7 *first)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < self->len; i++) {
        const member_t *member = self->member[i];
        if (!s_is_of(member, shard))
            continue;
        if (count++ == 0)
            *first = member->grant.target;
        grant_write(&member->grant, rows);
    }
    return count;
}

void targets_refuse(targets_t *self, const targets_shard_t *shard, uint32_t before,
                    const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    uint32_t index, at = before;
    unsigned error, len = 0;
    bool more = found->count > 0 && refused_read(&in, &index, &error);
    for (unsigned i = 0; i < self->len; i++) {
        bool refused = s_is_of(self->member[i], shard) && more && at++ == index;
        if (!refused) {
            self->member[len++] = self->member[i];
            continue;
        }
        member_destroy(&self->member[i]);
        more = in.left > 0 && refused_read(&in, &index, &error);
    }
    self->len = len;
}

const char *targets_label(const targets_t *self, const uuid_t7 *target)
{
    const member_t *member = targets_find(self, target);
    return member ? member->label : NULL;
}
