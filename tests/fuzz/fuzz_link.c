/* libFuzzer target: a program of frames, each of them mostly valid, and of what an owner does,
 * against a real link over inproc, bound or connecting. No sequence may end it, our numbers never
 * go back while an instance lives, and afterwards a peer that keeps the rules is served. */
#include "common/base/clock.h"
#include "common/link/link_struct.h"
#include "common/log/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROGUES = 2, HELD = 4, SILENT_MS = 4000, FORGET_MS = 70000, STEPS = 64, PATIENCE = 20000 };

typedef struct {
    peer_t *peer;
    link_batch_t batch;
} held_t;

/* The link under test, its owner, and the peers at raw sockets. */
typedef struct {
    link_t *link;
    bool bind;
    char endpoint[64];
    uint64_t self;
    wire_goodbye_t refusal;
    held_t held[HELD];
    unsigned holds;
    uint64_t requests;
    void *rogue[ROGUES]; /* connecting link: the first only */
    struct {
        uint64_t number, instance;
    } heard[ROGUES]; /* the last batch of ours that each got */
    uint64_t credit;
} stage_t;

static const char *const s_names[ROGUES] = {"authd-0", "authd-1"};
static const char s_own_name[] = "gateway-0";

static wire_goodbye_t s_up(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    (void)peer, (void)hello;
    return ((stage_t *)arg)->refusal;
}

/* A bound link may free the peer; a connecting one keeps it, and an owner what it holds of it. */
static void s_down(void *arg, peer_t *peer)
{
    stage_t *self = arg;
    for (unsigned i = 0; self->bind && i < HELD; i++)
        if (self->held[i].peer == peer)
            self->held[i].peer = NULL;
}

static void s_on_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    stage_t *self = arg;
    self->requests++;
    self->held[self->holds++ % HELD] = (held_t){peer, link_batch(message)};
}

static void s_on_replies(void *arg, peer_t *peer, wire_message_t *message)
{
    (void)arg, (void)peer, (void)message;
}

static void s_tell(void *arg, peer_t *peer)
{
    (void)arg, (void)peer;
}

/* A socket that was closed counts until libzmq's thread has ended it. */
static void *s_socket(int type, const char *name)
{
    int linger = 0;
    void *socket;
    for (unsigned i = 0; !(socket = zmq_socket(link_context(), type)); i++) {
        if (errno != EMFILE || i > PATIENCE)
            abort();
        usleep(100);
    }
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (name)
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name));
    return socket;
}

static void s_begin(stage_t *self, bool bind)
{
    static unsigned count;
    char err[256];
    *self = (stage_t){.bind = bind, .self = 1000};
    snprintf(self->endpoint, sizeof self->endpoint, "inproc://fuzz-%u", count++);
    wire_hello_t hello = {.role = ROLE_GATEWAY, .name = slice_of(s_own_name)};
    link_options_t options = {.endpoint = self->endpoint,
                              .bind = bind,
                              .hello = &hello,
                              .peer_roles = 1u << ROLE_AUTHD,
                              .self = &self->self,
                              .calls = {.requests = s_on_requests,
                                        .replies = s_on_replies,
                                        .interim = s_on_replies,
                                        .up = s_up,
                                        .down = s_down,
                                        .credit = s_tell},
                              .arg = self};
    if (!bind) {
        self->rogue[0] = s_socket(ZMQ_ROUTER, NULL);
        zmq_bind(self->rogue[0], self->endpoint);
    }
    self->link = link_new(&options, err, sizeof err);
    if (!self->link)
        abort();
    for (unsigned i = 0; bind && i < ROGUES; i++) {
        self->rogue[i] = s_socket(ZMQ_DEALER, s_names[i]);
        zmq_connect(self->rogue[i], self->endpoint);
    }
}

/* Time passes; all are silent, a bound link forgets them, and its end says no GOODBYE. */
static void s_end(stage_t *self)
{
    self->link->ticked_ms = 0;
    link_tick(self->link, clock_ms() + FORGET_MS);
    link_destroy(&self->link);
    for (unsigned i = 0; i < ROGUES; i++)
        if (self->rogue[i])
            zmq_close(self->rogue[i]);
}

static void s_hear_message(stage_t *self, unsigned rogue, zmq_msg_t *frame)
{
    unpack_t from = unpack_begin(slice(zmq_msg_data(frame), zmq_msg_size(frame)));
    unpack_array(&from, 6);
    unpack_uint(&from, UINT16_MAX);
    uint64_t kind = unpack_uint(&from, WIRE_GOODBYE);
    uint64_t sender = unpack_uint(&from, UINT64_MAX);
    unpack_uint(&from, UINT64_MAX);
    uint64_t number = unpack_uint(&from, UINT64_MAX);
    if (from.failed)
        return; /* a route, or a body */
    if (kind == WIRE_CREDIT)
        self->credit = number;
    if (kind != WIRE_REQUESTS)
        return;
    if (sender == self->heard[rogue].instance && number <= self->heard[rogue].number)
        abort();
    self->heard[rogue].number = number;
    self->heard[rogue].instance = sender;
}

static void s_hear(stage_t *self, unsigned rogue)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (zmq_msg_recv(&frame, self->rogue[rogue], ZMQ_DONTWAIT) >= 0)
        s_hear_message(self, rogue, &frame);
    zmq_msg_close(&frame);
}

static const slice_t *s_route(const stage_t *self, slice_t *route)
{
    *route = slice_of(self->link->name);
    return self->bind ? NULL : route;
}

static uint64_t s_number(uint64_t heard, uint8_t choice)
{
    const uint64_t numbers[] = {0, 1, heard, heard + 1, UINT64_MAX};
    return choice < 128 ? numbers[choice % 5] : (uint64_t)choice - 120;
}

static void s_say_batch(const stage_t *self, void *socket, wire_kind_t kind, uint64_t sender,
                        uint64_t receiver, uint64_t number)
{
    slice_t route;
    wire_batch_t *batch = wire_batch_new();
    wire_request_t request = {.origin = 1, .attempt = 1, .time_left_ms = 1000, .op = 1};
    wire_reply_t reply = {.origin = 1, .attempt = 1, .status = 204};
    if (kind == WIRE_REQUESTS)
        wire_batch_add_request(batch, &request, NULL);
    else
        wire_batch_add_reply(batch, &reply, NULL);
    wire_batch_send(batch, socket, s_route(self, &route), kind, sender, receiver, number);
    wire_batch_destroy(&batch);
}

static void s_say_hello(const stage_t *self, unsigned rogue, uint64_t sender, uint64_t receiver,
                        uint8_t choice)
{
    slice_t route;
    wire_hello_t hello = {.role = choice % 8 == 7 ? ROLE_WORKER : ROLE_AUTHD,
                          .name = slice_of(s_names[choice % 16 == 15 ? !rogue : rogue]),
                          .version_min = choice % 32 == 31 ? 9 : 1,
                          .version_max = choice % 32 == 31 ? 9 : 1 + choice % 5,
                          .news = choice};
    wire_send_hello(self->rogue[rogue], s_route(self, &route), sender, receiver, &hello);
}

/* One frame of a peer, by four bytes. */
static void s_say(stage_t *self, const uint8_t step[4])
{
    slice_t route;
    const slice_t *to = s_route(self, &route);
    unsigned rogue = self->bind ? step[1] % ROGUES : 0;
    void *socket = self->rogue[rogue];
    uint64_t sender = 1 + step[1] / 16 % 4, number = s_number(self->heard[rogue].number, step[3]);
    uint64_t receiver = step[2] % 8 == 0 ? 0 : step[2] % 8 == 1 ? 999 : self->self;
    wire_kind_t kind = (wire_kind_t)(step[0] % 8);
    if (kind == WIRE_HELLO)
        s_say_hello(self, rogue, sender, receiver, step[3]);
    else if (kind == WIRE_GOODBYE)
        wire_send_goodbye(socket, to, sender, receiver, step[3] % 9);
    else if (kind == WIRE_CREDIT || kind == WIRE_HEARTBEAT)
        wire_send_number(socket, to, kind, sender, receiver, number);
    else if (kind)
        s_say_batch(self, socket, kind, sender, receiver, number);
    else { /* a probe, or what no codec made */
        if (to)
            zmq_send(socket, to->data, to->len, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(socket, step, step[3] % 5, ZMQ_DONTWAIT);
    }
}

/* The peer beats on while the time passes that makes it stuck. */
static void s_pass_time(stage_t *self, uint8_t choice)
{
    const int64_t passed[] = {0, LINK_STUCK_MS / 2 + 1000, SILENT_MS, FORGET_MS};
    int64_t ms = passed[choice % 4];
    for (peer_t *peer = self->link->peers.first; peer; peer = peer->next)
        if (choice % 4 == 1) {
            peer->heard_ms += ms;
            peer->moved_ms -= ms;
        }
    self->link->ticked_ms = 0;
    link_tick(self->link, clock_ms() + ms);
    for (peer_t *peer = self->link->peers.first; peer; peer = peer->next)
        if (choice % 4 == 1)
            peer->heard_ms -= ms;
}

static void s_send(stage_t *self, wire_kind_t kind)
{
    wire_request_t request = {.origin = 1, .attempt = 1, .time_left_ms = 1000, .op = 1};
    wire_reply_t reply = {.origin = 1, .attempt = 1, .status = 204};
    for (peer_t *peer = link_peer_next(self->link, NULL); peer;
         peer = link_peer_next(self->link, peer)) {
        wire_batch_t *batch = wire_batch_new();
        wire_batch_speak(batch, peer_version(peer));
        if (kind == WIRE_REPLIES) {
            wire_batch_add_reply(batch, &reply, NULL);
            link_send_replies(self->link, peer, batch);
        } else if (link_can_send(self->link, peer)) {
            wire_batch_add_request(batch, &request, NULL);
            link_send_requests(self->link, peer, batch);
            link_note_waiting(self->link, peer, true);
        }
        wire_batch_destroy(&batch);
    }
}

/* The newest connection of a name has its route. */
static void s_connect_again(stage_t *self, unsigned rogue)
{
    if (!self->bind)
        return;
    zmq_close(self->rogue[rogue]);
    self->rogue[rogue] = s_socket(ZMQ_DEALER, s_names[rogue]);
    zmq_connect(self->rogue[rogue], self->endpoint);
}

static void s_act(stage_t *self, const uint8_t step[4])
{
    held_t *held = &self->held[step[1] % HELD];
    switch (step[0] / 8 % 8) {
    case 0:
        if (held->peer)
            link_taken(self->link, held->peer, held->batch);
        break;
    case 1:
    case 2:
        s_send(self, WIRE_REQUESTS);
        break;
    case 3:
        s_pass_time(self, step[1]);
        break;
    case 4:
        self->self++;
        link_restart(self->link);
        break;
    case 5:
        self->refusal = step[1] % 3 ? 0 : GOODBYE_JOURNAL;
        break;
    case 6:
        s_send(self, WIRE_REPLIES);
        link_set_news(self->link, step[1]);
        break;
    case 7:
        s_connect_again(self, step[1] % ROGUES);
        break;
    }
}

static void s_turn(stage_t *self)
{
    link_drain(self->link, 1000);
    for (unsigned i = 0; i < ROGUES; i++)
        if (self->rogue[i])
            s_hear(self, i);
}

/* Turns until *NUMBER is WANTED: libzmq ends the sockets that were closed in a thread of its own.
 */
static void s_turn_until(stage_t *self, const uint64_t *number, uint64_t wanted)
{
    for (unsigned i = 0; *number != wanted; i++) {
        if (i > PATIENCE)
            abort();
        if (i > 2)
            usleep(100);
        s_turn(self);
    }
}

static peer_t *s_meet(stage_t *self)
{
    peer_t *peer;
    s_connect_again(self, 0);
    for (unsigned i = 0; !(peer = link_peer_of(self->link, 77)); i++) {
        if (i > PATIENCE)
            abort();
        s_say_hello(self, 0, 77, self->self, 0);
        s_turn(self);
    }
    return peer;
}

/* A new instance that keeps the rules is served in both directions. */
static void s_check_service(stage_t *self)
{
    self->refusal = 0;
    peer_t *peer = s_meet(self);
    for (uint64_t number = 1; number < 6; number++) {
        uint64_t before = self->requests;
        s_say_batch(self, self->rogue[0], WIRE_REQUESTS, 77, self->self, number);
        s_turn_until(self, &self->requests, before + 1);
        held_t *held = &self->held[(self->holds - 1) % HELD];
        link_taken(self->link, held->peer, held->batch);
    }
    s_turn_until(self, &self->credit, 4);
    for (unsigned i = 0; i < 5; i++) {
        slice_t route;
        if (!link_can_send(self->link, peer))
            abort();
        s_send(self, WIRE_REQUESTS);
        s_turn_until(self, &self->heard[0].number, peer->sent);
        wire_send_number(self->rogue[0], s_route(self, &route), WIRE_CREDIT, 77, self->self,
                         self->heard[0].number);
        s_turn_until(self, &peer->credited, peer->sent);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stage_t stage;
    if (size < 1)
        return 0;
    log_open("fuzz", LOG_ERROR);
    s_begin(&stage, data[0] % 2);
    s_turn(&stage);
    for (size_t at = 1, steps = 0; at + 4 <= size && steps < STEPS; at += 4, steps++) {
        data[at] < 128 ? s_say(&stage, data + at) : s_act(&stage, data + at);
        if (data[at + 2] < 200)
            s_turn(&stage);
    }
    s_turn(&stage);
    s_check_service(&stage);
    s_end(&stage);
    return 0;
}
