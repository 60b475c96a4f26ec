/* The hints of a stream (common/stream/hint.h), for a reader that asks for them: shards are asked
 * once a second what is new of deliveries (delivering.h); of a stream of all authd, too, what
 * changed and which tokens were used, and the watch of this gateway how the ring fares, as long as
 * such a stream is open.
 *
 * A stream whose reader is behind asks for none meanwhile. The use of a token is told at once, then
 * every HINTS_USED_MS at most, the last one always.
 *
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_HINTS_H
#define POSTERN_GATEWAY_STREAM_HINTS_H

#include "gateway/stream/streams_self.h"

enum {
    HINTS_APART_MS = 1000,
    HINTS_USED_MS = 10000,
    HINTS_TOKENS = 64, /* whose uses are known; past it the one that is quiet for longest is not */
    HINTS_ASKED = 16,  /* streams that ask at once */
};

typedef struct hints hints_t;

/* For a stream whose options name events that are hints; NULL: they name none. */
hints_t *hints_new(stream_t *stream);
void hints_destroy(hints_t **self_p);

/* Whether they are those of a stream of all; SELF: NULL: no. */
bool hints_need_right(const hints_t *self);
/* A target that the stream has. */
void hints_take_row(hints_t *self, const listed_t *listed);
/* The stream is open. */
void hints_start(streams_t *streams, hints_t *self);
/* It asks for nothing more. */
void hints_stop(streams_t *streams, hints_t *self);

/* Asks for what is due. */
void hints_turn(streams_t *streams);
void hints_answered(streams_t *streams, hints_t *self, const wire_reply_t *reply, slice_t body);

#endif
