#include "authd/judge/forward.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { EXPIRE_MS = 1000, TELL_MS = 500 };

typedef struct {
    link_t *link;
    queue_t *queue;
    uint64_t seed; /* of its endpoint, so that all authds choose alike */
} way_t;

struct forward {
    way_t ways[FORWARD_ROUTERS];
    unsigned len;
    wire_batch_t *batch;
    int64_t expired_ms;
    int64_t told_ms; /* when the metrics were set */
};

/* The finalizer of MurmurHash3: every bit of x counts. */
static uint64_t s_mix(uint64_t x)
{
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static uint64_t s_seed(const char *endpoint)
{
    uint64_t seed = 0;
    for (; *endpoint; endpoint++)
        seed = s_mix(seed + (unsigned char)*endpoint);
    return seed;
}

static void s_open(forward_t *self, const char *endpoint, const link_options_t *options,
                   queue_limits_t limits)
{
    char err[512];
    way_t *way = &self->ways[self->len++];
    way->link = link_new(options, err, sizeof err);
    if (!way->link)
        log_fatal(EXIT_CONFIG, "authd.connect", "setting=authd.routers err=%s", LOG_Q(err));
    way->queue = queue_new(limits);
    way->seed = s_seed(endpoint);
}

forward_t *forward_new(const conf_t *conf, const char *name, const uint64_t *self_instance,
                       forward_replies_fn *replies, void *arg)
{
    forward_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->batch = wire_batch_new();
    wire_hello_t hello = {.role = ROLE_AUTHD, .name = slice_of(name)};
    queue_limits_t limits = {(unsigned)conf_uint(conf, SET_queue_messages),
                             conf_uint(conf, SET_queue_bytes)};
    const char *endpoint;
    while (self->len < FORWARD_ROUTERS &&
           (endpoint = conf_endpoint(conf, SET_authd_routers, self->len))) {
        link_options_t options = {.endpoint = endpoint,
                                  .hello = &hello,
                                  .peer_roles = 1u << ROLE_ROUTER,
                                  .self = self_instance,
                                  .calls = {.replies = replies},
                                  .arg = arg,
                                  .conf = conf};
        s_open(self, endpoint, &options, limits);
    }
    assert(self->len > 0);
    return self;
}

void forward_destroy(forward_t **self_p)
{
    forward_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < self->len; i++) {
        link_destroy(&self->ways[i].link);
        queue_destroy(&self->ways[i].queue);
    }
    wire_batch_destroy(&self->batch);
    free(self);
    *self_p = NULL;
}

static bool s_is_alive(const way_t *way)
{
    return peer_alive(link_peer(way->link));
}

/* The way with the highest score below LIMIT, of those alive or of all. NULL when there is none. */
static way_t *s_next(forward_t *self, uint64_t key, bool alive, uint64_t *limit)
{
    way_t *best = NULL;
    uint64_t best_score = 0;
    for (unsigned i = 0; i < self->len; i++) {
        way_t *way = &self->ways[i];
        uint64_t score = s_mix(key ^ way->seed);
        if ((alive && !s_is_alive(way)) || score >= *limit || (best && score <= best_score))
            continue;
        best = way;
        best_score = score;
    }
    *limit = best_score;
    return best;
}

/* Rendezvous: the highest score among those alive; with none alive, among all. A resend goes to the
 * next one: a router that we see may not be seen by the worker, or by the gateway for its reply. */
static way_t *s_choose(forward_t *self, const uuid_t7 *target, unsigned attempt)
{
    uint64_t key, limit = UINT64_MAX;
    unsigned alive = forward_alive(self), among = alive ? alive : self->len;
    unsigned rank = (attempt ? attempt - 1 : 0) % among;
    memcpy(&key, target->bytes + UUID_BYTES - sizeof key, sizeof key);
    way_t *way = s_next(self, key, alive > 0, &limit);
    for (; way && rank > 0; rank--) {
        way_t *next = s_next(self, key, alive > 0, &limit);
        way = next ? next : way;
    }
    return way ? way : &self->ways[0];
}

queue_put_t forward_put(forward_t *self, const wire_request_t *request, zmq_msg_t *body,
                        int64_t now_us)
{
    assert(request->principal.present);
    way_t *way = s_choose(self, &request->principal.target, request->attempt);
    return queue_put(way->queue, request, body, now_us);
}

void forward_flush(forward_t *self, int64_t now_ms)
{
    for (unsigned i = 0; i < self->len; i++) {
        way_t *way = &self->ways[i];
        peer_t *peer = link_peer(way->link);
        wire_batch_speak(self->batch, peer_version(peer));
        while (queue_len(way->queue) && link_can_send(way->link, peer)) {
            int64_t oldest_us = queue_oldest_us(way->queue);
            if (queue_take(way->queue, self->batch, now_ms, NULL) == 0)
                break; /* all had expired */
            link_send_requests(way->link, peer, self->batch);
            metric_observe_us(METRIC_verdict_seconds, clock_us() - oldest_us);
        }
        link_note_waiting(way->link, peer, queue_len(way->queue) > 0);
    }
}

unsigned forward_links(const forward_t *self, link_t **links)
{
    for (unsigned i = 0; i < self->len; i++)
        links[i] = self->ways[i].link;
    return self->len;
}

void forward_drain(forward_t *self, unsigned max)
{
    for (unsigned i = 0; i < self->len; i++)
        link_drain_ready(self->ways[i].link, max);
}

static void s_tell(const forward_t *self)
{
    int64_t now_us = clock_us(), bytes = 0, age_us = 0;
    for (unsigned i = 0; i < self->len; i++) {
        const queue_t *queue = self->ways[i].queue;
        bytes += (int64_t)queue_bytes(queue);
        if (queue_len(queue) && now_us - queue_oldest_us(queue) > age_us)
            age_us = now_us - queue_oldest_us(queue);
    }
    metric_set(METRIC_forward_entries, forward_waiting(self));
    metric_set(METRIC_forward_bytes, bytes);
    metric_set(METRIC_forward_oldest_seconds, age_us / 1000);
}

void forward_tick(forward_t *self, int64_t now_ms)
{
    bool expire = now_ms - self->expired_ms >= EXPIRE_MS;
    for (unsigned i = 0; i < self->len; i++) {
        link_tick(self->ways[i].link, now_ms);
        if (expire)
            metric_add(METRIC_expired_total, queue_expire(self->ways[i].queue, now_ms));
    }
    if (now_ms - self->told_ms >= TELL_MS) {
        self->told_ms = now_ms;
        s_tell(self);
    }
    if (expire)
        self->expired_ms = now_ms;
}

void forward_restart(forward_t *self)
{
    for (unsigned i = 0; i < self->len; i++)
        link_restart(self->ways[i].link);
}

unsigned forward_waiting(const forward_t *self)
{
    unsigned waiting = 0;
    for (unsigned i = 0; i < self->len; i++)
        waiting += queue_len(self->ways[i].queue);
    return waiting;
}

unsigned forward_alive(const forward_t *self)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < self->len; i++)
        alive += s_is_alive(&self->ways[i]);
    return alive;
}
