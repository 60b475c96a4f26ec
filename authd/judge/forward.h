/* The way to the routers: a link and a bounded queue for each. Entries of one target go to one
 * router while it is alive, so that their order holds, and to another one when it is gone. An
 * attempt above 1 goes to the next of the routers that are alive.
 *
 * Threading: the main thread's, as all links of its instance. */
#ifndef POSTERN_AUTHD_JUDGE_FORWARD_H
#define POSTERN_AUTHD_JUDGE_FORWARD_H

#include "common/link/link.h"
#include "common/link/queue.h"

typedef struct forward forward_t;

enum { FORWARD_ROUTERS = 16 };

/* Takes replies to entries whose origin is this authd. */
typedef void forward_replies_fn(void *arg, peer_t *peer, wire_message_t *message);

/* Connects to authd.routers. NAME is what we are called, SELF our instance to them: gateways must
 * not learn it. Exits when it cannot. */
forward_t *forward_new(const conf_t *conf, const char *name, const uint64_t *self,
                       forward_replies_fn *replies, void *arg);
void forward_destroy(forward_t **self_p);

/* Queues an accepted entry (its principal names the target) of a batch that came at NOW_US. */
queue_put_t forward_put(forward_t *self, const wire_request_t *request, zmq_msg_t *body,
                        int64_t now_us);
/* Sends what the routers' credit allows; to be called after the input was drained. */
void forward_flush(forward_t *self, int64_t now_ms);

/* For the loop: fills LINKS (FORWARD_ROUTERS of them) and returns how many there are. */
unsigned forward_links(const forward_t *self, link_t **links);
void forward_drain(forward_t *self, unsigned max);
void forward_tick(forward_t *self, int64_t now_ms);
void forward_restart(forward_t *self);

unsigned forward_waiting(const forward_t *self); /* entries in the queues */
unsigned forward_alive(const forward_t *self);   /* routers that are there */

#endif
