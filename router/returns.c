#include "router/returns.h"

#include "common/monitor/monitor.h"

#include <stdlib.h>

/* One origin that replies are gathered for in this turn of the loop. */
typedef struct {
    uint64_t origin;
    link_t *link;
    wire_batch_t *batch;
} sheaf_t;

enum { ENTRY = 256 };  /* most bytes of a reply without its body */
enum { SHEAVES = 64 }; /* more gateway threads than this share by early flushes */

struct returns {
    link_t *links[RETURNS_LINKS];
    sheaf_t sheaves[SHEAVES];
    unsigned used, last;
    wire_batch_t *interim;
    uint64_t interim_origin;
};

returns_t *returns_new(void)
{
    returns_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->interim = wire_batch_new();
    return self;
}

void returns_destroy(returns_t **self_p)
{
    returns_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < SHEAVES; i++)
        wire_batch_destroy(&self->sheaves[i].batch);
    wire_batch_destroy(&self->interim);
    free(self);
    *self_p = NULL;
}

void returns_set_links(returns_t *self, link_t *const links[RETURNS_LINKS])
{
    for (unsigned i = 0; i < RETURNS_LINKS; i++)
        self->links[i] = links[i];
}

/* The link on which an origin is, NULL when it is gone. */
static link_t *s_link(const returns_t *self, uint64_t origin)
{
    for (unsigned i = 0; i < RETURNS_LINKS; i++)
        if (link_peer_of(self->links[i], origin))
            return self->links[i];
    return NULL;
}

/* The origin may have gone since the sheaf was begun. Empties it in any case: it is the next one's.
 */
static void s_send(sheaf_t *sheaf)
{
    unsigned entries = wire_batch_entries(sheaf->batch);
    peer_t *peer = entries ? link_peer_of(sheaf->link, sheaf->origin) : NULL;
    if (peer) {
        link_send_replies(sheaf->link, peer, sheaf->batch);
        return;
    }
    metric_add(METRIC_replies_unroutable_total, entries);
    wire_batch_clear(sheaf->batch);
}

void returns_flush(returns_t *self)
{
    for (unsigned i = 0; i < self->used; i++)
        s_send(&self->sheaves[i]);
    self->used = 0;
}

/* The sheaf of an origin, begun if need be; NULL when that is gone. */
static sheaf_t *s_sheaf(returns_t *self, uint64_t origin)
{
    if (self->last < self->used && self->sheaves[self->last].origin == origin)
        return &self->sheaves[self->last];
    for (unsigned i = 0; i < self->used; i++)
        if (self->sheaves[i].origin == origin) {
            self->last = i;
            return &self->sheaves[i];
        }
    link_t *link = s_link(self, origin);
    if (!link)
        return NULL;
    if (self->used == SHEAVES)
        returns_flush(self);
    sheaf_t *sheaf = &self->sheaves[self->used];
    if (!sheaf->batch)
        sheaf->batch = wire_batch_new();
    sheaf->origin = origin;
    sheaf->link = link;
    self->last = self->used++;
    return sheaf;
}

void returns_add(returns_t *self, const wire_reply_t *reply, zmq_msg_t *body)
{
    sheaf_t *sheaf = s_sheaf(self, reply->origin);
    if (!sheaf) {
        metric_add(METRIC_replies_unroutable_total, 1);
        if (body)
            zmq_msg_close(body);
        return;
    }
    if (!wire_batch_has_room(sheaf->batch, ENTRY + (body ? zmq_msg_size(body) : 0)))
        s_send(sheaf);
    if (reply->came.len)
        wire_batch_pass_reply(sheaf->batch, reply, body);
    else
        wire_batch_add_reply(sheaf->batch, reply, body);
}

/* The origin may be gone. */
static void s_send_interim(returns_t *self)
{
    unsigned entries = wire_batch_entries(self->interim);
    link_t *link = entries ? s_link(self, self->interim_origin) : NULL;
    if (link) {
        link_send_interim(link, link_peer_of(link, self->interim_origin), self->interim);
        return;
    }
    metric_add(METRIC_replies_unroutable_total, entries);
    wire_batch_clear(self->interim);
}

void returns_interim(returns_t *self, const wire_message_t *message)
{
    for (unsigned i = 0; i < message->entries; i++) {
        const wire_reply_t *reply = &message->replies[i];
        if (reply->origin != self->interim_origin || !wire_batch_has_room(self->interim, ENTRY))
            s_send_interim(self);
        self->interim_origin = reply->origin;
        wire_batch_add_reply(self->interim, reply, NULL);
    }
    s_send_interim(self);
}
