#include "gateway/health/look.h"

#include "common/base/clock.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEALTH, READINESS, METRICS, PAGES };

struct look {
    fleet_t *fleet;
    char installation[CONF_INSTALLATION];
    bool far_authd, far_router, far_worker; /* it may be on another host than this one */
    seen_t *seen;
    ask_reply_t *replies; /* PAGES of each */
};

static bool s_is_far(const conf_t *conf, setting_t setting)
{
    const char *endpoint = conf_endpoint(conf, setting, 0);
    return endpoint && strncmp(endpoint, "tcp://", 6) == 0 &&
           strncmp(endpoint, "tcp://127.", 10) != 0 && strncmp(endpoint, "tcp://[::1]", 11) != 0;
}

look_t *look_new(const conf_t *conf, unsigned own)
{
    look_t *self = calloc(1, sizeof *self);
    assert(self);
    self->fleet = fleet_new_most(conf, own < LOOK_MOST ? LOOK_MOST : own + 1, LOOK_MOST);
    self->far_authd = s_is_far(conf, SET_gateway_authd);
    self->far_router = s_is_far(conf, SET_gateway_routers);
    self->far_worker = self->far_router || s_is_far(conf, SET_router_workers) ||
                       s_is_far(conf, SET_worker_routers);
    conf_installation(conf, self->installation);
    unsigned len = fleet_len(self->fleet);
    self->seen = calloc(len, sizeof *self->seen);
    self->replies = calloc((size_t)len * PAGES, sizeof *self->replies);
    assert(self->seen && self->replies);
    for (unsigned i = 0; i < len; i++) {
        const station_t *station = fleet_at(self->fleet, i);
        bool gateway = strcmp(station->section, "gateway") == 0;
        self->seen[i].station = station;
        self->seen[i].shown = station->counted || station->index == (gateway ? own : 0);
    }
    return self;
}

void look_destroy(look_t **self_p)
{
    look_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < fleet_len(self->fleet); i++) {
        condition_clear(&self->seen[i].condition);
        sample_destroy(&self->seen[i].now);
        sample_destroy(&self->seen[i].before);
    }
    fleet_destroy(&self->fleet);
    free(self->seen);
    free(self->replies);
    free(self);
    *self_p = NULL;
}

static bool s_is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0;
}

/* A monitor at the loopback address of another host, or on a host that does not answer. */
static bool s_is_unreachable(const look_t *self, const seen_t *seen, const ask_reply_t *reply)
{
    const char *section = seen->station->section;
    if (strcmp(seen->condition.state, "absent") != 0)
        return false;
    if (!s_is_loopback(seen->station->monitor))
        return !reply->refused;
    if (strcmp(section, "gateway") == 0)
        return false;
    return strcmp(section, "authd") == 0    ? self->far_authd
           : strcmp(section, "router") == 0 ? self->far_router
                                            : self->far_worker;
}

static void s_note_state(seen_t *seen, const char *state, int64_t wall_ms)
{
    if (seen->state && strcmp(seen->state, state) == 0)
        return;
    bool first = !seen->state && seen->condition.ready && seen->started_s > 0;
    seen->since_ms = first ? (int64_t)(seen->started_s * 1e3) : wall_ms;
    seen->state = state;
}

/* Its counters, if it tells them; those of the look before are another process's where it has been
 * started since. */
static void s_note_sample(seen_t *seen, const ask_reply_t *metrics, int64_t now_ms)
{
    sample_destroy(&seen->before);
    seen->before = seen->now;
    seen->now = NULL;
    if (metrics->status != 200 || !seen->condition.readiness)
        return;
    seen->now = sample_parse(metrics->body, metrics->body_len);
    seen->seconds = (double)(now_ms - seen->sampled_ms) / 1e3;
    seen->sampled_ms = now_ms;
    double started_s = sample_sum(seen->now, "process_start_time_seconds");
    if (isnan(started_s))
        return;
    if (fabs(started_s - seen->started_s) > 0.5) {
        seen->restarts += seen->started_s > 0;
        sample_destroy(&seen->before);
    }
    seen->started_s = started_s;
}

static void s_note(look_t *self, unsigned i, int64_t now_ms, int64_t wall_ms)
{
    seen_t *seen = &self->seen[i];
    const ask_reply_t *replies = &self->replies[i * PAGES];
    condition_clear(&seen->condition);
    condition_read(&seen->condition, seen->station, self->installation, &replies[HEALTH],
                   &replies[READINESS]);
    s_note_sample(seen, &replies[METRICS], now_ms);
    seen->shown = seen->shown || seen->condition.readiness;
    bool far = s_is_unreachable(self, seen, &replies[READINESS]);
    s_note_state(seen, far ? "unreachable" : seen->condition.state, wall_ms);
}

void look_round(look_t *self)
{
    static const char *const paths[PAGES] = {
        [HEALTH] = "/healthz", [READINESS] = "/readyz", [METRICS] = "/metrics"};
    monitors_ask(self->fleet, NULL, paths, PAGES, LOOK_MS, self->replies);
    int64_t now_ms = clock_ms(), wall_ms = clock_wall_ms();
    for (unsigned i = 0; i < fleet_len(self->fleet); i++)
        s_note(self, i, now_ms, wall_ms);
    for (unsigned i = 0; i < PAGES * fleet_len(self->fleet); i++)
        ask_reply_clear(&self->replies[i]);
}

unsigned look_len(const look_t *self)
{
    return fleet_len(self->fleet);
}

const seen_t *look_at(const look_t *self, unsigned i)
{
    assert(i < look_len(self));
    return &self->seen[i];
}
