#include "common/base/clock.h"
#include "common/link/link_struct.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <errno.h>

const slice_t *link_route(const link_t *self, const peer_t *peer, slice_t *route)
{
    if (!self->bind)
        return NULL;
    *route = slice_of(peer->route);
    return route;
}

static void s_greet(link_t *self, const slice_t *route, uint64_t receiver, bool has_epoch)
{
    wire_hello_t hello = self->hello;
    hello.has_epoch = has_epoch;
    self->dry = false;
    if (wire_send_hello(self->socket, route, *self->self, receiver, &hello) != 0 && errno != EAGAIN)
        metric_add(METRIC_link_send_failed_total, 1);
}

void link_greet(link_t *self, const slice_t *route, uint64_t receiver)
{
    s_greet(self, route, receiver, false);
}

void link_greet_peer(link_t *self, peer_t *peer, uint64_t receiver, int64_t now_ms)
{
    slice_t route;
    peer->greeted_ms = now_ms;
    bool knows = receiver != 0 && peer_version(peer) >= WIRE_EPOCHS;
    s_greet(self, link_route(self, peer, &route), receiver, knows);
}

void link_send_number(link_t *self, peer_t *peer, wire_kind_t kind, uint64_t number)
{
    slice_t route;
    self->dry = false;
    if (wire_send_number(self->socket, link_route(self, peer, &route), kind, *self->self,
                         peer->instance, number) != 0)
        metric_add(METRIC_link_send_failed_total, 1);
}

void link_send_credit(link_t *self, peer_t *peer)
{
    peer->told = peer->taken;
    link_send_number(self, peer, WIRE_CREDIT, peer->taken);
}

void link_send_goodbye(link_t *self, const slice_t *route, uint64_t receiver, wire_goodbye_t reason)
{
    self->dry = false;
    if (wire_send_goodbye(self->socket, route, *self->self, receiver, reason) != 0)
        metric_add(METRIC_link_send_failed_total, 1);
}

bool link_can_send(const link_t *self, const peer_t *peer)
{
    (void)self;
    return peer->alive && !peer_is_full(peer);
}

static int s_send_batch(link_t *self, peer_t *peer, wire_batch_t *batch, wire_kind_t kind,
                        uint64_t number)
{
    slice_t route;
    assert(wire_batch_entries(batch) > 0); /* it would not decode */
    self->dry = false;
    metric_add(METRIC_link_batches_sent_total, 1);
    metric_add(METRIC_link_entries_sent_total, wire_batch_entries(batch));
    int rc = wire_batch_send(batch, self->socket, link_route(self, peer, &route), kind, *self->self,
                             peer->instance, number);
    if (rc != 0)
        metric_add(METRIC_link_send_failed_total, 1);
    return rc;
}

int link_send_requests(link_t *self, peer_t *peer, wire_batch_t *batch)
{
    assert(link_can_send(self, peer));
    metric_observe_size(METRIC_link_batch_entries, wire_batch_entries(batch));
    return s_send_batch(self, peer, batch, WIRE_REQUESTS,
                        peer_send(peer, wire_batch_entries(batch)));
}

void link_note_waiting(link_t *self, peer_t *peer, bool waiting)
{
    bool stalled = waiting && peer->alive && !link_can_send(self, peer);
    if (stalled && !peer->stalled)
        metric_add(METRIC_credit_stalls_total, 1);
    peer->stalled = stalled;
}

int link_send_replies(link_t *self, peer_t *peer, wire_batch_t *batch)
{
    return s_send_batch(self, peer, batch, WIRE_REPLIES, 0);
}

void link_add_reply(link_t *self, peer_t *peer, wire_batch_t *batch, const wire_reply_t *reply,
                    slice_t text)
{
    zmq_msg_t body;
    if (!wire_batch_has_room(batch, WIRE_TEXT + text.len))
        link_send_replies(self, peer, batch);
    if (text.len == 0) {
        wire_batch_add_reply(batch, reply, NULL);
        return;
    }
    wire_body_init(&body, text);
    wire_batch_add_reply(batch, reply, &body);
    zmq_msg_close(&body);
}

int link_send_interim(link_t *self, peer_t *peer, wire_batch_t *batch)
{
    return s_send_batch(self, peer, batch, WIRE_INTERIM, 0);
}

void link_taken(link_t *self, peer_t *peer, link_batch_t batch)
{
    if (!peer->alive || peer->instance != batch.sender || *self->self != batch.receiver)
        return;
    peer_take(peer, batch.number);
    if (peer_awaits_credit(peer))
        link_send_credit(self, peer);
}

void link_set_news(link_t *self, uint64_t news)
{
    self->hello.news = news;
    int64_t now_ms = clock_ms();
    for (peer_t *peer = link_peer_next(self, NULL); peer; peer = link_peer_next(self, peer))
        link_greet_peer(self, peer, peer->instance, now_ms);
}
