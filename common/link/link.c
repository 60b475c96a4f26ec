#include "common/base/clock.h"
#include "common/link/admission.h"
#include "common/link/link_struct.h"
#include "common/link/own_signals.h"
#include "common/link/own_thread.h"
#include "common/link/route.h"
#include "common/link/socket.h"
#include "common/link/uid.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    GREET_MS = 100,      /* between two HELLOs to a peer that does not answer */
    GOODBYE_MS = 20,     /* for the last words to leave */
    CLOSE_MS = 2,        /* for the connections to be closed, by this thread */
    COMPLAIN_MS = 10000, /* between two log lines about frames without a known peer */
    DEAD_MS = LINK_MISSED * LINK_HEARTBEAT_MS + LINK_HEARTBEAT_MS / 2,
};

/* What we call ourselves: who connects, by its route. */
static void s_name(const link_options_t *options, char name[WIRE_NAME])
{
    slice_t own = options->hello->name;
    assert(own.len < WIRE_NAME);
    if (options->bind)
        snprintf(name, WIRE_NAME, "%.*s", SLICE_ARG(own));
    else
        route_new(own, name);
}

link_t *link_new(const link_options_t *options, char *err, size_t err_size)
{
    char name[WIRE_NAME];
    s_name(options, name);
    void *socket = socket_new(options, name, err, err_size);
    if (!socket)
        return NULL;
    curve_watch_t *watch = curve_applies(options) ? curve_watch_new(socket, options) : NULL;
    if (socket_open(socket, options, err, err_size) != 0) {
        curve_watch_destroy(&watch);
        zmq_close(socket);
        return NULL;
    }
    link_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = LINK_MAGIC;
    self->socket = socket;
    self->fd = socket_fd(socket);
    self->bind = options->bind;
    self->hello = *options->hello;
    memcpy(self->name, name, sizeof self->name);
    self->hello.name = slice_of(self->name);
    self->hello.version_min = WIRE_VERSION_MIN;
    self->hello.version_max = WIRE_VERSION;
    self->peer_roles = options->peer_roles;
    self->self = options->self;
    self->calls = options->calls;
    self->arg = options->arg;
    self->expect = 1u << WIRE_CREDIT | 1u << WIRE_HELLO | 1u << WIRE_HEARTBEAT |
                   1u << WIRE_GOODBYE | (self->calls.requests ? 1u << WIRE_REQUESTS : 0) |
                   (self->calls.replies ? 1u << WIRE_REPLIES : 0) |
                   (self->calls.interim ? 1u << WIRE_INTERIM : 0);
    self->message = wire_message_new();
    snprintf(self->endpoint, sizeof self->endpoint, "%s", options->endpoint);
    self->watch = watch;
    self->by_user = uid_applies(options);
    if (!self->bind) {
        self->peer = peers_add(&self->peers, slice_of("unknown"));
        assert(self->peer);
    }
    return self;
}

void *link_socket(link_t *self)
{
    return self->socket;
}

peer_t *link_peer(link_t *self)
{
    assert(!self->bind);
    return self->peer;
}

peer_t *link_peer_of(link_t *self, uint64_t instance)
{
    return peers_of_instance(&self->peers, instance);
}

peer_t *link_peer_next(link_t *self, peer_t *previous)
{
    peer_t *peer = previous ? previous->next : self->peers.first;
    while (peer && !peer->alive)
        peer = peer->next;
    return peer;
}

static void s_gone(link_t *self, peer_t *peer, const char *why)
{
    if (!peer->alive)
        return;
    peer->alive = false;
    metric_add(METRIC_link_peers, -1);
    log_info("link.down", "peer=%s why=%s", peer->name, LOG_Q(why));
    if (self->calls.down)
        self->calls.down(self->arg, peer);
}

/* A bound socket with CURVE, or where each kind has its user: each peer's key or user is known. */
static bool s_guarded(const link_t *self)
{
    return self->bind && (self->watch || self->by_user);
}

/* Counts a refusal of WHO (with CURVE, of a key at an address). HELLO comes again every 100 ms. */
static bool s_refusal_is_news(link_t *self, const char *who)
{
    char proved[SAID_WHO];
    metric_add(METRIC_link_refused_total, 1);
    snprintf(proved, sizeof proved, "%s %s", self->key, self->address);
    return said_is_news(&self->refusals, s_guarded(self) ? proved : who, clock_ms());
}

/* The peer is there; asks the owner. False when the owner refuses it. */
static bool s_up(link_t *self, peer_t *peer)
{
    slice_t route;
    wire_goodbye_t refusal = 0;
    if (self->calls.up)
        refusal = self->calls.up(self->arg, peer, &peer->hello);
    if (refusal) {
        if (s_refusal_is_news(self, peer->name))
            log_warn("link.refused", "peer=%s why=%s", peer->name,
                     LOG_Q(wire_goodbye_text(refusal)));
        link_send_goodbye(self, link_route(self, peer, &route), peer->instance, refusal);
        peer->instance = 0;
        return false;
    }
    peer_meet(peer);
    peer->alive = true;
    peer->left = peer->yields = false;
    metric_add(METRIC_link_peers, 1);
    log_info("link.up", "peer=%s role=%s", peer->name, wire_role_name(peer->hello.role));
    return true;
}

static void s_note_hello(link_t *self, peer_t *peer, const wire_hello_t *hello)
{
    if (!self->bind && !slice_is(hello->name, peer->name)) {
        size_t len = hello->name.len;
        memcpy(peer->name, hello->name.data, len);
        peer->name[len] = '\0';
    }
    peer->hello = *hello;
    peer->hello.name = slice_of(peer->name);
    snprintf(peer->key, sizeof peer->key, "%s", self->key);
}

static void s_object(link_t *self, const wire_message_t *message, const slice_t *route,
                     wire_goodbye_t objection, const char *why)
{
    const wire_hello_t *hello = &message->hello;
    slice_t named = route_name(hello->name);
    const char *name = log_quote(named.data, named.len);
    link_send_goodbye(self, route, message->sender, objection);
    if (s_refusal_is_news(self, name))
        log_warn("link.refused", "endpoint=%s peer=%s role=%s address=%s key=%s why=%s",
                 self->endpoint, name, wire_role_name(hello->role), LOG_Q(self->address),
                 LOG_Q(self->key), LOG_Q(why));
}

static wire_goodbye_t s_objection(const link_t *self, const wire_hello_t *hello, const char **why)
{
    wire_hello_t named = *hello;
    named.name = route_name(hello->name);
    return admission_objection(&named, self->peer_roles, s_guarded(self) ? self->key : NULL, why);
}

/* NULL where all are alive that there may be. */
static peer_t *s_add(link_t *self, const slice_t *route)
{
    peer_t *yielding = peers_yielding(&self->peers);
    if (yielding)
        s_gone(self, yielding, "another is in its place, and others need room");
    return peers_add(&self->peers, *route);
}

/* ZeroMQ gave the route to the newer connection: what is for the peer would reach that. */
static const char s_taken[] = "another key came with its route";

/* A worker tells its epoch to whom it knows to understand it: to an answer that names nobody. */
static bool s_is_to_tell(const link_t *self, const wire_hello_t *hello)
{
    return self->bind && hello->role == ROLE_WORKER && hello->version_max >= WIRE_EPOCHS &&
           !hello->has_epoch;
}

static void s_on_hello(link_t *self, peer_t *peer, const slice_t *route, int64_t now_ms)
{
    const wire_message_t *message = self->message;
    const wire_hello_t *hello = &message->hello;
    const char *why;
    wire_goodbye_t objection = s_objection(self, hello, &why);
    if (self->bind && !slice_eq(hello->name, *route))
        objection = GOODBYE_ROLE;
    if (!objection && s_is_to_tell(self, hello)) {
        link_greet(self, route, 0);
        return;
    }
    if (!objection && !peer)
        peer = s_add(self, route);
    if (objection || !peer) {
        if (peer && s_guarded(self) && strcmp(peer->key, self->key) != 0)
            s_gone(self, peer, s_taken);
        objection = objection ? objection : GOODBYE_FULL;
        s_object(self, message, route, objection,
                 objection == GOODBYE_FULL ? wire_goodbye_text(objection) : why);
        return;
    }
    bool fresh = peer->instance != message->sender;
    bool news = !fresh && hello->news != peer->hello.news;
    if (fresh) {
        s_gone(self, peer, "a new instance");
        peer->instance = message->sender;
    }
    s_note_hello(self, peer, hello);
    peer->heard_ms = now_ms;
    if (message->receiver != *self->self)
        link_greet_peer(self, peer, message->sender, now_ms);
    if (!peer->alive)
        s_up(self, peer);
    else if (news && self->calls.news)
        self->calls.news(self->arg, peer, &peer->hello);
}

static void s_say_goodbye(link_t *self, const char *who)
{
    const wire_message_t *message = self->message;
    if (s_refusal_is_news(self, who))
        log_warn("link.goodbye", "peer=%s versions=%u-%u own=%u-%u why=%s", who,
                 message->hello.version_min, message->hello.version_max, WIRE_VERSION_MIN,
                 WIRE_VERSION, LOG_Q(wire_goodbye_text(message->goodbye)));
}

static void s_on_goodbye(link_t *self, peer_t *peer)
{
    const wire_message_t *message = self->message;
    bool refused = message->goodbye != GOODBYE_LEAVING;
    if (refused)
        s_say_goodbye(self, peer->name);
    if (self->watch && message->goodbye == GOODBYE_ROLE)
        curve_watch_refused(self->watch);
    peer->left = true;
    s_gone(self, peer, "it said goodbye");
    peer->instance = 0;
    if (refused && self->calls.refused)
        self->calls.refused(self->arg, peer, message->goodbye);
    if (!refused && self->bind)
        peers_remove(&self->peers, peer);
}

/* GOODBYE 2 to nobody: a frame of ours was not read, so its instance is not known there. One that
 * was met reads what is of its versions, and stays: the frame may be of whoever had our name
 * before. */
static void s_on_unread(link_t *self, peer_t *peer, const slice_t *route)
{
    if (peer && peer->instance == 0)
        s_on_goodbye(self, peer);
    else if (peer)
        s_say_goodbye(self, peer->name);
    else
        s_say_goodbye(self, log_quote(route->data, route_name(*route).len));
}

static bool s_is_barred(const link_t *self)
{
    return s_guarded(self) && admission_roles(self->key) == 0;
}

static bool s_is_unread(const link_t *self, const peer_t *peer)
{
    const wire_message_t *message = self->message;
    return message->kind == WIRE_GOODBYE && message->goodbye == GOODBYE_VERSION &&
           message->receiver == 0 &&
           (!peer || peer->instance == 0 || peer->instance == message->sender);
}

static void s_on_requests(link_t *self, peer_t *peer)
{
    wire_message_t *message = self->message;
    if (!peer_arrive(peer, message->batch, message->entries)) {
        metric_add(METRIC_link_stale_total, 1);
        return;
    }
    metric_add(METRIC_link_batches_received_total, 1);
    metric_add(METRIC_link_entries_received_total, message->entries);
    self->calls.requests(self->arg, peer, message);
}

static void s_on_heartbeat(link_t *self, peer_t *peer)
{
    uint64_t lost;
    if (!peer_heartbeat(peer, self->message->batch, &lost))
        return;
    metric_add(METRIC_link_lost_batches_total, (int64_t)lost);
    link_send_credit(self, peer);
}

static void s_on_credit(link_t *self, peer_t *peer)
{
    if (!peer_credit(peer, self->message->batch))
        metric_add(METRIC_link_malformed_total, 1);
    else if (self->calls.credit)
        self->calls.credit(self->arg, peer);
}

/* A decoded message that is not HELLO, of the peer's present instance, for ours. */
static void s_dispatch(link_t *self, peer_t *peer)
{
    switch (self->message->kind) {
    case WIRE_REQUESTS:
        s_on_requests(self, peer);
        break;
    case WIRE_REPLIES:
        self->calls.replies(self->arg, peer, self->message);
        break;
    case WIRE_INTERIM:
        self->calls.interim(self->arg, peer, self->message);
        break;
    case WIRE_CREDIT:
        s_on_credit(self, peer);
        break;
    case WIRE_HEARTBEAT:
        s_on_heartbeat(self, peer);
        break;
    case WIRE_GOODBYE:
        s_on_goodbye(self, peer);
        break;
    case WIRE_HELLO:
        assert(!"HELLO is dealt with before");
    }
}

static void s_on_message(link_t *self, const slice_t *route)
{
    const wire_message_t *message = self->message;
    int64_t now_ms = clock_ms();
    peer_t *peer = self->bind ? peers_find(&self->peers, *route) : self->peer;
    if (message->kind == WIRE_HELLO) {
        s_on_hello(self, peer, route, now_ms);
        return;
    }
    /* Another connection has taken the route over: it is nobody until its own HELLO. */
    bool foreign = s_guarded(self) && peer && strcmp(peer->key, self->key) != 0;
    if (!foreign && s_is_unread(self, peer) && !s_is_barred(self)) {
        s_on_unread(self, peer, route);
        return;
    }
    /* A GOODBYE may refuse a HELLO of ours before the peer told its instance. */
    bool refusal = message->kind == WIRE_GOODBYE && peer && peer->instance == 0;
    if (message->receiver != *self->self ||
        (!refusal && (!peer || foreign || peer->instance != message->sender))) {
        metric_add(METRIC_link_stale_total, 1);
        if (foreign)
            s_gone(self, peer, s_taken);
        if (s_is_barred(self))
            return;
        if (message->kind != WIRE_GOODBYE && (!peer || now_ms - peer->greeted_ms >= GREET_MS)) {
            if (peer)
                peer->greeted_ms = now_ms;
            link_greet(self, route, 0);
        }
        return;
    }
    peer->heard_ms = now_ms;
    if (peer->alive || message->kind == WIRE_GOODBYE || s_up(self, peer))
        s_dispatch(self, peer);
}

static void s_complain(link_t *self, const slice_t *route, const char *reason)
{
    metric_add(METRIC_link_malformed_total, 1);
    peer_t *peer = self->bind ? peers_find(&self->peers, *route) : self->peer;
    int64_t now_ms = clock_ms();
    if (peer ? peer->complained : now_ms - self->complained_ms < COMPLAIN_MS)
        return;
    if (peer)
        peer->complained = true;
    else
        self->complained_ms = now_ms;
    log_warn("link.malformed", "endpoint=%s peer=%s err=%s", self->endpoint,
             peer ? peer->name : "-", LOG_Q(reason));
}

static bool s_more(zmq_msg_t *part)
{
    return zmq_msg_more(part) != 0;
}

/* Receives the parts of one message behind the route into self->message; the reason when it does
 * not decode, NULL when it does. All parts are received in any case. */
static const char *s_receive_parts(link_t *self, zmq_msg_t *header, const slice_t *route)
{
    const char *reason = NULL;
    bool more = s_more(header);
    bool foreign = wire_is_foreign(zmq_msg_data(header), zmq_msg_size(header));
    bool bad = wire_message_begin(self->message, header, self->expect, &reason) != 0;
    if (bad && foreign)
        link_send_goodbye(self, route, 0, GOODBYE_VERSION);
    while (more) {
        zmq_msg_t body;
        zmq_msg_init(&body);
        if (zmq_msg_recv(&body, self->socket, ZMQ_DONTWAIT) < 0)
            return "message cut off";
        more = s_more(&body);
        if (!bad)
            bad = wire_message_body(self->message, &body, &reason) != 0;
        zmq_msg_close(&body);
    }
    if (!bad)
        bad = wire_message_end(self->message, &reason) != 0;
    return bad ? reason : NULL;
}

/* What the handshake proved of the sender. The frame with the route does not always carry it. */
static void s_note_sender(link_t *self, zmq_msg_t *header)
{
    const char *key = s_guarded(self) ? zmq_msg_gets(header, "User-Id") : NULL;
    const char *address = key ? zmq_msg_gets(header, "Peer-Address") : NULL;
    snprintf(self->key, sizeof self->key, "%s", key ? key : "");
    snprintf(self->address, sizeof self->address, "%s", address ? address : "");
}

static void s_receive_from(link_t *self, zmq_msg_t *first)
{
    slice_t from = slice(zmq_msg_data(first), zmq_msg_size(first));
    const slice_t *route = self->bind ? &from : NULL;
    if (!self->bind) {
        const char *reason = s_receive_parts(self, first, NULL);
        reason ? s_complain(self, NULL, reason) : s_on_message(self, NULL);
        return;
    }
    zmq_msg_t header;
    zmq_msg_init(&header);
    if (!s_more(first) || zmq_msg_recv(&header, self->socket, ZMQ_DONTWAIT) < 0) {
        s_complain(self, route, "no header");
    } else if (zmq_msg_size(&header) == 0 && !s_more(&header)) {
        /* ZMQ_PROBE_ROUTER: it has connected, perhaps again; learn of it at once */
        link_greet(self, route, 0);
    } else {
        s_note_sender(self, &header);
        const char *reason = s_receive_parts(self, &header, route);
        reason ? s_complain(self, route, reason) : s_on_message(self, route);
    }
    zmq_msg_close(&header);
}

unsigned link_drain(link_t *self, unsigned max)
{
    assert(self->magic == LINK_MAGIC);
    unsigned count = 0;
    self->dry = false;
    while (count < max) {
        zmq_msg_t first;
        zmq_msg_init(&first);
        if (zmq_msg_recv(&first, self->socket, ZMQ_DONTWAIT) < 0) {
            self->dry = errno == EAGAIN;
            zmq_msg_close(&first);
            break;
        }
        s_receive_from(self, &first);
        wire_message_clear(self->message);
        zmq_msg_close(&first);
        count++;
    }
    return count;
}

/* libzmq asks for the key at the handshake only: what was revoked since is cut here. */
static void s_check_key(link_t *self, peer_t *peer)
{
    slice_t route;
    const char *why;
    if (!admission_objection(&peer->hello, self->peer_roles, peer->key, &why))
        return;
    metric_add(METRIC_link_refused_total, 1);
    log_warn("link.revoked", "endpoint=%s peer=%s key=%s", self->endpoint, peer->name,
             LOG_Q(peer->key));
    link_send_goodbye(self, link_route(self, peer, &route), peer->instance, GOODBYE_ROLE);
    s_gone(self, peer, "its key is not allowed any more");
    peer->instance = 0;
}

/* It beats, and takes nothing over: whatever it remembers of us, our next numbers are new to it. */
static void s_meet_anew(link_t *self, peer_t *peer, int64_t now_ms)
{
    log_warn("link.stuck", "endpoint=%s peer=%s sent=%" PRIu64 " credited=%" PRIu64, self->endpoint,
             peer->name, peer->sent, peer->credited);
    metric_add(METRIC_link_stuck_total, 1);
    s_gone(self, peer, "it took nothing over for too long");
    peer->instance = 0;
    link_greet_peer(self, peer, 0, now_ms);
}

static void s_tick_peer(link_t *self, peer_t *peer, int64_t now_ms)
{
    if (peer->alive && s_guarded(self))
        s_check_key(self, peer);
    if (peer->alive && now_ms - peer->heard_ms > DEAD_MS)
        s_gone(self, peer, "silent");
    peer_watch(peer, now_ms);
    if (peer->alive && peer_stuck_ms(peer, now_ms) > LINK_STUCK_MS) {
        s_meet_anew(self, peer, now_ms);
    } else if (peer->alive) {
        link_send_number(self, peer, WIRE_HEARTBEAT, peer_last(peer));
        link_send_credit(self, peer);
    } else if (!self->bind) {
        link_greet_peer(self, peer, 0, now_ms);
    }
}

void link_tick(link_t *self, int64_t now_ms)
{
    /* A peer that is not there yet is greeted more often: it may have come without a word. */
    bool waiting = self->peer && !self->peer->alive;
    if (now_ms - self->ticked_ms < (waiting ? GREET_MS : LINK_HEARTBEAT_MS))
        return;
    self->ticked_ms = now_ms;
    if (self->watch)
        curve_watch_tick(self->watch, self->peer && self->peer->alive, now_ms);
    for (peer_t *peer = self->peers.first; peer; peer = peer->next)
        s_tick_peer(self, peer, now_ms);
    if (self->bind)
        peers_forget(&self->peers, now_ms);
}

void link_restart(link_t *self)
{
    int64_t now_ms = clock_ms();
    socket_discard(self->socket);
    for (peer_t *peer = self->peers.first; peer; peer = peer->next) {
        s_gone(self, peer, "we were silent");
        peer->instance = 0;
        peer->heard_ms = now_ms;
        link_greet_peer(self, peer, 0, now_ms);
    }
}

static void s_let_leave(void)
{
    if (own_thread_is_here())
        own_thread_rest(GOODBYE_MS);
    else
        usleep(GOODBYE_MS * 1000);
}

void link_destroy(link_t **self_p)
{
    link_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == LINK_MAGIC);
    bool said = false;
    for (peer_t *peer = link_peer_next(self, NULL); peer; peer = link_peer_next(self, peer)) {
        slice_t route;
        link_send_goodbye(self, link_route(self, peer, &route), peer->instance, GOODBYE_LEAVING);
        said = true;
    }
    /* Closing drops what has not been written yet, and nothing tells when it has. */
    if (said)
        s_let_leave();
    curve_watch_destroy(&self->watch);
    own_signals_let_out(self->fd);
    zmq_close(self->socket);
    own_thread_rest(CLOSE_MS);
    peers_clear(&self->peers);
    wire_message_destroy(&self->message);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}
