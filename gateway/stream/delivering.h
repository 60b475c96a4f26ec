/* Hints of deliveries for a stream: each shard that has bots or apps of its reader is asked
 * once a second what has changed of their deliveries. authd lets pass those that are the reader's
 * own; of the others the shard is not asked again.
 *
 * Limit: DELIVERING_MOST targets a stream; of further ones nothing is told.
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_DELIVERING_H
#define POSTERN_GATEWAY_STREAM_DELIVERING_H

#include "gateway/stream/streams_self.h"

enum { DELIVERING_MOST = 256 };

typedef struct delivering delivering_t;

delivering_t *delivering_new(stream_t *stream);
void delivering_destroy(delivering_t **self_p);

/* A target that the stream's list has; one that is there already, or has no deliveries, is left
 * out. */
void delivering_add(delivering_t *self, const listed_t *listed);
/* Asks the shards that are not asked. */
void delivering_turn(streams_t *streams, delivering_t *self);
void delivering_stop(streams_t *streams, delivering_t *self);

/* The answer to an ask, which is the owner of its slot. */
typedef struct shard_ask shard_ask_t;
void delivering_answered(streams_t *streams, shard_ask_t *ask, const wire_reply_t *reply,
                         slice_t body);

#endif
