/* All ZeroMQ of a gateway thread, inside its h2o loop: links to the authds, for requests, to those
 * that write, for admin requests, and to the routers, for replies.
 *
 * Requests wait in the inflight table's pending lists and go out in batches when a turn of the loop
 * has ended and the authd has credit. ZMQ_FD is edge-triggered and a send can swallow the edge, so
 * each socket's input is looked at again after every send; a safety tick looks once more and counts
 * the edges that were missed all the same.
 *
 * One thread: all calls from the loop's. */
#ifndef POSTERN_GATEWAY_RING_BRIDGE_H
#define POSTERN_GATEWAY_RING_BRIDGE_H

#include "common/conf/conf.h"
#include "gateway/ring/inflight.h"

#include <h2o.h>

typedef struct bridge bridge_t;

/* Takes a reply that ends a request. The callee must remove the slot, and may move BODY out. */
typedef void bridge_answer_fn(void *arg, slot_t *slot, const wire_reply_t *reply, zmq_msg_t *body);

/* Connects; to gateway.admin only with ADMIN. NAME is "gateway-<index>.<thread>". Exits when an
 * endpoint cannot be used. */
bridge_t *bridge_new(const conf_t *conf, const char *name, bool admin, h2o_loop_t *loop,
                     inflight_t *inflight, bridge_answer_fn *answer, void *arg);
void bridge_destroy(bridge_t **self_p);

/* How many lists the inflight table needs: one an authd, and one for each that writes. */
unsigned bridge_routes(const conf_t *conf);

/* Puts a slot on the list of the authd that the hash of its token names, or of another authd while
 * that one is gone; an admin request on the list of the first writing authd that is there. So
 * gateways that name the same ones in the same order have what a credential does counted by one. */
void bridge_queue(bridge_t *self, slot_t *slot);

/* Sends all that is queued for each authd that gives credit. Calls nobody back. */
void bridge_send(bridge_t *self, int64_t now_ms);

/* After each turn of the loop: bridge_send, then takes the replies that have come. True: the next
 * turn must not wait (answers were given outside the loop's callbacks, or more input is there). */
bool bridge_turn(bridge_t *self, int64_t now_ms);

/* At least every 250 ms: heartbeats and the safety check. */
void bridge_tick(bridge_t *self, int64_t now_ms);

typedef struct {
    unsigned authds, authds_alive, routers, routers_alive;
    int64_t oldest_ms; /* how long the oldest request that is to be sent has waited */
} bridge_state_t;
bridge_state_t bridge_state(const bridge_t *self, int64_t now_ms);

#endif
