/* Whether the addresses of processes that are to be started are free. Threading: one thread. */
#ifndef POSTERN_CTL_HOST_ADDRESSES_H
#define POSTERN_CTL_HOST_ADDRESSES_H

#include "common/health/fleet.h"

/* Checks that every address of the fleet can be listened on (gateway.listen only with listen_here:
 * else the socket was passed; a monitor's and the admin listener's may be taken, unless LAID: who
 * starts has just chosen it) and that no two are the same. 0, or -1 with a sentence that names the
 * setting and the address. */
int addresses_check(const fleet_t *fleet, const conf_t *conf, bool listen_here, bool laid,
                    char *err, size_t err_size);

#endif
