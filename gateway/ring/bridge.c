#include "gateway/ring/bridge.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/link/link.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    HOPS = 16,  /* most endpoints of a setting */
    DRAIN = 64, /* messages of a link in one go */
    ROUNDS = 4, /* of sending and receiving in one turn */
    HOP_MAGIC = 0x686f7031,
};

/* One link, and what makes it part of the loop. */
typedef struct {
    unsigned magic;
    bridge_t *bridge;
    link_t *link;
    h2o_socket_t *socket;
    unsigned index; /* among its kind: an authd's is its route */
    bool authd;
} hop_t;

struct bridge {
    /* The authds, and behind them, where there is an admin listener, the links for that: a route
     * each. */
    hop_t authd[2 * HOPS], router[HOPS];
    unsigned authds, routes, routers;
    h2o_socket_t *io; /* ZeroMQ's; NULL: it has a thread */
    uint64_t instance;
    int64_t woke_ms;
    inflight_t *inflight;
    wire_batch_t *batch;
    bridge_answer_fn *answer;
    void *arg;
};

static unsigned s_endpoints(const conf_t *conf, setting_t setting)
{
    unsigned n = 0;
    while (n < HOPS && conf_endpoint(conf, setting, n))
        n++;
    return n;
}

unsigned bridge_routes(const conf_t *conf)
{
    return s_endpoints(conf, SET_gateway_authd) + s_endpoints(conf, SET_gateway_admin);
}

static hop_t *s_hop(void *arg)
{
    hop_t *hop = arg;
    assert(hop->magic == HOP_MAGIC);
    return hop;
}

static bool s_alive(const hop_t *hop)
{
    return peer_alive(link_peer(hop->link));
}

/* The first of them that is there: what one of them counts, as the failures of logging in, it
 * counts for all. */
static unsigned s_choose_admin(const bridge_t *self)
{
    for (unsigned route = self->authds; route < self->routes; route++)
        if (s_alive(&self->authd[route]))
            return route;
    return self->authds;
}

static unsigned s_choose(const bridge_t *self, const slot_t *slot)
{
    slice_t token = slot->request.token;
    uint32_t hash = 2166136261u;
    const op_t *op = op_find(slot->request.op);
    if (op_manages(op))
        return s_choose_admin(self);
    if (self->authds == 1)
        return 0;
    for (size_t i = token.len > 8 ? token.len - 8 : 0; i < token.len; i++)
        hash = (hash ^ (unsigned char)token.data[i]) * 16777619u;
    /* The first of them is the one that writes how sessions are used, and what senders tell. */
    bool writes = op->credentials == CRED_PERSON || op->credentials == CRED_SIGNATURE;
    unsigned first = writes ? 0 : hash % self->authds;
    for (unsigned i = 0; i < self->authds; i++) {
        unsigned route = (first + i) % self->authds;
        if (s_alive(&self->authd[route]))
            return route;
    }
    return first;
}

void bridge_queue(bridge_t *self, slot_t *slot)
{
    if (!slot->pending && slot->owner)
        inflight_queue(self->inflight, slot, s_choose(self, slot));
}

/* Queues again what went by ROUTE (any: -1), but what was sent within the last APART ms only when
 * these are over. */
static void s_resend(bridge_t *self, int route, int64_t apart)
{
    int64_t now = clock_ms();
    for (slot_t *slot = NULL; (slot = inflight_next(self->inflight, slot));)
        if (slot->attempts && !slot->pending && (route < 0 || slot->route == (unsigned)route)) {
            inflight_release(slot, now);
            if (now - slot->sent_ms >= apart)
                bridge_queue(self, slot);
            else
                inflight_hurry(self->inflight, slot, slot->sent_ms + apart);
        }
}

/* A refusal for lack of room proves something only when nothing else is on the way. */
static bool s_counts(const slot_t *slot, const wire_reply_t *reply)
{
    return reply->status != 503 || (reply->attempt == 1 && slot->attempts == 1);
}

static void s_on_replies(void *arg, peer_t *peer, wire_message_t *message)
{
    bridge_t *self = s_hop(arg)->bridge;
    (void)peer;
    for (unsigned i = 0; i < message->entries; i++) {
        wire_reply_t *reply = &message->replies[i];
        slot_t *slot = inflight_find(self->inflight, &reply->id);
        if (!slot)
            metric_add(METRIC_replies_late_total, 1);
        else if (s_counts(slot, reply))
            self->answer(self->arg, slot, reply, &message->bodies[i]);
        wire_reply_wipe(reply);
    }
}

static void s_on_interim(void *arg, peer_t *peer, wire_message_t *message)
{
    bridge_t *self = s_hop(arg)->bridge;
    (void)peer;
    for (unsigned i = 0; i < message->entries; i++) {
        slot_t *slot = inflight_find(self->inflight, &message->replies[i].id);
        if (slot)
            inflight_hold(slot);
    }
}

static wire_goodbye_t s_on_up(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    hop_t *hop = s_hop(arg);
    (void)peer;
    (void)hello;
    if (hop->authd)
        s_resend(hop->bridge, (int)hop->index, 0);
    else
        s_resend(hop->bridge, -1, RESEND_APART_MS);
    return 0;
}

static void s_on_news(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    hop_t *hop = s_hop(arg);
    (void)hello;
    log_info("bridge.news", "peer=%s", peer_name(peer));
    if (!hop->authd)
        s_resend(hop->bridge, -1, RESEND_APART_MS);
}

static void s_on_down(void *arg, peer_t *peer)
{
    hop_t *hop = s_hop(arg);
    bridge_t *self = hop->bridge;
    (void)peer;
    if (!hop->authd)
        return;
    bool admin = hop->index >= self->authds;
    for (unsigned i = admin ? self->authds : 0; i < (admin ? self->routes : self->authds); i++)
        if (i != hop->index && s_alive(&self->authd[i])) {
            inflight_reroute(self->inflight, hop->index, i);
            return;
        }
}

static void s_on_refused(void *arg, peer_t *peer, wire_goodbye_t reason)
{
    (void)arg;
    /* The link has said it; this comes with each attempt. */
    log_debug("bridge.refused", "peer=%s reason=%s", peer_name(peer),
              LOG_Q(wire_goodbye_text(reason)));
}

/* What may go is sent at the end of the turn. */
static void s_on_credit(void *arg, peer_t *peer)
{
    (void)s_hop(arg);
    (void)peer;
}

/* After a pause of this process what waits at its sockets is stale: it starts anew. */
static void s_wake(bridge_t *self, int64_t now_ms)
{
    if (!link_woke(&self->instance, &self->woke_ms, now_ms))
        return;
    for (unsigned i = 0; i < self->routes; i++)
        link_restart(self->authd[i].link);
    for (unsigned i = 0; i < self->routers; i++)
        link_restart(self->router[i].link);
    s_resend(self, -1, 0);
}

static unsigned s_drain_all(bridge_t *self)
{
    unsigned taken = 0;
    link_flush();
    for (unsigned i = 0; i < self->routes; i++)
        taken += link_drain_ready(self->authd[i].link, DRAIN);
    for (unsigned i = 0; i < self->routers; i++)
        taken += link_drain_ready(self->router[i].link, DRAIN);
    return taken;
}

static void s_on_readable(h2o_socket_t *socket, const char *err)
{
    hop_t *hop = s_hop(socket->data);
    (void)err;
    s_wake(hop->bridge, clock_ms());
    link_drain(hop->link, DRAIN);
}

static void s_on_io(h2o_socket_t *socket, const char *err)
{
    bridge_t *self = socket->data;
    (void)err;
    s_wake(self, clock_ms());
    link_do_io();
    s_drain_all(self);
}

static zmq_msg_t *s_body(const slot_t *slot, zmq_msg_t *body)
{
    if (slot->body.len == 0 || slot->request.small.len)
        return NULL;
    wire_body_init(body, slot->body);
    return body;
}

/* Encodes one slot into the batch. */
static void s_add(bridge_t *self, slot_t *slot, int64_t now_ms)
{
    zmq_msg_t body;
    if (slot->attempts)
        metric_add(METRIC_resends_total, 1);
    inflight_sent(self->inflight, slot, now_ms);
    slot->request.attempt = slot->attempts;
    slot->request.origin = self->instance;
    slot->request.time_left_ms = (uint32_t)(slot->deadline_ms - now_ms);
    wire_batch_add_request(self->batch, &slot->request, s_body(slot, &body));
}

/* Fills a batch from a route's list. */
static void s_fill(bridge_t *self, unsigned route, int64_t now_ms)
{
    slot_t *slot;
    while ((slot = inflight_pending(self->inflight, route))) {
        if (!slot->owner || slot->deadline_ms <= now_ms) {
            inflight_unqueue(self->inflight, slot); /* the tick ends it */
            continue;
        }
        if (!wire_batch_has_room(self->batch, wire_request_size(&slot->request) + slot->body.len))
            break;
        s_add(self, slot, now_ms);
    }
}

static void s_flush(bridge_t *self, hop_t *hop, int64_t now_ms)
{
    peer_t *peer = link_peer(hop->link);
    wire_batch_speak(self->batch, peer_version(peer));
    while (inflight_pending(self->inflight, hop->index) && link_can_send(hop->link, peer)) {
        s_fill(self, hop->index, now_ms);
        if (wire_batch_entries(self->batch) == 0)
            break;
        if (link_send_requests(hop->link, peer, self->batch) != 0)
            log_debug("bridge.unsent", "peer=%s errno=%d", peer_name(peer), errno);
    }
    link_note_waiting(hop->link, peer, inflight_pending(self->inflight, hop->index) != NULL);
}

void bridge_send(bridge_t *self, int64_t now_ms)
{
    for (unsigned i = 0; i < self->routes; i++)
        s_flush(self, &self->authd[i], now_ms);
    link_flush();
}

bool bridge_turn(bridge_t *self, int64_t now_ms)
{
    bool answered = false;
    s_wake(self, now_ms);
    for (unsigned round = 0; round < ROUNDS; round++) {
        bridge_send(self, now_ms);
        if (s_drain_all(self) == 0)
            return answered;
        answered = true;
    }
    return true;
}

/* Input that waits although its descriptor says nothing: an edge was lost. */
static void s_check(hop_t *hop)
{
    struct pollfd fd = {.fd = h2o_socket_get_fd(hop->socket), .events = POLLIN};
    if (poll(&fd, 1, 0) == 0 && !link_is_signalled(hop->link) && link_drain(hop->link, DRAIN) > 0)
        metric_add(METRIC_link_missed_edges_total, 1);
}

void bridge_tick(bridge_t *self, int64_t now_ms)
{
    for (unsigned i = 0; i < self->routes; i++) {
        s_check(&self->authd[i]);
        link_tick(self->authd[i].link, now_ms);
    }
    for (unsigned i = 0; i < self->routers; i++) {
        s_check(&self->router[i]);
        link_tick(self->router[i].link, now_ms);
    }
}

/* The descriptor is duplicated because h2o closes what it watches. */
static h2o_socket_t *s_watch_fd(int watched, h2o_loop_t *loop, h2o_socket_cb on_readable,
                                void *data)
{
    int fd = dup(watched);
    if (fd < 0)
        log_fatal(EXIT_FAULT, "bridge.watch", "errno=%d", errno);
    h2o_socket_t *socket = h2o_evloop_socket_create(loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    socket->data = data;
    h2o_socket_read_start(socket, on_readable);
    return socket;
}

static void s_watch(hop_t *hop, h2o_loop_t *loop)
{
    hop->socket = s_watch_fd(link_fd(hop->link), loop, s_on_readable, hop);
}

static void s_watch_io(bridge_t *self, h2o_loop_t *loop)
{
    int fd = link_io_fd();
    if (fd >= 0)
        self->io = s_watch_fd(fd, loop, s_on_io, self);
}

static void s_connect(bridge_t *self, hop_t *hop, const conf_t *conf, const wire_hello_t *hello,
                      const char *endpoint)
{
    char err[256];
    link_options_t options = {
        .endpoint = endpoint,
        .hello = hello,
        .peer_roles = 1u << (hop->authd ? ROLE_AUTHD : ROLE_ROUTER),
        .self = &self->instance,
        .calls = {.replies = s_on_replies,
                  .interim = hop->authd ? NULL : s_on_interim,
                  .up = s_on_up,
                  .news = s_on_news,
                  .down = s_on_down,
                  .refused = s_on_refused,
                  .credit = s_on_credit},
        .arg = hop,
        .conf = conf,
    };
    hop->magic = HOP_MAGIC;
    hop->bridge = self;
    hop->link = link_new(&options, err, sizeof err);
    if (!hop->link)
        log_fatal(EXIT_CONFIG, "bridge.connect", "endpoint=%s err=%s", LOG_Q(endpoint), LOG_Q(err));
}

static void s_add_authd(bridge_t *self, const conf_t *conf, const wire_hello_t *hello,
                        const char *endpoint, h2o_loop_t *loop)
{
    hop_t *hop = &self->authd[self->routes];
    hop->authd = true;
    hop->index = self->routes++;
    s_connect(self, hop, conf, hello, endpoint);
    s_watch(hop, loop);
}

bridge_t *bridge_new(const conf_t *conf, const char *name, bool admin, h2o_loop_t *loop,
                     inflight_t *inflight, bridge_answer_fn *answer, void *arg)
{
    bridge_t *self = calloc(1, sizeof *self);
    const char *endpoint;
    wire_hello_t hello = {.role = ROLE_GATEWAY,
                          .name = slice_of(name),
                          .version_min = WIRE_VERSION_MIN,
                          .version_max = WIRE_VERSION};
    if (!self)
        abort();
    if (conf_uint(conf, SET_gateway_threads) == 1) /* else several lanes share ZeroMQ's work */
        link_adopt_io();
    self->instance = uuid_instance();
    self->inflight = inflight;
    self->batch = wire_batch_new();
    self->answer = answer;
    self->arg = arg;
    self->authds = s_endpoints(conf, SET_gateway_authd);
    for (unsigned i = 0; i < self->authds; i++)
        s_add_authd(self, conf, &hello, conf_endpoint(conf, SET_gateway_authd, i), loop);
    for (unsigned i = 0; admin && i < s_endpoints(conf, SET_gateway_admin); i++)
        s_add_authd(self, conf, &hello, conf_endpoint(conf, SET_gateway_admin, i), loop);
    while (self->routers < HOPS &&
           (endpoint = conf_endpoint(conf, SET_gateway_routers, self->routers))) {
        hop_t *hop = &self->router[self->routers];
        hop->index = self->routers++;
        s_connect(self, hop, conf, &hello, endpoint);
        s_watch(hop, loop);
    }
    s_watch_io(self, loop);
    return self;
}

static void s_unwatch(h2o_socket_t *socket)
{
    h2o_socket_read_stop(socket);
    h2o_socket_close(socket);
}

static void s_disconnect(hop_t *hop)
{
    s_unwatch(hop->socket);
    link_destroy(&hop->link);
    hop->magic = 0;
}

void bridge_destroy(bridge_t **self_p)
{
    bridge_t *self = *self_p;
    if (self) {
        if (self->io)
            s_unwatch(self->io);
        for (unsigned i = 0; i < self->routes; i++)
            s_disconnect(&self->authd[i]);
        for (unsigned i = 0; i < self->routers; i++)
            s_disconnect(&self->router[i]);
        wire_batch_destroy(&self->batch);
        free(self);
        *self_p = NULL;
    }
}

/* A resend waits since it was due, which news of a process may have put off to now. */
static int64_t s_waited(const slot_t *slot, int64_t now_ms)
{
    int64_t since = slot->attempts ? slot->resend_ms : slot->born_ms;
    return since && since < now_ms ? now_ms - since : 0;
}

bridge_state_t bridge_state(const bridge_t *self, int64_t now_ms)
{
    bridge_state_t state = {.authds = self->authds, .routers = self->routers};
    for (unsigned i = 0; i < self->authds; i++) {
        const slot_t *first = inflight_pending(self->inflight, i);
        int64_t waited_ms = first ? s_waited(first, now_ms) : 0;
        state.authds_alive += s_alive(&self->authd[i]);
        if (waited_ms > state.oldest_ms)
            state.oldest_ms = waited_ms;
    }
    for (unsigned i = 0; i < self->routers; i++)
        state.routers_alive += s_alive(&self->router[i]);
    return state;
}
