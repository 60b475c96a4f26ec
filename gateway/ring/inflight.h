/* The requests of one gateway thread that wait for their answer: slots, found by request id, kept
 * in the order of arrival, which is that of their deadlines too (all have the same time), and per
 * route (an authd) a list of those that wait to be sent.
 *
 * A slot belongs to a request id and a generation, so that a reference (slot_ref_t) that was taken
 * for one request does not find the next request in the same slot. All times are clock_ms () and
 * are passed in. One thread. */
#ifndef POSTERN_GATEWAY_RING_INFLIGHT_H
#define POSTERN_GATEWAY_RING_INFLIGHT_H

#include "common/wire/wire.h"

enum {
    RESEND_FIRST_MS = 1000, /* after the first attempt */
    RESEND_NEXT_MS = 1500,  /* after each later one */
    RESEND_LAST_MS = 500,   /* before the deadline */
    RESEND_APART_MS = 200,  /* least time between two attempts that news of a process cause */
};

/* What a slot's owner is: a request of HTTP, or for the lane's own streams (gateway/stream) a feed,
 * a strand that reads a page, a stream that asks for its targets and hints; or what asks shards for
 * a list of several targets (gather.h). */
typedef enum {
    SLOT_REQUEST,
    SLOT_FEED,
    SLOT_PAGE,
    SLOT_LIST,
    SLOT_HINTS,
    SLOT_DELIVERIES,
    SLOT_GATHER
} slot_kind_t;

typedef struct slot {
    /* the owner's */
    slot_kind_t kind;
    void *owner;            /* of the request; NULL once it is gone, and then nothing is sent */
    wire_request_t request; /* its slices live as long as the owner */
    slice_t body;
    size_t head_len;
    unsigned op_row;
    int64_t born_us;
    int64_t wall_ms; /* of a stream: when its request was read */

    /* inflight's, read-only for others */
    uint32_t generation;
    unsigned attempts; /* sent so far */
    unsigned route;    /* of the last attempt, or of the next one while it is pending */
    int64_t born_ms, deadline_ms;
    int64_t sent_ms;   /* last attempt */
    int64_t resend_ms; /* when the next attempt is due; 0: there is no further attempt */
    bool used, pending;
    bool held;             /* an INTERIM reply came: its worker lets it wait */
    uint32_t older, newer; /* by arrival */
    uint32_t pending_prev, pending_next;
} slot_t;

/* A reference to a slot for one request. Zero is none. */
typedef struct {
    uint32_t index, generation;
} slot_ref_t;

typedef struct inflight inflight_t;

/* At most CAPACITY requests, each with DEADLINE_MS, on ROUTES lists. */
inflight_t *inflight_new(unsigned capacity, unsigned routes, int64_t deadline_ms);
void inflight_destroy(inflight_t **self_p);

/* A slot for a new request, cleared, with id and times set. NULL when all are in use. */
slot_t *inflight_add(inflight_t *self, const uuid_t7 *id, int64_t now_ms);
/* NULL when no request of this id waits. */
slot_t *inflight_find(inflight_t *self, const uuid_t7 *id);
void inflight_remove(inflight_t *self, slot_t *slot);

slot_ref_t inflight_ref(const inflight_t *self, const slot_t *slot);
/* NULL when the request that the reference was taken for is gone. */
slot_t *inflight_at(inflight_t *self, slot_ref_t ref);

/* Puts a slot at the end of a route's pending list; a slot that is pending already stays where it
 * is. */
void inflight_queue(inflight_t *self, slot_t *slot, unsigned route);
/* The first pending one of a route; NULL when there is none. */
slot_t *inflight_pending(inflight_t *self, unsigned route);
/* Moves all pending slots of one route to the end of another route's list. */
void inflight_reroute(inflight_t *self, unsigned from, unsigned to);
/* Takes a slot off its pending list without sending it. */
void inflight_unqueue(inflight_t *self, slot_t *slot);
/* Takes a slot off its pending list because an attempt was sent now: counts the attempt and plans
 * the next one. */
void inflight_sent(inflight_t *self, slot_t *slot, int64_t now_ms);
/* Makes the next attempt due at AT_MS at the latest. */
void inflight_hurry(inflight_t *self, slot_t *slot, int64_t at_ms);
/* Stops the resends by time: an INTERIM reply said that the entry is stored. */
void inflight_hold(slot_t *slot);

/* Starts the resends by time again after inflight_hold: a process on the way is new, so the worker
 * that said the entry is stored may have died. */
void inflight_release(slot_t *slot, int64_t now_ms);

/* When the attempt after this one is due; 0: there is none any more. */
int64_t inflight_next_resend(unsigned attempts, int64_t sent_ms, int64_t deadline_ms);

/* Calls expired for each slot whose deadline is over (the callee removes the slot, or is called
 * again next time), and resend for each slot that is not pending and whose next attempt is due. */
typedef struct {
    void (*expired)(void *arg, slot_t *slot);
    void (*resend)(void *arg, slot_t *slot);
} inflight_calls_t;
void inflight_tick(inflight_t *self, int64_t now_ms, const inflight_calls_t *calls, void *arg);

/* Iterates from the oldest: start with NULL, ends with NULL. The slot may be queued meanwhile, not
 * removed. */
slot_t *inflight_next(inflight_t *self, slot_t *previous);

unsigned inflight_len(const inflight_t *self);
/* Pending entries of all routes, and about their bytes. */
unsigned inflight_pending_len(const inflight_t *self);
uint64_t inflight_pending_bytes(const inflight_t *self);

#endif
