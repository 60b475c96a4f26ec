#include "gateway/gateway.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/life/life.h"
#include "common/life/listening.h"
#include "common/link/link.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "gateway/http/tls.h"
#include "gateway/lane.h"
#include "gateway/read/cookie.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WATCH_MS = 100,
    ADMIN_AGAIN_MS = 1000,
    SILENT_MS = 500,    /* a lane that does not tick for so long is no sign of life */
    PATIENCE_MS = 2000, /* how long the start waits for the ring before it counts as done */
    BEHIND_MS = 10000,  /* how long a shard's failure is told of */
    LANES = 64,
    CONNECTION_BYTES = 16384, /* about what an idle one takes */
    GIVE_BACK_BYTES = 16 << 20,
};

struct gateway {
    lane_shared_t shared;
    lane_t *lane[LANES];
    unsigned lanes;
    int64_t deadline_ms, drain_ms, notice_ms, began_ms;
    uint64_t held_most; /* by connections, since memory was given back */
    int passed;         /* the passed socket, -1: none */
    char admin[300];    /* where the admin listener is to be, until it is there */
    int64_t admin_ms;   /* of the last attempt */
    char
        name[LINK_NAME + 1 - 3]; /* as the peers see it: "gateway-0.host", before ".63" of a lane */
    char installation[CONF_INSTALLATION];
    char twin[4200]; /* lock of a second gateway with this index; "": there can be none */
};

/* Gateways on several hosts, or in containers that are scaled, all have the index 0. */
static void s_add_host(gateway_t *self)
{
    char host[HOST_NAME_MAX + 1] = "";
    size_t len = strlen(self->name);
    gethostname(host, sizeof host - 1);
    self->name[len++] = '.';
    for (const char *from = host; *from && *from != '.' && len + 1 < sizeof self->name; from++)
        self->name[len++] = isalnum((unsigned char)*from) ? (char)tolower(*from) : '-';
    self->name[len] = '\0';
}

/* Takes a name that no other gateway has. With a passed socket there are two for an index, because
 * a gateway and its successor run side by side for a while. */
static void s_take_index(gateway_t *self, const conf_start_t *start)
{
    char own[4200];
    const char *directory = conf_text(start->conf, SET_data_sockets);
    life_make_sockets(start->conf);
    snprintf(self->name, sizeof self->name, "gateway-%u", start->index);
    snprintf(own, sizeof own, "%s/%s.lock", directory, self->name);
    if (self->passed < 0) {
        life_lock(own, false);
        return;
    }
    snprintf(self->twin, sizeof self->twin, "%s/%sb.lock", directory, self->name);
    if (life_try_lock(own))
        return;
    life_lock(self->twin, false);
    snprintf(self->twin, sizeof self->twin, "%s", own);
    snprintf(self->name, sizeof self->name, "gateway-%ub", start->index);
}

static int s_listener(const gateway_t *self, char *address, size_t size)
{
    if (self->passed < 0)
        return listening_bind(address, size, self->installation);
    int fd = fcntl(self->passed, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        log_fatal(EXIT_FAULT, "gateway.listen", "err=%s", LOG_Q(strerror(errno)));
    return fd;
}

static void s_tell_waiting(const gateway_t *self, const char *err)
{
    char reason[sizeof self->admin + 512 + sizeof "waits for : "];
    snprintf(reason, sizeof reason, "waits for %s: %s", self->admin, err);
    monitor_check("admin", CHECK_DEGRADED, reason);
}

static void s_await_admin(gateway_t *self, const char *err)
{
    log_warn("gateway.admin",
             "address=%s err=%s hint=\"senders are served, nobody can manage at this address until "
             "it is free, which is tried each second: end what has it, or set admin.listen\"",
             LOG_Q(self->admin), LOG_Q(err));
    s_tell_waiting(self, err);
}

/* Its descriptor; -1 with the reason in err and in errno. */
static int s_open_admin(gateway_t *self, char *err, size_t err_size)
{
    char address[sizeof self->admin];
    snprintf(address, sizeof address, "%s", self->admin);
    int fd = listening_open(address, sizeof address, self->installation, err, err_size);
    if (fd < 0)
        return -1;
    self->admin[0] = '\0';
    log_info("gateway.admin", "address=%s tls=%d", address, self->shared.admin_tls != NULL);
    return fd;
}

/* The admin listener: the first lane's, and shared by the gateways of a host. -1: there is none,
 * or not yet. */
static int s_admin_listener(gateway_t *self, const conf_t *conf)
{
    conf_address(conf, SET_admin_listen, 0, self->admin, sizeof self->admin);
    if (*self->admin == '\0')
        return -1;
    if (cookie_use(conf_text(conf, SET_admin_url)) == COOKIE_NONE)
        log_fatal(EXIT_CONFIG, "gateway.admin", "setting=admin.url err=%s",
                  LOG_Q("not a URL as https://admin.example.org: no page could log in"));
    if (*conf_text(conf, SET_admin_tls_certificate))
        self->shared.admin_tls = tls_new("admin", conf_text(conf, SET_admin_tls_certificate),
                                         conf_text(conf, SET_admin_tls_key));
    else if (strncmp(self->admin, "127.", 4) != 0 && strncmp(self->admin, "[::1]:", 6) != 0)
        log_warn("gateway.admin", "address=%s err=%s", self->admin,
                 LOG_Q("management tokens would travel in the clear: set admin.tls_certificate, or "
                       "see to it that only a TLS proxy reaches this address"));
    char err[512];
    int fd = s_open_admin(self, err, sizeof err);
    if (fd < 0 && errno != EADDRINUSE && errno != EADDRNOTAVAIL)
        listening_fail(self->admin, err);
    if (fd < 0)
        s_await_admin(self, err);
    return fd;
}

static void s_try_admin(gateway_t *self, int64_t now_ms)
{
    char err[512];
    if (*self->admin == '\0' || now_ms - self->admin_ms < ADMIN_AGAIN_MS)
        return;
    self->admin_ms = now_ms;
    int fd = s_open_admin(self, err, sizeof err);
    if (fd < 0) {
        s_tell_waiting(self, err);
        return;
    }
    monitor_check("admin", CHECK_OK, "listening");
    lane_open_admin(self->lane[0], fd);
}

static void s_drain_times(gateway_t *self, const conf_t *conf)
{
    self->drain_ms = (int64_t)conf_uint(conf, SET_process_drain_ms);
    self->notice_ms = (int64_t)conf_uint(conf, SET_gateway_drain_notice_ms);
    if (self->notice_ms <= self->drain_ms / 2)
        return;
    self->notice_ms = self->drain_ms / 2;
    log_warn("gateway.drain_notice_ms", "used_ms=%lld err=%s", (long long)self->notice_ms,
             LOG_Q("more than half of process.drain_ms, which is used; raise process.drain_ms"));
}

gateway_t *gateway_new(const conf_start_t *start)
{
    gateway_t *self = calloc(1, sizeof *self);
    const conf_t *conf = start->conf;
    char address[300], err[300];
    if (!self)
        abort();
    conf_address(conf, SET_gateway_listen, 0, address, sizeof address);
    self->passed = listening_passed(address, sizeof address);
    s_take_index(self, start);
    conf_installation(conf, self->installation);
    s_add_host(self);
    s_drain_times(self, conf);
    self->shared.conf = conf;
    self->shared.name = self->name;
    self->shared.routes = routes_new(ROUTES_PUBLIC);
    self->shared.admin_routes = routes_new(ROUTES_ADMIN);
    self->shared.trusted =
        networks_new(conf_text(conf, SET_gateway_trusted_proxies), err, sizeof err);
    if (!self->shared.trusted)
        log_fatal(EXIT_CONFIG, "gateway.trusted_proxies", "err=%s", LOG_Q(err));
    self->shared.balancers =
        networks_new(conf_text(conf, SET_gateway_proxy_protocol), err, sizeof err);
    if (!self->shared.balancers)
        log_fatal(EXIT_CONFIG, "gateway.proxy_protocol", "err=%s", LOG_Q(err));
    self->shared.census =
        census_new((unsigned)conf_uint(conf, SET_gateway_connections),
                   (unsigned)conf_uint(conf, SET_gateway_connections_per_address));
    self->shared.quota = quota_new((unsigned)conf_uint(conf, SET_gateway_streams),
                                   (unsigned)conf_uint(conf, SET_gateway_streams_per_token));
    census_limit_bytes(self->shared.census, conf_uint(conf, SET_gateway_request_bytes),
                       conf_uint(conf, SET_gateway_request_bytes_per_address));
    if (*conf_text(conf, SET_gateway_tls_certificate))
        self->shared.tls = tls_new("gateway", conf_text(conf, SET_gateway_tls_certificate),
                                   conf_text(conf, SET_gateway_tls_key));
    self->deadline_ms = (int64_t)conf_uint(conf, SET_gateway_deadline_ms);
    self->shared.watch = watch_new(conf, start->index, self->name);
    self->shared.series = series_new(self->name);
    int admin_fd = s_admin_listener(self, conf);
    bool has_admin = admin_fd >= 0 || *self->admin;
    lane_prepare(&self->shared);
    self->lanes = (unsigned)conf_uint(conf, SET_gateway_threads);
    for (unsigned i = 0; i < self->lanes; i++)
        self->lane[i] = lane_new(&self->shared, i, s_listener(self, address, sizeof address),
                                 i == 0 && has_admin, i == 0 ? admin_fd : -1);
    if (self->passed >= 0)
        close(self->passed); /* each lane has its own; the last one closed ends the listening */
    log_info("gateway.listen", "address=%s passed=%d tls=%d threads=%u", address, self->passed >= 0,
             self->shared.tls != NULL, self->lanes);
    return self;
}

/* What all lanes together have. */
typedef struct {
    unsigned authds, authds_alive, routers, routers_alive, inflight;
    int64_t authd_ms, ticked_ms, waiting, waiting_bytes, oldest_ms;
    int64_t behind_ms; /* the newest of the lanes */
    unsigned behind_error;
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
        int64_t behind_ms = atomic_load(&state->behind_ms);
        if (behind_ms > sum.behind_ms) {
            sum.behind_ms = behind_ms;
            sum.behind_error = atomic_load(&state->behind_error);
        }
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

/* Shards are not the gateway's to see. What their senders are told is. */
static void s_check_shards(const sum_t *sum, int64_t now_ms)
{
    char reason[96];
    bool recent = sum->behind_ms && now_ms - sum->behind_ms < BEHIND_MS;
    snprintf(reason, sizeof reason, "%s was answered within the last %d s",
             recent ? error_find(sum->behind_error)->name : "no failure of a shard",
             BEHIND_MS / 1000);
    monitor_check("shards", recent ? CHECK_DEGRADED : CHECK_OK, reason);
}

/* Memory of requests that have ended goes back to the system: what was freed in pieces the
 * allocator would keep. */
static void s_give_back(gateway_t *self)
{
    uint64_t held = census_held(self->shared.census) +
                    (uint64_t)census_len(self->shared.census) * CONNECTION_BYTES;
    metric_set(METRIC_http_request_bytes, (int64_t)census_held(self->shared.census));
    if (held > self->held_most)
        self->held_most = held;
    if (held + GIVE_BACK_BYTES > self->held_most || held > self->held_most / 2)
        return;
    self->held_most = held;
    malloc_trim(0);
}

static void s_watch(gateway_t *self, int64_t now_ms)
{
    sum_t sum = s_sum(self);
    s_give_back(self);
    series_tick(self->shared.series, now_ms, sum.inflight);
    s_try_admin(self, now_ms);
    if (now_ms - sum.ticked_ms < SILENT_MS)
        monitor_tick();
    metric_set(METRIC_forward_entries, sum.waiting);
    metric_set(METRIC_forward_bytes, sum.waiting_bytes);
    metric_set(METRIC_forward_oldest_seconds, sum.oldest_ms);
    monitor_check("listener", sum.failing ? CHECK_FAILED : CHECK_OK,
                  sum.failing ? "cannot accept: no descriptors are left" : "accepting");
    s_check_peers("authd", sum.authds_alive, sum.authds, now_ms - sum.authd_ms > self->deadline_ms);
    s_check_peers("router", sum.routers_alive, sum.routers, false);
    s_check_shards(&sum, now_ms);
    if ((sum.authds_alive && sum.routers_alive) || now_ms - self->began_ms > PATIENCE_MS)
        life_ready();
}

static void s_wait(int timeout_ms)
{
    struct pollfd fd = {.fd = life_fd(), .events = POLLIN};
    poll(&fd, 1, timeout_ms);
}

bool gateway_was_passed_socket(const gateway_t *self)
{
    return self->passed >= 0;
}

/* With a successor the address is served on, and no load balancer is to leave it. */
static lane_drain_t s_plan(const gateway_t *self, int64_t now, bool succeeded)
{
    lane_drain_t drain = {.take = !succeeded, .until_ms = now + self->drain_ms};
    drain.idle_ms = now + self->notice_ms;
    drain.accept_ms = succeeded ? now : drain.idle_ms;
    return drain;
}

static void s_begin_drain(gateway_t *self, bool succeeded)
{
    if (succeeded)
        monitor_retire();
    else
        monitor_check("draining", CHECK_FAILED, "draining");
    log_info("gateway.drain", "inflight=%u successor=%d notice_ms=%lld", s_sum(self).inflight,
             succeeded, (long long)self->notice_ms);
}

static void s_drain(gateway_t *self)
{
    bool succeeded = *self->twin && life_locked(self->twin);
    lane_drain_t drain = s_plan(self, clock_ms(), succeeded);
    s_begin_drain(self, succeeded);
    for (bool told = false; !s_sum(self).drained;) {
        life_stopping(); /* another signal: only SIGINT changes something */
        if (!told || (life_hurry() && !drain.hurry)) {
            told = true;
            drain.hurry = life_hurry();
            if (drain.hurry)
                drain.accept_ms = drain.idle_ms = 0;
            for (unsigned i = 0; i < self->lanes; i++)
                lane_drain(self->lane[i], &drain);
        }
        /* A lane that is stuck does not keep the process. */
        if (clock_ms() >= drain.until_ms + SILENT_MS)
            break;
        struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
        monitor_tick();
    }
    log_info("gateway.end", "drained=%d", s_sum(self).drained);
}

int gateway_run(gateway_t *self)
{
    self->began_ms = clock_ms();
    watch_start(self->shared.watch);
    for (unsigned i = 0; i < self->lanes; i++)
        lane_start(self->lane[i]);
    while (!life_stopping()) {
        s_watch(self, clock_ms());
        s_wait(WATCH_MS);
    }
    s_drain(self);
    return 0;
}
