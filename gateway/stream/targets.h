/* Targets of a reader, of bots and extensions, each with its grant and label, as shards are asked
 * for theirs. Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_TARGETS_H
#define POSTERN_GATEWAY_STREAM_TARGETS_H

#include "gateway/stream/strand.h"

/* Zero-initialised is empty. */
typedef struct {
    member_t **member;
    unsigned len;
} targets_t;

/* One of the shards of a kind. */
typedef struct {
    op_owner_t owner;
    unsigned shard, shards;
} targets_shard_t;

/* One that is there already gets the new label; past MOST none is added. */
void targets_add(targets_t *self, const listed_t *listed, unsigned most);
void targets_clear(targets_t *self);

bool targets_have(const targets_t *self, op_owner_t owner);
/* Writes the grants of those of the shard; returns how many there are, of which *FIRST is one. */
uint32_t targets_write(const targets_t *self, const targets_shard_t *shard, bytes_t *rows,
                       uuid_t7 *first);
/* Takes out those that FOUND refuses of those that targets_write wrote, before which BEFORE grants
 * stood. */
void targets_refuse(targets_t *self, const targets_shard_t *shard, uint32_t before,
                    const found_t *found);
/* NULL: it is none of them. */
member_t *targets_find(const targets_t *self, const uuid_t7 *target);
/* NULL, too, where it has no label. */
const char *targets_label(const targets_t *self, const uuid_t7 *target);

#endif
