#include "gateway/lane.h"

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "gateway/lane_state.h"
#include "gateway/limits.h"
#include "gateway/looks.h"
#include "gateway/ring/bridge.h"
#include "gateway/ring/refusals.h"
#include "gateway/ring/reply.h"
#include "gateway/stream/gather.h"
#include "gateway/stream/refusal.h"
#include "gateway/stream/streams.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TICK_MS = 100,
    EARLY_LEAST = 112, /* requests that go off before the turn is over: the ring works meanwhile */
    LINGER_MS = 200,   /* from the last accept on, for requests that are just arriving */
    END_APART_MS = 50,
    ADMIN_CONNECTIONS = 256,
    ADMIN_SHARE = 64,       /* of one address */
    ADMIN_BYTES = 32 << 20, /* of large requests */
    LANE_MAGIC = 0x6c616e65,
};

struct lane {
    unsigned magic;
    lane_shared_t *shared;
    unsigned number;
    int fd;
    bool admin;           /* it has the admin listener, or is to have it */
    _Atomic int admin_fd; /* to be opened; -1: none, or it has been */
    pthread_t thread;
    h2o_context_t http;
    h2o_accept_ctx_t accept, admin_accept;
    listener_t *listener, *admin_listener; /* admin: NULL where the lane has none */
    cookie_use_t cookie;                   /* of the admin listener */
    request_reader_t *reader, *admin_reader;
    inflight_t *inflight;
    bridge_t *bridge;
    refusals_t *refusals;
    streams_t *streams;
    looks_t *looks; /* at the health of the ring */
    gathers_t *gathers;
    unsigned queue_messages;
    uint64_t queue_bytes;
    int64_t ticked_ms, bridge_ticked_ms;
    int64_t drain_began_ms, stopped_ms, ended_ms; /* 0: not yet */
    pthread_mutex_t lock;                         /* of drain */
    lane_drain_t drain;
    atomic_bool draining;
    lane_state_t state;
};

static lane_t *s_lane(const h2o_req_t *req)
{
    lane_t *self = H2O_STRUCT_FROM_MEMBER(lane_t, http, req->conn->ctx);
    assert(self->magic == LANE_MAGIC);
    return self;
}

static bool s_is_admin(const lane_t *self, const h2o_req_t *req)
{
    return self->admin_listener && connection_of(req)->listener == self->admin_listener;
}

/* Overwrites the credentials and the head they came in, and the body of an admin request, which may
 * hold secrets, too: nothing reads them any more. */
static void s_wipe(lane_t *self, h2o_req_t *req, wire_request_t *entry, size_t head_len)
{
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    secret_wipe((char *)entry->token.data, entry->token.len);
    secret_wipe((char *)entry->appkey.data, entry->appkey.len);
    secret_wipe((char *)entry->shown.data, entry->shown.len);
    if (head_len <= socket->input->size)
        secret_wipe(socket->input->bytes, head_len);
    if (s_is_admin(self, req) && req->entity.len)
        secret_wipe(req->entity.base, req->entity.len);
}

static bool s_streams(const op_t *op)
{
    return op && op->deed == DOES_STREAM;
}

static int s_refuse(lane_t *self, h2o_req_t *req, const uuid_t7 *id, request_t *request)
{
    char text[UUID_TEXT];
    uuid_text(id, text);
    log_debug("request.refused", "req=%s code=%s op=%s", text, error_find(request->error)->name,
              request->op ? request->op->name : "-");
    if (request->op)
        metric_add_at(METRIC_http_requests_total, (unsigned)op_index(request->op), 1);
    if (request->wait_s)
        refusals_reply(req, id, request->wait_s);
    else if (!refusal_ends(req, request->op, id, request->error))
        reply_error(req, id, request->error, request_detail(request), request->reason,
                    routes_allow(self->shared->routes, request->allow));
    s_wipe(self, req, &request->entry, request->head_len);
    return 0;
}

/* The end of a request that has a slot; how long one was held is not up to us. */
static void s_finish(lane_t *self, slot_t *slot)
{
    metric_add_at(METRIC_http_requests_total, slot->op_row, 1);
    if (!slot->held)
        metric_observe_us(METRIC_http_request_seconds, clock_us() - slot->born_us);
    inflight_remove(self->inflight, slot);
}

/* What a draining lane answers is the last of its connection. */
static void s_last(const lane_t *self, h2o_req_t *req)
{
    if (self->drain_began_ms)
        req->http1_is_persistent = 0;
}

static bool s_has_room(const lane_t *self, const h2o_req_t *req)
{
    return inflight_pending_len(self->inflight) < self->queue_messages &&
           inflight_pending_bytes(self->inflight) + req->entity.len < self->queue_bytes;
}

static int s_show(lane_t *self, h2o_req_t *req, const uuid_t7 *id, request_t *request)
{
    s_last(self, req);
    if (request->page)
        reply_page(req, id, request->page);
    else
        reply_handshake(req, id, routes_allow(self->shared->routes, request->allow));
    s_wipe(self, req, &request->entry, request->head_len);
    return 0;
}

/* What a stream is asked to be, or why it cannot. */
static error_code_t s_check_stream(h2o_req_t *req, request_t *request)
{
    stream_options_t options;
    if (!s_streams(request->op))
        return ERROR_none;
    request->detail = stream_options_read(req, request->entry.params, request->op,
                                          request->wall_ms = clock_wall_ms(), &options);
    if (req->version < 0x101)
        request->detail = "A stream needs HTTP/1.1.";
    if (request->detail)
        request->error = req->version < 0x101 ? ERROR_invalid_request : ERROR_invalid_param;
    return request->error;
}

/* What was refused while it was read is an empty request here; its sender may still send. */
static int s_refuse_unread(lane_t *self, h2o_req_t *req, const uuid_t7 *id, const intake_t *intake)
{
    request_t it = {.error = intake->error, .detail = intake->detail, .most = intake->body_most};
    connection_linger(req);
    return s_refuse(self, req, id, &it);
}

static int s_on_req(h2o_handler_t *handler, h2o_req_t *req)
{
    lane_t *self = s_lane(req);
    connection_t *connection = connection_of(req);
    request_t request;
    uuid_t7 id;
    bool admin = s_is_admin(self, req);
    (void)handler;
    uuid_new(&id);
    req->http1_is_persistent = intake_persists(&connection->intake) && !self->drain_began_ms;
    if (connection->intake.error)
        return s_refuse_unread(self, req, &id, &connection->intake);
    if (request_read(admin ? self->admin_reader : self->reader, req, &connection->peer, &request) !=
            ERROR_none ||
        s_check_stream(req, &request) != ERROR_none)
        return s_refuse(self, req, &id, &request);
    if (!request.op)
        return s_show(self, req, &id, &request);
    int64_t now_us = clock_us();
    request.wait_s = refusals_wait(self->refusals, &request.entry, now_us);
    if (request.wait_s) {
        request.error = ERROR_rate_limited;
        return s_refuse(self, req, &id, &request);
    }
    /* What senders have waiting is not to lock the operator out. */
    bool looks = request.op->number == OP_ring_show;
    bool managed = op_manages(request.op),
         room = looks ? looks_has_room(self->looks) : managed || s_has_room(self, req);
    slot_t *slot = room ? inflight_add(self->inflight, &id, now_us / 1000) : NULL;
    if (!slot) {
        request.error = ERROR_overloaded;
        return s_refuse(self, req, &id, &request);
    }
    slot->owner = req;
    slot->request = request.entry;
    slot->request.id = id;
    slot->body = slice(req->entity.base, req->entity.len);
    /* What may hold a password stays in a frame, which authd overwrites. */
    if (!managed && slot->body.len <= WIRE_SMALL)
        slot->request.small = slot->body;
    slot->head_len = request.head_len;
    slot->op_row = (unsigned)op_index(request.op);
    slot->born_us = now_us;
    slot->wall_ms = request.wall_ms;
    connection->request = inflight_ref(self->inflight, slot);
    connection_park(req);
    if (looks)
        looks_add(self->looks, slot);
    bridge_queue(self->bridge, slot);
    if (inflight_pending_len(self->inflight) >= EARLY_LEAST)
        bridge_send(self->bridge, now_us / 1000);
    return 0;
}

/* libh2o calls its loggers when it disposes of a request: the slot must not answer it any more.
 * What was sent of it is stored all the same. */
static void s_on_dispose(h2o_logger_t *logger, h2o_req_t *req)
{
    lane_t *self = s_lane(req);
    connection_t *connection = connection_of(req);
    slot_t *slot = inflight_at(self->inflight, connection->request);
    (void)logger;
    stream_t *stream = connection->stream;
    connection->stream = NULL;
    if (stream && streams_disposed(stream))
        return; /* its socket lives on */
    connection_unpark(req);
    connection->request = (slot_ref_t){0, 0};
    if (!slot || slot->owner != req)
        return;
    slot->owner = NULL;
    if (slot->attempts == 0)
        s_finish(self, slot);
}

/* The request that a slot is to answer now; NULL: it is gone. */
static h2o_req_t *s_take_req(const lane_t *self, slot_t *slot)
{
    h2o_req_t *req = slot->owner;
    slot->owner = NULL;
    if (req)
        s_last(self, req);
    return req;
}

/* It was answered, if REQ was there. */
static void s_end(lane_t *self, slot_t *slot, h2o_req_t *req)
{
    if (req)
        s_wipe(self, req, &slot->request, slot->head_len);
    s_finish(self, slot);
}

/* authd lets a stream be opened. */
static void s_open_stream(lane_t *self, h2o_req_t *req, const slot_t *slot, zmq_msg_t *grant)
{
    stream_options_t options;
    const char *fault = stream_options_read(req, slot->request.params, op_find(slot->request.op),
                                            slot->wall_ms, &options);
    assert(!fault); /* it was looked at before, by the same clock */
    if (slice_is(slice(req->input.method.base, req->input.method.len), "HEAD"))
        reply_stream_head(req, &slot->request.id, stream_type(options.format));
    else
        streams_open(self->streams, req, &slot->request.id,
                     slice(zmq_msg_data(grant), zmq_msg_size(grant)), &options);
}

static void s_answer_inner(lane_t *self, slot_t *slot, const wire_reply_t *reply, zmq_msg_t *body)
{
    slot_ref_t ref = inflight_ref(self->inflight, slot);
    slice_t bytes = slice("", 0);
    if (reply && reply->has_body)
        bytes = slice(zmq_msg_data(body), zmq_msg_size(body));
    streams_answered(self->streams, slot, reply, bytes);
    if (inflight_at(self->inflight, ref))
        inflight_remove(self->inflight, slot);
}

static void s_answer(void *arg, slot_t *slot, const wire_reply_t *reply, zmq_msg_t *body)
{
    lane_t *self = arg;
    if (slot->kind != SLOT_REQUEST) {
        s_answer_inner(self, slot, reply, body);
        return;
    }
    bool good = reply->status == 200 && !reply->error && reply->has_body;
    bool streams = good && s_streams(op_find(slot->request.op));
    if (good && slot->request.op == OP_ring_show) {
        looks_judged(self->looks, slot);
        return;
    }
    if (good && op_find(slot->request.op)->deed == DOES_GATHER) {
        gathers_judged(self->gathers, slot, slice(zmq_msg_data(body), zmq_msg_size(body)));
        return;
    }
    if (!op_manages(op_find(slot->request.op)))
        lane_state_note_behind(&self->state, reply->error);
    refusals_note(self->refusals, &slot->request, reply->error, clock_us());
    h2o_req_t *req = s_take_req(self, slot);
    if (req && streams)
        s_open_stream(self, req, slot, body);
    else if (req && good && slot->request.op == OP_ring_series)
        looks_series(self->shared->series, req, &slot->request.id, body);
    else if (req && !refusal_ends(req, op_find(slot->request.op), &slot->request.id, reply->error))
        reply_wire(req, reply, body, s_is_admin(self, req) ? self->cookie : COOKIE_NONE);
    s_end(self, slot, req);
}

/* Health of the ring; JSON: NULL: whether the sender may see it is not known. */
static void s_on_looked(void *arg, slot_t *slot, const char *json)
{
    h2o_req_t *req = s_take_req(arg, slot);
    if (req)
        looks_answer(req, &slot->request.id, json);
    s_end(arg, slot, req);
}

static void s_on_gathered(void *arg, slot_t *slot, const gathered_t *gathered)
{
    h2o_req_t *req = s_take_req(arg, slot);
    if (req)
        gathered_answer(gathered, req, &slot->request.id);
    s_end(arg, slot, req);
}

/* In place of the table's text: a change has no key by which to repeat it. */
static const char s_may_be_done[] = "No confirmation came in time: the change may or may not be "
                                    "made. Look before you repeat it.";

static void s_give_up(lane_t *self, slot_t *slot, error_code_t unsent)
{
    h2o_req_t *req = slot->owner;
    const op_t *op = op_find(slot->request.op);
    if (slot->kind != SLOT_REQUEST) {
        s_answer_inner(self, slot, NULL, NULL);
        return;
    }
    if (req) {
        char text[UUID_TEXT];
        error_code_t error = !slot->attempts ? unsent
                             : op_reads(op)  ? ERROR_unavailable
                                             : ERROR_not_confirmed;
        uuid_text(&slot->request.id, text);
        log_info("request.given_up", "req=%s code=%s attempts=%u", text, error_find(error)->name,
                 slot->attempts);
        slot->owner = NULL;
        if (!s_is_admin(self, req))
            lane_state_note_behind(&self->state, error);
        s_last(self, req);
        if (!refusal_ends(req, op, &slot->request.id, error))
            reply_error(req, &slot->request.id, error,
                        op_manages(op) && error == ERROR_not_confirmed ? s_may_be_done : NULL,
                        REASON_none, slice("", 0));
        s_wipe(self, req, &slot->request, slot->head_len);
    }
    metric_add(METRIC_expired_total, 1);
    s_finish(self, slot);
}

static void s_on_expired(void *arg, slot_t *slot)
{
    s_give_up(arg, slot, ERROR_unavailable);
}

static void s_on_resend(void *arg, slot_t *slot)
{
    lane_t *self = arg;
    bridge_queue(self->bridge, slot);
}

static void s_tick(lane_t *self, int64_t now_ms)
{
    static const inflight_calls_t calls = {.expired = s_on_expired, .resend = s_on_resend};
    self->ticked_ms = now_ms;
    inflight_tick(self->inflight, now_ms, &calls, self);
    if (now_ms - self->bridge_ticked_ms >= 2 * TICK_MS) {
        self->bridge_ticked_ms = now_ms;
        bridge_tick(self->bridge, now_ms);
        listener_tick(self->listener, now_ms);
        if (self->admin_listener)
            listener_tick(self->admin_listener, now_ms);
    }
    streams_tick(self->streams, now_ms);
    looks_tick(self->looks, now_ms);
    gathers_tick(self->gathers, now_ms);
    bridge_state_t bridge = bridge_state(self->bridge, now_ms);
    lane_state_publish(&self->state, &bridge, self->inflight, listener_failing(self->listener),
                       now_ms);
}

/* Runs one turn; the wait of the next one comes back. Answers given after h2o_evloop_run are
 * completed by the next turn, which must not wait then. */
static int32_t s_turn(lane_t *self, int32_t wait)
{
    /* A signal, also SIGSTOP with SIGCONT, ends the wait with EINTR. */
    if (h2o_evloop_run(self->http.loop, wait) != 0 && errno != EINTR)
        log_fatal(EXIT_FAULT, "lane.loop", "errno=%d", errno);
    bool busy = listener_resume(self->listener);
    if (self->admin_listener)
        busy = listener_resume(self->admin_listener) || busy;
    int64_t now = clock_ms();
    streams_turn(self->streams, now);
    busy = bridge_turn(self->bridge, now) || busy;
    if (now - self->ticked_ms >= TICK_MS) {
        s_tick(self, now);
        busy = true;
    }
    return busy ? 0 : TICK_MS;
}

static lane_drain_t s_drain_times(lane_t *self)
{
    pthread_mutex_lock(&self->lock);
    lane_drain_t drain = self->drain;
    pthread_mutex_unlock(&self->lock);
    return drain;
}

/* True when nobody is left. */
static bool s_left(lane_t *self, int64_t now, bool hurry)
{
    bool answered = inflight_len(self->inflight) == 0;
    if (hurry || now - self->ended_ms < END_APART_MS)
        return hurry && answered;
    self->ended_ms = now;
    unsigned open = listener_end_idle(self->listener);
    if (self->admin_listener)
        open += listener_end_idle(self->admin_listener);
    return open == 0 && answered;
}

/* True when the drain is over. */
static bool s_drain(lane_t *self)
{
    int64_t now = clock_ms();
    lane_drain_t drain = s_drain_times(self);
    if (self->drain_began_ms == 0) {
        self->drain_began_ms = now;
        h2o_context_request_shutdown(&self->http);
    }
    streams_drain(self->streams, now, drain.idle_ms > now ? drain.idle_ms : now);
    if (now >= drain.until_ms) {
        slot_t *slot;
        while ((slot = inflight_next(self->inflight, NULL)))
            s_give_up(self, slot, ERROR_draining);
        return true;
    }
    if (now < drain.accept_ms)
        return false;
    if (self->stopped_ms == 0) {
        self->stopped_ms = now;
        listener_stop(self->listener, drain.take);
        if (self->admin_listener)
            listener_stop(self->admin_listener, true); /* no other process shares its queue */
    }
    if (now < drain.idle_ms || now - self->stopped_ms < LINGER_MS)
        return false;
    return s_left(self, now, drain.hurry);
}

/* Its connections are counted apart, so that senders cannot take the operator's. */
static void s_open_admin(lane_t *self)
{
    int fd = atomic_load_explicit(&self->admin_fd, memory_order_acquire);
    if (fd < 0 || self->drain_began_ms)
        return;
    atomic_store(&self->admin_fd, -1);
    request_limits_t limits = limits_request(self->shared->conf);
    limits.admin_url = conf_text(self->shared->conf, SET_admin_url);
    self->cookie = cookie_use(limits.admin_url);
    self->admin_accept = (h2o_accept_ctx_t){
        .ctx = &self->http, .hosts = self->shared->admin_hosts, .ssl_ctx = self->shared->admin_tls};
    self->admin_reader =
        request_reader_new(&limits, self->shared->admin_routes, self->shared->trusted);
    listener_limits_t reading = limits_listener(self->shared->conf);
    reading.newest_first = true; /* nobody is to lock the operator out by sitting there */
    census_t *census = census_new(ADMIN_CONNECTIONS, ADMIN_SHARE);
    census_limit_bytes(census, ADMIN_BYTES, ADMIN_BYTES);
    self->admin_listener =
        listener_new(&self->admin_accept, fd, census, self->shared->trusted, &reading);
}

static void s_open(lane_t *self)
{
    const conf_t *conf = self->shared->conf;
    char name[WIRE_NAME];
    request_limits_t limits = limits_request(conf);
    listener_limits_t reading = limits_listener(conf);
    reading.body_most = limits_body_most;
    h2o_context_init(&self->http, h2o_evloop_create(), &self->shared->http);
    self->accept = (h2o_accept_ctx_t){
        .ctx = &self->http, .hosts = self->shared->hosts, .ssl_ctx = self->shared->tls};
    self->reader = request_reader_new(&limits, self->shared->routes, self->shared->trusted);
    reading.arg = self->reader;
    self->inflight =
        inflight_new((unsigned)conf_uint(conf, SET_gateway_inflight), bridge_routes(conf),
                     (int64_t)conf_uint(conf, SET_gateway_deadline_ms));
    snprintf(name, sizeof name, "%s.%u", self->shared->name, self->number);
    self->bridge =
        bridge_new(conf, name, self->admin, self->http.loop, self->inflight, s_answer, self);
    self->refusals = refusals_new();
    self->streams = streams_new(self->http.loop, self->inflight, self->bridge, self->shared->quota,
                                self->shared->watch);
    self->gathers = gathers_new(self->streams, self->inflight, s_on_gathered, self);
    self->looks = looks_new(self->inflight, self->shared->watch, s_on_looked, self);
    self->listener = listener_new(&self->accept, self->fd, self->shared->census,
                                  self->shared->trusted, &reading);
    listener_expect_line(self->listener, self->shared->balancers);
}

static void *s_run(void *arg)
{
    lane_t *self = arg;
    int32_t wait = 0;
    s_open(self);
    while (!atomic_load(&self->draining) || !s_drain(self)) {
        s_open_admin(self);
        wait = s_turn(self, wait);
    }
    /* What was answered last is written by two more turns. */
    h2o_evloop_run(self->http.loop, 0);
    h2o_evloop_run(self->http.loop, 0);
    bridge_destroy(&self->bridge);
    atomic_store(&self->state.inflight, 0);
    atomic_store(&self->state.drained, true);
    return NULL;
}

/* PORT only tells the hosts apart: which of them a request is for, its listener says. */
static h2o_hostconf_t *s_host(h2o_globalconf_t *http, const char *name, uint16_t port)
{
    h2o_hostconf_t *host = h2o_config_register_host(http, h2o_iovec_init(name, strlen(name)), port);
    h2o_pathconf_t *all = &host->fallback_path;
    all->error_log.emit_request_errors = 0;
    h2o_create_handler(all, sizeof(h2o_handler_t))->on_req = s_on_req;
    h2o_logger_t *logger = h2o_create_logger(all, sizeof *logger);
    logger->log_access = s_on_dispose;
    reply_cover_errors(all, connection_linger);
    return host;
}

void lane_prepare(lane_shared_t *shared)
{
    const conf_t *conf = shared->conf;
    h2o_globalconf_t *http = &shared->http;
    limits_libh2o(conf, http);
    shared->hosts[0] = s_host(http, "default", 65535);
    shared->admin_hosts[0] = s_host(http, "admin", 65534);
}

lane_t *lane_new(lane_shared_t *shared, unsigned number, int fd, bool admin, int admin_fd)
{
    lane_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = LANE_MAGIC;
    pthread_mutex_init(&self->lock, NULL);
    self->shared = shared;
    self->number = number;
    self->fd = fd;
    self->admin = admin;
    atomic_store(&self->admin_fd, admin_fd);
    self->queue_messages = (unsigned)conf_uint(shared->conf, SET_queue_messages);
    self->queue_bytes = conf_uint(shared->conf, SET_queue_bytes);
    atomic_store(&self->state.authd_ms, clock_ms());
    atomic_store(&self->state.ticked_ms, clock_ms());
    return self;
}

void lane_start(lane_t *self)
{
    int rc = pthread_create(&self->thread, NULL, s_run, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "lane.start", "err=%s", LOG_Q(strerror(rc)));
    pthread_detach(self->thread);
}

void lane_open_admin(lane_t *self, int fd)
{
    atomic_store(&self->admin_fd, fd);
}

void lane_drain(lane_t *self, const lane_drain_t *drain)
{
    pthread_mutex_lock(&self->lock);
    self->drain = *drain;
    pthread_mutex_unlock(&self->lock);
    atomic_store(&self->draining, true);
}

const lane_state_t *lane_state(const lane_t *self)
{
    return &self->state;
}
