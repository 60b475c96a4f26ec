/* What the parts of several.h share: several.c (reading), several_list.c (which targets) and
 * several_end.c (rights that end). Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_SEVERAL_SELF_H
#define POSTERN_GATEWAY_STREAM_SEVERAL_SELF_H

#include "gateway/stream/several.h"

static inline slice_t several_label(const member_t *member)
{
    return member->label ? slice_of(member->label) : slice("", 0);
}

/* The strand of the target's shard, as far as shards are known; made where there is none. */
strand_t *several_strand_of(streams_t *self, stream_t *stream, op_owner_t owner,
                            const uuid_t7 *target);
/* A strand that has a member more, or is new, is to be placed anew. */
void several_unplace(streams_t *self, strand_t *strand);
/* All strands of OWNER are placed: the ids of events are of their shards from here on. The stream
 * may be gone when this returns. */
void several_placed(streams_t *self, stream_t *stream, op_owner_t owner);

/* Ends all of the stream, which may be gone when this returns. */
void several_end(stream_t *stream, unsigned error);
/* The members that FOUND, the answer to a page, names; the page is asked for again. */
void several_refused(streams_t *self, strand_t *strand, const found_t *found);

/* Of a stream of all: writes an ASK by its right to that; and reads the answer to one. False: there
 * is none, or the right is gone, and the stream is ended. */
void several_write_by_right(const stream_t *stream, ask_t *ask, bytes_t *out);
bool several_read_by_right(stream_t *stream, const wire_reply_t *reply, slice_t body,
                           found_t *found);

#endif
