/* authd's loop: takes batches from gateways, judges each entry in one read transaction a batch,
 * refuses on the connection it came by or passes on to a router. authd holds no request beyond its
 * queues: requests that are lost with it are sent again by the gateways.
 *
 * The authd with index 0 is the directory's writer and serves the control socket; one with a higher
 * index reads beside it. With directory.engine = postgres each has a copy of its own, and writes.
 * Threading: the main thread. */
#ifndef POSTERN_AUTHD_H
#define POSTERN_AUTHD_H

#include "common/conf/conf.h"

#include <stdbool.h>

typedef struct authd authd_t;

/* Opens the directory and the sockets; exits with the reason when it cannot. */
authd_t *authd_new(const conf_start_t *start);
void authd_destroy(authd_t **self_p);

/* Until SIGTERM or SIGINT, then until all is passed on, at most process.drain_ms; then true. False:
 * this copy of the directory may judge no more (authd/copies). */
bool authd_run(authd_t *self);

#endif
