/* The live streams of a lane: opened by a request that authd has granted (common/stream/ask.h), fed
 * by feeds and pages (feeds.h), written in callbacks of the loop (stream.h).
 *
 * What a stream reads of a shard is a strand of it (strand.h); one of several targets, several.h.
 *
 * In each turn of the loop it asks for what is due, and rings a descriptor of its own when there is
 * something to write. Bounded in a turn: STREAMS_WRITTEN streams, and STREAMS_PAGES pages that are
 * asked for at once.
 *
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_STREAMS_H
#define POSTERN_GATEWAY_STREAM_STREAMS_H

#include "gateway/health/watch.h"
#include "gateway/ring/bridge.h"
#include "gateway/stream/quota.h"
#include "gateway/stream/stream.h"

typedef struct streams streams_t;

enum {
    STREAMS_WRITTEN = 128,
    STREAMS_PAGES = 8,
    STREAMS_OPEN_MS = 5000,       /* a first page that fails so long: the request is refused */
    STREAMS_BEAT_MS = 10000,      /* between two heartbeats; a load balancer's timeout is longer */
    STREAMS_BEAT_APART_MS = 2000, /* none is sent where something was just written */
};

/* All are borrowed. */
streams_t *streams_new(h2o_loop_t *loop, inflight_t *inflight, bridge_t *bridge, quota_t *quota,
                       watch_t *watch);

/* Opens a stream for REQ, which authd has answered with GRANTED: the grant of a target, or the list
 * of several. Answers REQ in any case, now or later. */
void streams_open(streams_t *self, h2o_req_t *req, const uuid_t7 *id, slice_t granted,
                  const stream_options_t *options);
/* libh2o disposes of the request of a stream. True: the stream goes on without it. */
bool streams_disposed(stream_t *stream);

/* The answer to a slot of another kind than SLOT_REQUEST; REPLY: NULL: its time was up. */
void streams_answered(streams_t *self, slot_t *slot, const wire_reply_t *reply, slice_t body);

/* In each turn, before the bridge's. */
void streams_turn(streams_t *self, int64_t now_ms);
/* At least ten times a second. */
void streams_tick(streams_t *self, int64_t now_ms);
/* In each turn of a drain: ends the streams one after the other, all by UNTIL_MS. */
void streams_drain(streams_t *self, int64_t now_ms, int64_t until_ms);
unsigned streams_len(const streams_t *self);

/* For streams and feeds. Something is queued, or the stream is to be looked at again: */
void streams_ready(streams_t *self, stream_t *stream);
/* A write has ended. */
void streams_wrote(streams_t *self, stream_t *stream);
/* A strand is to read a page from where it stands. */
void streams_page(streams_t *self, strand_t *strand);
/* To a live one. */
void streams_deliver(streams_t *self, member_t *member, notice_t *notice);
/* The grant is none any more, for this error_code_t. */
void streams_refuse(streams_t *self, member_t *member, unsigned error);
/* It gets nothing more; it is no more. */
void streams_detach(streams_t *self, stream_t *stream);
void streams_forget(streams_t *self, stream_t *stream);

/* Asks a worker of OWNER; *REF stays zero when there is no slot. BODY is borrowed until
 * streams_unask or the answer. */
void streams_ask(streams_t *self, op_owner_t owner, slot_kind_t kind, void *asker, slice_t body,
                 slot_ref_t *ref);
/* The same by an operation of its own, with PARAMS, which are borrowed as BODY is. */
void streams_ask_by(streams_t *self, const op_t *op, slot_kind_t kind, void *asker, slice_t params,
                    slice_t body, slot_ref_t *ref);
/* Of a kind, as was told last; 0: not yet. */
unsigned streams_shards(const streams_t *self, op_owner_t owner);
void streams_note_shards(streams_t *self, op_owner_t owner, unsigned shards);
/* The answer to *REF is not waited for. */
void streams_unask(streams_t *self, slot_ref_t *ref);
bool streams_is_asked(streams_t *self, slot_ref_t ref);
bool streams_is_slot(streams_t *self, slot_ref_t ref, const slot_t *slot);

#endif
