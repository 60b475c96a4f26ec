#include "gateway/stream/delivering.h"

#include "common/stream/hint.h"
#include "gateway/stream/several_self.h"
#include "gateway/stream/targets.h"

#include <stdlib.h>

struct shard_ask {
    delivering_t *of;
    targets_shard_t shard;
    slot_ref_t slot;
    bytes_t body;
    uint32_t instance; /* of the worker; 0: not known */
    uint64_t after;    /* what is known of its changes */
};

struct delivering {
    stream_t *stream;
    targets_t targets;
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
    targets_clear(&self->targets);
    free(self);
    *self_p = NULL;
}

void delivering_add(delivering_t *self, const listed_t *listed)
{
    targets_add(&self->targets, listed, DELIVERING_MOST);
}

static void s_ask(streams_t *streams, shard_ask_t *self)
{
    bytes_t rows = {0};
    ask_t ask = {.kind = ASK_DELIVERIES, .generation = self->instance, .after = self->after};
    ask.grants = targets_write(&self->of->targets, &self->shard, &rows, &ask.target);
    ask.rows = bytes_slice(&rows);
    self->body.len = 0;
    ask_write(&ask, &self->body);
    bytes_free(&rows);
    if (ask.grants > 0)
        streams_ask(streams, self->shard.owner, SLOT_DELIVERIES, self, bytes_slice(&self->body),
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
        self->asks[owner][i] = (shard_ask_t){.of = self, .shard = {owner, i, shards}};
}

static void s_turn(streams_t *streams, delivering_t *self, op_owner_t owner)
{
    if (!targets_have(&self->targets, owner))
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

/* DATA: an object, of which the target comes first where the stream is of several. */
static void s_put(const delivering_t *self, const char *label, slice_t data)
{
    bytes_t text = {0};
    bool labelled = self->stream->several;
    if (labelled) {
        bytes_put(&text, "{\"target\":", strlen("{\"target\":"));
        bytes_put(&text, label, strlen(label));
        bytes_put(&text, ",", 1);
    }
    bytes_put(&text, data.data + labelled, data.len - labelled);
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
        s_put(of, "null",
              slice_of("{\"number\":null,\"state\":null,\"outcome\":null,\"status\":null}"));
    for (uint32_t i = 0; i < found->count && hint_read(&in, &hint); i++) {
        const member_t *target = targets_find(&of->targets, &hint.key);
        if (target)
            s_put(of, target->label, hint.json);
    }
}

/* True: nothing is left that the stream could tell of, and it ends. */
static bool s_ends(const delivering_t *self, const found_t *found)
{
    uint32_t index;
    unsigned error;
    const several_t *several = self->stream->several;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    bool last = self->targets.len == 0 && several && !several->all &&
                HASH_COUNT(self->stream->members) == 0;
    if (last && refused_read(&in, &index, &error))
        several_end(self->stream, error);
    return last;
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
        targets_refuse(&of->targets, &self->shard, 0, &found);
        if (!s_ends(of, &found))
            s_ask(streams, self);
    } else if (found.kind == FOUND_MOVED && found.shards > 0 && found.shards <= VECTOR_SHARDS &&
               found.shards != of->shards[self->shard.owner]) {
        streams->shards[self->shard.owner] = found.shards;
        delivering_turn(streams, of); /* SELF is no more */
    }
}
