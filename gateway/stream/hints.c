#include "gateway/stream/hints.h"

#include "common/base/clock.h"
#include "common/stream/hint.h"
#include "gateway/stream/delivering.h"
#include "gateway/stream/several_self.h"

#include <stdlib.h>

/* What is known of a token's use. */
typedef struct {
    uuid_t7 token;
    uint64_t stamp;  /* of the last use */
    int64_t told_ms; /* when one was told last; 0: never */
    char *waits;     /* the last one, which has not been told; or NULL */
} used_t;

struct hints {
    stream_t *stream;
    slot_ref_t slot;
    bytes_t ask;
    int64_t asked_ms;
    int64_t since_wall_ms;
    uint64_t after; /* as ASK_HINTS has it */
    bool sees_ring;
    unsigned watched; /* watch_changed */
    used_t used[HINTS_TOKENS];
    unsigned used_len;
    delivering_t *delivering; /* or NULL */
    h2o_linklist_t in_hinting;
};

static bool s_wants(const hints_t *self, event_t event)
{
    return self->stream->options.events & 1u << event;
}

hints_t *hints_new(stream_t *stream)
{
    if (!(stream->options.events & EVENT_HINTS))
        return NULL;
    hints_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->stream = stream;
    self->since_wall_ms = clock_wall_ms() - SEVERAL_SLACK_MS;
    if (s_wants(self, EVENT_delivery))
        self->delivering = delivering_new(stream);
    return self;
}

bool hints_need_right(const hints_t *self)
{
    return self && self->stream->options.events & EVENT_HINTS & ~(1u << EVENT_delivery);
}

void hints_take_row(hints_t *self, const listed_t *listed)
{
    if (self && self->delivering)
        delivering_add(self->delivering, listed);
}

void hints_destroy(hints_t **self_p)
{
    hints_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < self->used_len; i++)
        free(self->used[i].waits);
    delivering_destroy(&self->delivering);
    bytes_free(&self->ask);
    free(self);
    *self_p = NULL;
}

void hints_start(streams_t *streams, hints_t *self)
{
    if (self &&
        !h2o_linklist_is_linked(&self->in_hinting)) /* first: from when on it tells is now */
        h2o_linklist_insert(streams->hinting.next, &self->in_hinting);
}

void hints_stop(streams_t *streams, hints_t *self)
{
    if (!self)
        return;
    if (streams_is_asked(streams, self->slot))
        streams->hints--;
    streams_unask(streams, &self->slot);
    if (self->delivering)
        delivering_stop(streams, self->delivering);
    streams_unlink(&self->in_hinting);
}

static void s_put(hints_t *self, event_t event, slice_t json)
{
    notice_t *notice = notice_hint(self->stream->options.format, event_name(event), json);
    stream_put(self->stream, &notice);
}

/* --- Uses of tokens */

/* NULL: it is not known. */
static used_t *s_find(hints_t *self, const uuid_t7 *token)
{
    for (unsigned i = 0; i < self->used_len; i++)
        if (uuid_eq(&self->used[i].token, token))
            return &self->used[i];
    return NULL;
}

/* In place of the one that was told of longest ago where there is no room. */
static used_t *s_make(hints_t *self, const uuid_t7 *token)
{
    used_t *used = &self->used[0];
    if (self->used_len < HINTS_TOKENS) {
        used = &self->used[self->used_len++];
    } else {
        for (unsigned i = 1; i < HINTS_TOKENS; i++)
            if (self->used[i].told_ms < used->told_ms)
                used = &self->used[i];
        free(used->waits);
    }
    *used = (used_t){.token = *token};
    return used;
}

static void s_take_use(hints_t *self, const hint_t *hint, int64_t now_ms)
{
    used_t *used = s_find(self, &hint->key);
    if (!used)
        used = s_make(self, &hint->key);
    if (hint->stamp <= used->stamp)
        return;
    used->stamp = hint->stamp;
    free(used->waits);
    used->waits = NULL;
    if (used->told_ms && now_ms - used->told_ms < HINTS_USED_MS) {
        used->waits = strndup(hint->json.data, hint->json.len);
        return;
    }
    used->told_ms = now_ms;
    s_put(self, EVENT_token_used, hint->json);
}

static void s_tell_waiting(hints_t *self, int64_t now_ms)
{
    for (unsigned i = 0; i < self->used_len; i++) {
        used_t *used = &self->used[i];
        if (!used->waits || now_ms - used->told_ms < HINTS_USED_MS)
            continue;
        s_put(self, EVENT_token_used, slice_of(used->waits));
        used->told_ms = now_ms;
        free(used->waits);
        used->waits = NULL;
    }
}

/* --- Asking */

static void s_ask(streams_t *streams, hints_t *self)
{
    ask_t ask = {.kind = ASK_HINTS,
                 .after = self->after,
                 .count = self->stream->options.events,
                 .time_ms = self->since_wall_ms};
    several_write_by_right(self->stream, &ask, &self->ask);
    streams_ask(streams, OWNER_CHANNEL, SLOT_HINTS, self, bytes_slice(&self->ask), &self->slot);
    streams->hints += streams_is_asked(streams, self->slot);
}

/* What needs no answer of authd's. */
static void s_look(streams_t *streams, hints_t *self)
{
    s_tell_waiting(self, streams->now_ms);
    if (!s_wants(self, EVENT_health) || !self->sees_ring)
        return;
    char *ring = watch_changed(streams->watch, &self->watched);
    if (ring)
        s_put(self, EVENT_health, slice_of(ring));
    free(ring);
}

void hints_turn(streams_t *streams)
{
    while (!h2o_linklist_is_empty(&streams->hinting) && streams->hints < HINTS_ASKED) {
        hints_t *self = H2O_STRUCT_FROM_MEMBER(hints_t, in_hinting, streams->hinting.next);
        if (streams->now_ms - self->asked_ms < HINTS_APART_MS)
            return;
        self->asked_ms = streams->now_ms;
        h2o_linklist_unlink(&self->in_hinting);
        h2o_linklist_insert(&streams->hinting, &self->in_hinting);
        if (stream_is_behind(self->stream, streams->now_ms))
            continue;
        s_look(streams, self);
        if (self->delivering)
            delivering_turn(streams, self->delivering);
        if (hints_need_right(self) && !streams_is_asked(streams, self->slot))
            s_ask(streams, self);
    }
}

static void s_take(hints_t *self, const found_t *found, int64_t now_ms)
{
    hint_t hint;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    self->after = found->after;
    self->sees_ring = found->generation != 0;
    for (uint32_t i = 0; i < found->count && hint_read(&in, &hint); i++) {
        if (hint.event == EVENT_token_used)
            s_take_use(self, &hint, now_ms);
        else if (hint.event == EVENT_directory)
            s_put(self, EVENT_directory, hint.json);
    }
}

void hints_answered(streams_t *streams, hints_t *self, const wire_reply_t *reply, slice_t body)
{
    found_t found;
    streams->hints--;
    self->slot = (slot_ref_t){0, 0};
    if (several_read_by_right(self->stream, reply, body, &found) && found.kind == FOUND_HINTS)
        s_take(self, &found, streams->now_ms);
}
