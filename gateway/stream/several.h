/* Streams of several targets: those that their reader names, or all that the reader may see, of any
 * shards and kinds of workers.
 *
 * A strand (strand.h) reads the targets of one shard, in the order of the shard's log, by spans
 * (common/stream/ask.h) and then by the feed of the shard. First its targets are placed: a worker
 * tells where each stands, whatever it was asked to begin with. From there on the stream knows each
 * target's sequence, so that nothing is left out or doubled, and for each shard the place in its
 * log up to which all is given, which the ids of its events are made of (vector.h).
 *
 * Where a worker has another count of shards, the targets of its kind are put into other strands,
 * and placed again.
 *
 * Of a stream of all the list of targets is asked for again every SEVERAL_LIST_MS: one that is new
 * begins with what was stored since the list before.
 *
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_SEVERAL_H
#define POSTERN_GATEWAY_STREAM_SEVERAL_H

#include "gateway/stream/streams_self.h"

enum {
    SEVERAL_LIST_MS = 2000,
    SEVERAL_SLACK_MS = 1000, /* between the clocks of gateways and workers */
    SEVERAL_LISTS = 4,       /* that are asked for at once */
};

/* Makes STREAM one of the targets of a LIST, as far as there is room for them. False: it is none.
 */
bool several_open(streams_t *self, stream_t *stream, slice_t list);
/* It is among the streams: its targets are placed. */
void several_start(streams_t *self, stream_t *stream);
/* It asks for nothing more. */
void several_stop(streams_t *self, stream_t *stream);

/* For paging.c. Whether the strand, of whatever stream, may read on by pages. */
bool several_may_page(const strand_t *strand);
void several_write_ask(strand_t *strand);
void several_take(streams_t *self, strand_t *strand, const found_t *found);

/* To a live one. */
void several_deliver(streams_t *self, member_t *member, notice_t *notice);
/* A member's grant is none any more. */
void several_refuse(streams_t *self, member_t *member, unsigned error);
/* Ends one whose URL has ended. */
void several_expire(stream_t *stream, int64_t wall_ms);
/* In place of a heartbeat. The caller's reference. */
notice_t *several_beat(streams_t *self, stream_t *stream);

/* Asks for lists that are due. */
void several_turn(streams_t *self);
void several_listed(streams_t *self, stream_t *stream, const wire_reply_t *reply, slice_t body);

#endif
