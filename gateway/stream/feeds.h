/* The feeds of a lane, one for each shard of which it has a stream: what was stored there for any
 * of their targets, in the log's order, asked for again and again (common/stream/ask.h). A feed
 * keeps what came last, so that a stream that has read all pages can go on from there without a
 * gap.
 *
 * The grants of its streams go along whenever one is added, and every FEED_RENEW_MS: authd judges
 * them, and names those that are none any more, whose streams end.
 *
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_FEEDS_H
#define POSTERN_GATEWAY_STREAM_FEEDS_H

#include "common/base/ops.h"
#include "gateway/stream/stream.h"

enum {
    FEED_RENEW_MS = 500,
    FEED_AGAIN_MS = 200, /* after an answer that was none */
    FEED_APART_MS = 5,   /* between two asks because streams came */
    FEED_KEPT = 1024,    /* notices, as long as they have no more than */
    FEED_KEPT_BYTES = 256 << 10,
};

/* The members of one target. */
typedef struct watch {
    uuid_t7 target;
    h2o_linklist_t members;
    uint32_t added; /* the generation with which it is asked for first */
    bool known;
    uint64_t since; /* what its feed has of the target, it has from behind this log sequence on */
} watch_t;

typedef struct feed feed_t;

typedef struct {
    struct streams *streams;
    h2o_linklist_t all;
} feeds_t;

void feeds_open(feeds_t *self, struct streams *streams);

/* Has the strand's targets asked for, of the shard that FOUND, a whole page, is of: the strand
 * waits for the feed, or is live, or has to read another page. */
void feeds_join(feeds_t *self, strand_t *strand, const found_t *found);
void feeds_leave(member_t *member);
/* Up to where a live strand has all: a log sequence, tagged where the record there is known. */
position_t feeds_at(const strand_t *strand);

/* Asks for what is due. */
void feeds_turn(feeds_t *self, int64_t now_ms);
/* The answer to an ask: a slot's, with the feed as its owner. REPLY: NULL: there is none. */
void feeds_answered(feed_t *feed, const slot_t *slot, const wire_reply_t *reply, slice_t body);

#endif
