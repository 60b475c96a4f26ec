/* The gateway: starts its lanes (lane.h), sets its readiness checks, and drains. Threading: the
 * main thread. */
#ifndef POSTERN_GATEWAY_H
#define POSTERN_GATEWAY_H

#include "common/conf/conf.h"

#include <stdbool.h>

typedef struct gateway gateway_t;

/* Takes or binds the listener and reads the TLS files, while the process has its privileges. Exits
 * with the reason when the environment does not allow it. */
gateway_t *gateway_new(const conf_start_t *start);

/* Whether the listening socket was passed (LISTEN_FDS). Then a second gateway with the same index
 * may serve the same socket: a gateway and its successor, for a while. */
bool gateway_was_passed_socket(const gateway_t *self);

/* Serves until SIGTERM or SIGINT, then drains. The lanes' memory is left to the end of the process:
 * libh2o cannot give up a context that has connections. Returns the exit status. */
int gateway_run(gateway_t *self);

#endif
