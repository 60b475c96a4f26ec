#include "common/link/peers.h"

#include "common/base/clock.h"
#include "common/link/route.h"

#include <assert.h>
#include <stdlib.h>

enum { FORGET_MS = 60000 };

static unsigned s_bucket(slice_t route)
{
    unsigned hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < route.len; i++)
        hash = (hash ^ (unsigned char)route.data[i]) * 16777619u;
    return hash % PEER_BUCKETS;
}

peer_t *peers_find(const peers_t *self, slice_t route)
{
    for (peer_t *peer = self->by_route[s_bucket(route)]; peer; peer = peer->route_next)
        if (slice_is(route, peer->route))
            return peer;
    return NULL;
}

static void s_unhash(peers_t *self, peer_t *peer)
{
    peer_t **at = &self->by_route[s_bucket(slice_of(peer->route))];
    while (*at != peer)
        at = &(*at)->route_next;
    *at = peer->route_next;
}

static void s_free(peers_t *self, peer_t **at)
{
    peer_t *peer = *at;
    s_unhash(self, peer);
    *at = peer->next;
    self->count--;
    free(peer);
}

void peers_remove(peers_t *self, peer_t *peer)
{
    peer_t **at = &self->first;
    while (*at != peer)
        at = &(*at)->next;
    s_free(self, at);
}

peer_t *peers_yielding(const peers_t *self)
{
    peer_t *oldest = NULL;
    for (peer_t *peer = self->count < LINK_PEERS ? NULL : self->first; peer; peer = peer->next) {
        if (!peer->alive)
            return NULL;
        if (peer->yields && (!oldest || peer->heard_ms < oldest->heard_ms))
            oldest = peer;
    }
    return oldest;
}

static bool s_make_room(peers_t *self)
{
    peer_t *oldest = NULL;
    for (peer_t *peer = self->first; peer; peer = peer->next)
        if (!peer->alive && (!oldest || peer->heard_ms < oldest->heard_ms))
            oldest = peer;
    if (oldest)
        peers_remove(self, oldest);
    return oldest != NULL;
}

peer_t *peers_add(peers_t *self, slice_t route)
{
    if (route.len >= WIRE_NAME || (self->count >= LINK_PEERS && !s_make_room(self)))
        return NULL;
    peer_t *peer = calloc(1, sizeof *peer);
    if (!peer)
        abort();
    slice_t name = route_name(route);
    memcpy(peer->route, route.data, route.len);
    memcpy(peer->name, name.data, name.len);
    unsigned bucket = s_bucket(route);
    peer->route_next = self->by_route[bucket];
    self->by_route[bucket] = peer;
    peer->next = self->first;
    self->first = peer;
    self->count++;
    return peer;
}

peer_t *peers_of_instance(const peers_t *self, uint64_t instance)
{
    for (peer_t *peer = self->first; peer; peer = peer->next)
        if (peer->instance == instance && peer->alive)
            return peer;
    return NULL;
}

void peers_forget(peers_t *self, int64_t now_ms)
{
    for (peer_t **at = &self->first; *at;)
        if ((*at)->alive || now_ms - (*at)->heard_ms < FORGET_MS)
            at = &(*at)->next;
        else
            s_free(self, at);
}

void peers_clear(peers_t *self)
{
    while (self->first) {
        peer_t *next = self->first->next;
        free(self->first);
        self->first = next;
    }
    *self = (peers_t){0};
}

static void s_forget_received(peer_t *self)
{
    self->first = self->received = self->taken = self->arrived = self->told = 0;
}

/* More than LINK_WINDOW_SMALL above what was sent: nobody sends a million batches in a second. */
void peer_meet(peer_t *self)
{
    self->start = self->sent = self->credited = (uint64_t)clock_us();
    s_forget_received(self);
    self->stalled = false;
}

link_batch_t link_batch(const wire_message_t *message)
{
    return (link_batch_t){message->sender, message->receiver, message->batch};
}

bool peer_arrive(peer_t *self, uint64_t batch, unsigned entries)
{
    /* It has begun anew without our knowing: the next one is its first. */
    if (batch <= self->received) {
        s_forget_received(self);
        return false;
    }
    if (self->first == 0) {
        self->first = batch;
        self->taken = self->told = batch - 1;
    }
    self->received = self->arrived = batch;
    self->come_entries[batch % LINK_WINDOW_SMALL] = (uint16_t)entries;
    return true;
}

uint64_t peer_send(peer_t *self, unsigned entries)
{
    self->sent++;
    self->sent_entries[self->sent % LINK_WINDOW_SMALL] = (uint16_t)entries;
    return self->sent;
}

/* Whether the batches behind FROM up to LAST fill the window. */
static bool s_fill(const peer_t *self, uint64_t from, uint64_t last, const uint16_t *entries)
{
    uint64_t count = last - from;
    unsigned sum = 0;
    if (count < LINK_WINDOW || count >= LINK_WINDOW_SMALL || peer_version(self) < 5)
        return count >= LINK_WINDOW;
    while (from < last)
        sum += entries[++from % LINK_WINDOW_SMALL];
    return sum >= LINK_SMALL;
}

bool peer_is_full(const peer_t *self)
{
    return s_fill(self, self->credited, self->sent, self->sent_entries);
}

bool peer_awaits_credit(const peer_t *self)
{
    return s_fill(self, self->told, self->taken, self->come_entries);
}

/* More than LINK_WINDOW_SMALL cannot be under way: then it has begun anew, higher. */
bool peer_heartbeat(peer_t *self, uint64_t batch, uint64_t *lost)
{
    *lost = 0;
    if (batch <= self->received)
        return false;
    if (self->first == 0)
        self->first = batch;
    else if (batch - self->received <= LINK_WINDOW_SMALL)
        *lost = batch - self->received;
    self->received = batch;
    if (self->taken >= self->arrived)
        self->taken = batch;
    return true;
}

uint64_t peer_last(const peer_t *self)
{
    return self->sent > self->start ? self->sent : 0;
}

void peer_take(peer_t *self, uint64_t batch)
{
    if (batch < self->first || batch > self->received)
        return;
    /* Behind the last one that came there are only lost ones, which count as taken with it. */
    uint64_t taken = batch == self->arrived ? self->received : batch;
    if (taken > self->taken)
        self->taken = taken;
}

bool peer_credit(peer_t *self, uint64_t batch)
{
    if (batch > self->sent)
        return false;
    if (batch > self->credited)
        self->credited = batch;
    return true;
}

void peer_watch(peer_t *self, int64_t now_ms)
{
    if (peer_is_full(self) && self->credited == self->watched)
        return;
    self->watched = self->credited;
    self->moved_ms = now_ms;
}

int64_t peer_stuck_ms(const peer_t *self, int64_t now_ms)
{
    bool stuck = peer_is_full(self) && self->credited == self->watched;
    return stuck ? now_ms - self->moved_ms : 0;
}

bool peer_alive(const peer_t *self)
{
    return self->alive;
}

bool peer_left(const peer_t *self)
{
    return self->left;
}

uint64_t peer_instance(const peer_t *self)
{
    return self->instance;
}

const char *peer_name(const peer_t *self)
{
    return self->name;
}

unsigned peer_version(const peer_t *self)
{
    unsigned theirs = self->hello.version_max;
    return theirs < WIRE_VERSION ? theirs : WIRE_VERSION;
}

unsigned peer_outstanding(const peer_t *self)
{
    return (unsigned)(self->sent - self->credited);
}

void peer_yield(peer_t *self)
{
    self->yields = true;
}

void peer_set_data(peer_t *self, void *data)
{
    self->data = data;
}

void *peer_data(const peer_t *self)
{
    return self->data;
}
