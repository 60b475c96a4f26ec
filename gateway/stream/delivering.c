#include "gateway/stream/delivering.h"

#include "common/stream/hint.h"
#include "common/wire/wire.h"

#include <stdlib.h>

struct shard_ask {
    delivering_t *of;
    op_owner_t owner;
    unsigned shard;
    slot_ref_t slot;
    bytes_t body;
    uint32_t instance; /* of the worker; 0: not known */
    uint64_t after;    /* what is known of its changes */
};

struct delivering {
    stream_t *stream;
    member_t *target[DELIVERING_MOST];
    unsigned len;
    unsigned shards[WORKER_KINDS];
    shard_ask_t *asks[WORKER_KINDS]; /* one a shard; NULL: there is no target of the kind */
};

delivering_t *delivering_new(stream_t *stream)
{
    delivering_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->stream = stream;
    return self;
}

static void s_forget_asks(delivering_t *self, unsigned kind)
{
    for (unsigned i = 0; i < self->shards[kind]; i++)
        bytes_free(&self->asks[kind][i].body);
    free(self->asks[kind]);
    self->asks[kind] = NULL;
    self->shards[kind] = 0;
}

void delivering_destroy(delivering_t **self_p)
{
    delivering_t *self = *self_p;
    if (!self)
        return;
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        s_forget_asks(self, kind);
    for (unsigned i = 0; i < self->len; i++)
        member_destroy(&self->target[i]);
    free(self);
    *self_p = NULL;
}

static op_owner_t s_owner(const member_t *target)
{
    return op_find(target->grant.op)->owner;
}

void delivering_add(delivering_t *self, const listed_t *listed)
{
    op_owner_t owner = op_find(listed->grant.op)->owner;
    for (unsigned i = 0; i < self->len; i++)
        if (uuid_eq(&self->target[i]->grant.target, &listed->grant.target)) {
            member_rename(self->target[i], listed->label);
            return;
        }
    if (self->len < DELIVERING_MOST && (owner == OWNER_BOT || owner == OWNER_EXTENSION))
        self->target[self->len++] = member_new(listed);
}

static bool s_has(const delivering_t *self, op_owner_t owner)
{
    for (unsigned i = 0; i < self->len; i++)
        if (s_owner(self->target[i]) == owner)
            return true;
    return false;
}

static bool s_is_of(const shard_ask_t *ask, const member_t *target)
{
    return s_owner(target) == ask->owner &&
           wire_shard(&target->grant.target, ask->of->shards[ask->owner]) == ask->shard;
}

/* The grants of the shard's targets; returns how many there are. */
static uint32_t s_write_grants(const shard_ask_t *self, bytes_t *rows, uuid_t7 *first)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < self->of->len; i++) {
        const member_t *target = self->of->target[i];
        if (!s_is_of(self, target))
            continue;
        if (count++ == 0)
            *first = target->grant.target;
        grant_write(&target->grant, rows);
    }
    return count;
}

static void s_ask(streams_t *streams, shard_ask_t *self)
{
    bytes_t rows = {0};
    ask_t ask = {.kind = ASK_DELIVERIES, .generation = self->instance, .after = self->after};
    ask.grants = s_write_grants(self, &rows, &ask.target);
    ask.rows = bytes_slice(&rows);
    self->body.len = 0;
    ask_write(&ask, &self->body);
    bytes_free(&rows);
    if (ask.grants > 0)
        streams_ask(streams, self->owner, SLOT_DELIVERIES, self, bytes_slice(&self->body),
                    &self->slot);
}

static void s_unask(streams_t *streams, delivering_t *self, unsigned kind)
{
    for (unsigned i = 0; i < self->shards[kind]; i++)
        streams_unask(streams, &self->asks[kind][i].slot);
}

/* The kind has so many shards, as was told last. */
static void s_set_shards(streams_t *streams, delivering_t *self, op_owner_t owner)
{
    unsigned shards = streams->shards[owner] ? streams->shards[owner] : 1;
    if (self->shards[owner] == shards)
        return;
    s_unask(streams, self, owner);
    s_forget_asks(self, owner);
    self->asks[owner] = calloc(shards, sizeof *self->asks[owner]);
    if (!self->asks[owner])
        abort();
    self->shards[owner] = shards;
    for (unsigned i = 0; i < shards; i++)
        self->asks[owner][i] = (shard_ask_t){.of = self, .owner = owner, .shard = i};
}

static void s_turn(streams_t *streams, delivering_t *self, op_owner_t owner)
{
    if (!s_has(self, owner))
        return;
    s_set_shards(streams, self, owner);
    for (unsigned i = 0; i < self->shards[owner]; i++)
        if (!streams_is_asked(streams, self->asks[owner][i].slot))
            s_ask(streams, &self->asks[owner][i]);
}

void delivering_turn(streams_t *streams, delivering_t *self)
{
    s_turn(streams, self, OWNER_BOT);
    s_turn(streams, self, OWNER_EXTENSION);
}

void delivering_stop(streams_t *streams, delivering_t *self)
{
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        s_unask(streams, self, kind);
}

/* DATA: an object, of which TARGET comes first. */
static void s_put(const delivering_t *self, slice_t label, slice_t data)
{
    bytes_t text = {0};
    bytes_put(&text, "{\"target\":", strlen("{\"target\":"));
    bytes_put(&text, label.data, label.len);
    bytes_put(&text, ",", 1);
    bytes_put(&text, data.data + 1, data.len - 1);
    notice_t *notice =
        notice_hint(self->stream->options.format, event_name(EVENT_delivery), bytes_slice(&text));
    stream_put(self->stream, &notice);
    bytes_free(&text);
}

static void s_take(shard_ask_t *self, const found_t *found)
{
    const delivering_t *of = self->of;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    hint_t hint;
    self->instance = found->generation;
    self->after = found->after;
    if (found->reset != RESET_NONE)
        s_put(of, slice_of("null"),
              slice_of("{\"number\":null,\"state\":null,\"outcome\":null,\"status\":null}"));
    for (uint32_t i = 0; i < found->count && hint_read(&in, &hint); i++)
        for (unsigned j = 0; j < of->len; j++)
            if (uuid_eq(&of->target[j]->grant.target, &hint.key) && of->target[j]->label)
                s_put(of, slice_of(of->target[j]->label), hint.json);
}

/* Takes out what is not the reader's own. */
static void s_refused(shard_ask_t *self, const found_t *found)
{
    delivering_t *of = self->of;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    uint32_t index, at = 0;
    unsigned error, len = 0;
    bool more = found->count > 0 && refused_read(&in, &index, &error);
    for (unsigned i = 0; i < of->len; i++) {
        bool refused = s_is_of(self, of->target[i]) && more && at++ == index;
        if (!refused) {
            of->target[len++] = of->target[i];
            continue;
        }
        member_destroy(&of->target[i]);
        more = in.left > 0 && refused_read(&in, &index, &error);
    }
    of->len = len;
}

void delivering_answered(streams_t *streams, shard_ask_t *self, const wire_reply_t *reply,
                         slice_t body)
{
    found_t found;
    delivering_t *of = self->of;
    self->slot = (slot_ref_t){0, 0};
    if (!reply || reply->status != 200 || !found_read(body, &found) ||
        of->stream->state != STREAM_OPEN)
        return;
    if (found.kind == FOUND_HINTS) {
        s_take(self, &found);
    } else if (found.kind == FOUND_REFUSED) {
        s_refused(self, &found);
        s_ask(streams, self);
    } else if (found.kind == FOUND_MOVED && found.shards > 0 && found.shards <= VECTOR_SHARDS &&
               found.shards != of->shards[self->owner]) {
        streams->shards[self->owner] = found.shards;
        delivering_turn(streams, of); /* SELF is no more */
    }
}
