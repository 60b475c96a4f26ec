/* The router: takes accepted requests from the authds, places each on the shard that owns its
 * target, and sends the workers' replies to the origin of each: the gateway thread that holds the
 * connection, or an authd. The router touches no disk and sees no token.
 *
 * Threading: one thread. */
#ifndef POSTERN_ROUTER_H
#define POSTERN_ROUTER_H

#include "common/conf/conf.h"

typedef struct router router_t;

/* Binds the three sockets; exits with a clear message when one cannot be bound. */
router_t *router_new(const conf_start_t *start);
void router_destroy(router_t **self_p);

/* Runs until SIGTERM and then until nothing is queued, process.drain_ms at most. */
void router_run(router_t *self);

#endif
