/* A lane: one thread of the gateway with its h2o loop, listener, links and requests in flight. One
 * lane of a gateway has the admin listener, too, which knows other paths and other credentials.
 *
 * Threading: lane_new and lane_start by the main thread, which then reads the state; the rest runs
 * in the lane's thread. */
#ifndef POSTERN_LANE_H
#define POSTERN_LANE_H

#include "common/conf/conf.h"
#include "gateway/health/series.h"
#include "gateway/health/watch.h"
#include "gateway/http/listener.h"
#include "gateway/lane_state.h"
#include "gateway/stream/quota.h"

#include <stdatomic.h>

typedef struct lane lane_t;

/* What all lanes share, read-only but for the census. */
typedef struct {
    const conf_t *conf;
    const char *name; /* of the gateway, as its peers see it */
    h2o_globalconf_t http;
    SSL_CTX *tls;                              /* NULL: none */
    SSL_CTX *admin_tls;                        /* of the admin listener; NULL: none */
    h2o_hostconf_t *hosts[2], *admin_hosts[2]; /* of each listener, NULL-terminated */
    routes_t *routes, *admin_routes;
    networks_t *trusted, *balancers; /* gateway.trusted_proxies, gateway.proxy_protocol */
    census_t *census;
    quota_t *quota; /* of streams */
    watch_t *watch;
    series_t *series;
} lane_shared_t;

/* Configures libh2o for all lanes: limits, and one handler for all paths. Once, before lane_new. */
void lane_prepare(lane_shared_t *shared);

/* FD is the lane's listening socket, which it takes. ADMIN: it is to have the admin listener, and
 * ADMIN_FD is that one's socket; -1: lane_open_admin gives it later. */
lane_t *lane_new(lane_shared_t *shared, unsigned number, int fd, bool admin, int admin_fd);
void lane_start(lane_t *self);

/* Once, and not while the lane drains. Takes FD. */
void lane_open_admin(lane_t *self, int fd);

/* The times of a drain, clock_ms (). From the begin of the drain on each answer is the last of its
 * connection. */
typedef struct {
    int64_t accept_ms; /* accepts until then */
    int64_t idle_ms;   /* leaves connections without a request open until then, or longer */
    int64_t until_ms;  /* answers until then, then refuses */
    bool take;         /* takes what waits in the kernel's queue before it stops to accept */
    bool hurry;        /* ends with the last answer, whoever is still connected */
} lane_drain_t;

/* Asks for the drain; a second call changes the drain's times. */
void lane_drain(lane_t *self, const lane_drain_t *drain);
const lane_state_t *lane_state(const lane_t *self);

#endif
