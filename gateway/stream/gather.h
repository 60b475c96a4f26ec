/* The deliveries of several targets as one list: authd says of which (common/stream/found.h), each
 * shard of bots and extensions that has some of them, or all shards, is asked at once, and what
 * they have is put together by time, the newest first.
 *
 * A shard that does not answer in GATHER_MS is left out, and named in the answer. What comes next
 * is in its cursor (vector.h): of each shard the log sequence to go on with, so that nothing is
 * left out between two pages; a shard that did not answer is asked from where it stood. Where a
 * shard has looked as far as it looks for one page and found little, what others have from before
 * that time waits for the next page.
 *
 * Targets of others have no labels: authd is asked for those of the rows of a page.
 * Threading: the lane's. */
#ifndef POSTERN_GATEWAY_STREAM_GATHER_H
#define POSTERN_GATEWAY_STREAM_GATHER_H

#include "gateway/stream/streams.h"

enum {
    GATHER_MS = 2000,
    GATHER_NAMES_MS = 500,
    GATHERS = 64, /* at once in a lane */
    GATHER_LIMIT = 100,
};

/* How it ended: with JSON, or with a refusal of a worker's, whose id is another one, or with an
 * error. */
typedef struct {
    slice_t json; /* empty: none */
    const wire_reply_t *reply;
    slice_t said; /* the reply's body */
    error_code_t error;
    const char *detail; /* constant, or NULL */
} gathered_t;

/* Answers the request that was to be gathered for. */
void gathered_answer(const gathered_t *self, h2o_req_t *req, const uuid_t7 *id);

/* The callee removes the slot. */
typedef void gathers_end_fn(void *arg, slot_t *slot, const gathered_t *gathered);

typedef struct gathers gathers_t;

gathers_t *gathers_new(streams_t *streams, inflight_t *inflight, gathers_end_fn *end, void *arg);

/* authd lets the request of SLOT be carried out, with LIST. */
void gathers_judged(gathers_t *self, slot_t *slot, slice_t list);
/* Several times a second. */
void gathers_tick(gathers_t *self, int64_t now_ms);

/* The answer to an ask, whose slot has the ask as its owner. */
typedef struct gather_ask gather_ask_t;
void gather_answered(gather_ask_t *ask, const wire_reply_t *reply, slice_t body);

#endif
