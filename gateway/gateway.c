#include "gateway/gateway.h"

#include "common/base/clock.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "gateway/lane.h"
#include "gateway/tls.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WATCH_MS = 100,
    SILENT_MS = 3000,   /* a lane that does not tick for so long is stuck */
    PATIENCE_MS = 2000, /* how long the start waits for the ring before it counts as done */
    LANES = 64,
};

struct gateway {
    lane_shared_t shared;
    lane_t *lane[LANES];
    unsigned lanes;
    int64_t deadline_ms, drain_ms, began_ms;
};

static void s_lock(const conf_start_t *start)
{
    char path[4200];
    const char *directory = conf_text(start->conf, SET_data_sockets);
    life_make_dir(directory);
    snprintf(path, sizeof path, "%s/gateway-%u.lock", directory, start->index);
    life_lock(path, false);
}

gateway_t *gateway_new(const conf_start_t *start)
{
    gateway_t *self = calloc(1, sizeof *self);
    const conf_t *conf = start->conf;
    char address[300], err[300];
    if (!self)
        abort();
    s_lock(start);
    self->shared.conf = conf;
    self->shared.index = start->index;
    self->shared.routes = routes_new();
    self->shared.trusted =
        trusted_new(conf_text(conf, SET_gateway_trusted_proxies), err, sizeof err);
    if (!self->shared.trusted)
        log_fatal(EXIT_CONFIG, "gateway.trusted_proxies", "err=%s", LOG_Q(err));
    self->shared.census =
        census_new((unsigned)conf_uint(conf, SET_gateway_connections),
                   (unsigned)conf_uint(conf, SET_gateway_connections_per_address));
    if (*conf_text(conf, SET_gateway_tls_certificate))
        self->shared.tls = tls_new(conf_text(conf, SET_gateway_tls_certificate),
                                   conf_text(conf, SET_gateway_tls_key));
    self->deadline_ms = (int64_t)conf_uint(conf, SET_gateway_deadline_ms);
    self->drain_ms = (int64_t)conf_uint(conf, SET_process_drain_ms);
    lane_prepare(&self->shared);
    conf_address(conf, SET_gateway_listen, 0, address, sizeof address);
    self->lanes = (unsigned)conf_uint(conf, SET_gateway_threads);
    for (unsigned i = 0; i < self->lanes; i++)
        self->lane[i] = lane_new(&self->shared, i, listener_bind(address, sizeof address));
    log_info("gateway.listen", "address=%s tls=%d threads=%u", address, self->shared.tls != NULL,
             self->lanes);
    return self;
}

/* What all lanes together have. */
typedef struct {
    unsigned authds, authds_alive, routers, routers_alive, inflight;
    int64_t authd_ms, ticked_ms, waiting, waiting_bytes, oldest_ms;
    bool failing, drained;
} sum_t;

static void s_least(unsigned *sum, unsigned value, bool first)
{
    if (first || value < *sum)
        *sum = value;
}

static sum_t s_sum(const gateway_t *self)
{
    sum_t sum = {.drained = true};
    for (unsigned i = 0; i < self->lanes; i++) {
        const lane_state_t *state = lane_state(self->lane[i]);
        int64_t authd_ms = atomic_load(&state->authd_ms),
                ticked_ms = atomic_load(&state->ticked_ms);
        sum.authds = atomic_load(&state->authds);
        sum.routers = atomic_load(&state->routers);
        s_least(&sum.authds_alive, atomic_load(&state->authds_alive), i == 0);
        s_least(&sum.routers_alive, atomic_load(&state->routers_alive), i == 0);
        sum.inflight += atomic_load(&state->inflight);
        sum.authd_ms = i && sum.authd_ms < authd_ms ? sum.authd_ms : authd_ms;
        sum.ticked_ms = i && sum.ticked_ms < ticked_ms ? sum.ticked_ms : ticked_ms;
        sum.waiting += atomic_load(&state->waiting);
        sum.waiting_bytes += atomic_load(&state->waiting_bytes);
        int64_t oldest_ms = atomic_load(&state->oldest_ms);
        sum.oldest_ms = oldest_ms > sum.oldest_ms ? oldest_ms : sum.oldest_ms;
        sum.failing = sum.failing || atomic_load(&state->failing);
        sum.drained = sum.drained && atomic_load(&state->drained);
    }
    return sum;
}

static void s_check_peers(const char *name, unsigned alive, unsigned all, bool red)
{
    char reason[64];
    snprintf(reason, sizeof reason, "%u of %u connected", alive, all);
    monitor_check(name,
                  red                       ? CHECK_FAILED
                  : alive < all || all == 0 ? CHECK_DEGRADED
                                            : CHECK_OK,
                  reason);
}

static void s_watch(gateway_t *self, int64_t now_ms)
{
    sum_t sum = s_sum(self);
    if (now_ms - sum.ticked_ms < SILENT_MS)
        monitor_tick();
    metric_set(METRIC_forward_entries, sum.waiting);
    metric_set(METRIC_forward_bytes, sum.waiting_bytes);
    metric_set(METRIC_forward_oldest_seconds, sum.oldest_ms);
    monitor_check("listener", sum.failing ? CHECK_FAILED : CHECK_OK,
                  sum.failing ? "cannot accept: no descriptors are left" : "accepting");
    s_check_peers("authd", sum.authds_alive, sum.authds, now_ms - sum.authd_ms > self->deadline_ms);
    s_check_peers("router", sum.routers_alive, sum.routers, false);
    if ((sum.authds_alive && sum.routers_alive) || now_ms - self->began_ms > PATIENCE_MS)
        life_ready();
}

static void s_wait(int timeout_ms)
{
    struct pollfd fd = {.fd = life_fd(), .events = POLLIN};
    poll(&fd, 1, timeout_ms);
}

static void s_drain(gateway_t *self)
{
    int64_t until = clock_ms() + self->drain_ms;
    monitor_check("draining", CHECK_FAILED, "shutting down");
    log_info("gateway.drain", "inflight=%u", s_sum(self).inflight);
    for (unsigned i = 0; i < self->lanes; i++)
        lane_drain(self->lane[i], until);
    /* A lane that is stuck does not keep the process. */
    while (!s_sum(self).drained && clock_ms() < until + SILENT_MS) {
        struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
        monitor_tick();
    }
    log_info("gateway.end", "drained=%d", s_sum(self).drained);
}

int gateway_run(gateway_t *self)
{
    self->began_ms = clock_ms();
    for (unsigned i = 0; i < self->lanes; i++)
        lane_start(self->lane[i]);
    while (!life_stopping()) {
        s_watch(self, clock_ms());
        s_wait(WATCH_MS);
    }
    s_drain(self);
    return 0;
}
