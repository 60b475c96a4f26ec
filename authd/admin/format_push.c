#include "authd/admin/format_push.h"

#include "authd/directory/kept_formats.h"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/wire/formats.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 250,
    AGAIN_MS = 1000, /* after the first; doubled each time */
    AGAIN_MOST_MS = 30000,
    ASK_MS = 60000,
};

/* What workers of a kind are told with. */
static const unsigned s_ops[WORKER_KINDS] = {[OWNER_CHANNEL] = OP_channel_formats_push,
                                             [OWNER_BOT] = OP_bot_formats_push,
                                             [OWNER_EXTENSION] = OP_extension_formats_push};

typedef struct {
    unsigned op;
    uuid_t7 target; /* any that is the shard's */
    uuid_t7 id;     /* of the entry */
    uint32_t attempt;
    int64_t next_ms, again_ms;
    bool has; /* it has said so */
    bool all; /* it is to get them, not only their hash */
} told_t;

struct format_push {
    view_t *view;
    forward_t *forward;
    const uint64_t *self;
    told_t *told;
    size_t len;
    bool looked;
    uint64_t seen; /* what the last look saw: it differs when a format does */
    int64_t look_ms;
    pack_t formats;
    char version[WIRE_FORMATS_VERSION];
};

static void s_add_kind(format_push_t *self, const conf_t *conf, op_owner_t kind)
{
    unsigned shards = (unsigned)conf_uint(conf, conf_setting("shards", op_owner_name(kind)));
    self->told = realloc(self->told, (self->len + shards) * sizeof *self->told);
    if (!self->told)
        abort();
    for (unsigned shard = 0; shard < shards; shard++) {
        told_t *told = &self->told[self->len++];
        *told = (told_t){.op = s_ops[kind]};
        do
            uuid_new(&told->target);
        while (wire_shard(&told->target, shards) != shard);
    }
}

format_push_t *format_push_new(const conf_t *conf, directory_t *directory, forward_t *forward,
                               const uint64_t *self_instance)
{
    format_push_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->view = view_new(directory);
    view_tolerate(self->view, true); /* a damaged format keeps no others from the workers */
    self->forward = forward;
    self->self = self_instance;
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        s_add_kind(self, conf, (op_owner_t)kind);
    return self;
}

void format_push_destroy(format_push_t **self_p)
{
    format_push_t *self = *self_p;
    if (!self)
        return;
    view_destroy(&self->view);
    pack_free(&self->formats);
    free(self->told);
    free(self);
    *self_p = NULL;
}

/* Of ids and versions: which formats there are. */
static uint64_t s_see(view_t *view)
{
    kept_format_t format;
    uint64_t seen = 0;
    uuid_t7 last;
    for (bool more = kept_formats_next(view, NULL, &format); more;
         more = kept_formats_next(view, &last, &format)) {
        uint64_t half;
        last = format.id;
        memcpy(&half, last.bytes + UUID_BYTES - sizeof half, sizeof half);
        seen = (seen ^ half) * UINT64_C(0x9e3779b97f4a7c15) + format.version;
    }
    return seen;
}

static void s_begin(told_t *told, bool all)
{
    told->has = false;
    told->all = all;
    told->attempt = 0;
    told->next_ms = 0;
    told->again_ms = AGAIN_MS;
    uuid_new(&told->id);
}

static void s_read(format_push_t *self)
{
    kept_format_t format;
    uuid_t7 last;
    pack_reset(&self->formats);
    for (bool more = kept_formats_next(self->view, NULL, &format); more;
         more = kept_formats_next(self->view, &last, &format)) {
        last = format.id;
        wire_pairs_add(&self->formats, format.name, format.text);
    }
    wire_formats_version(wire_pairs_of(&self->formats), self->version);
}

/* At the start workers are asked: most have them already. */
static void s_look(format_push_t *self, int64_t now_ms)
{
    if (now_ms < self->look_ms)
        return;
    self->look_ms = now_ms + LOOK_MS;
    view_renew(self->view);
    uint64_t seen = s_see(self->view);
    if (!self->looked || seen != self->seen) {
        s_read(self);
        for (size_t i = 0; i < self->len; i++)
            s_begin(&self->told[i], self->looked);
    }
    self->looked = true;
    self->seen = seen;
    view_take_damage(self->view);
    view_release(self->view);
}

static void s_send(format_push_t *self, told_t *told, int64_t now_ms)
{
    zmq_msg_t body;
    pack_t params = {0};
    slice_t all = wire_pairs_of(&self->formats);
    bool with = told->all && all.len > 0;
    wire_pairs_add(&params, slice_of("version"), slice_of(self->version));
    wire_request_t request = wire_request_bare(&told->id, told->op, OP_PUT);
    request.origin = *self->self;
    request.attempt = ++told->attempt;
    request.time_left_ms = (uint32_t)told->again_ms;
    request.target = slice_of("formats");
    request.params = wire_pairs_of(&params);
    request.has_body = with;
    request.principal.present = true;
    request.principal.target = told->target;
    if (with)
        wire_body_init(&body, all);
    if (forward_put(self->forward, &request, with ? &body : NULL, clock_us()) == QUEUE_FULL && with)
        zmq_msg_close(&body);
    pack_free(&params);
    told->next_ms = now_ms + told->again_ms;
    told->again_ms = 2 * told->again_ms < AGAIN_MOST_MS ? 2 * told->again_ms : AGAIN_MOST_MS;
}

void format_push_tick(format_push_t *self, int64_t now_ms)
{
    s_look(self, now_ms);
    for (size_t i = 0; i < self->len; i++) {
        told_t *told = &self->told[i];
        if (told->next_ms > now_ms)
            continue;
        if (told->has)
            s_begin(told, false);
        s_send(self, told, now_ms);
    }
}

void format_push_answered(format_push_t *self, const wire_reply_t *reply)
{
    size_t i = 0;
    while (i < self->len && !uuid_eq(&self->told[i].id, &reply->id))
        i++;
    if (i == self->len)
        return;
    told_t *told = &self->told[i];
    if (reply->error == ERROR_none) {
        told->has = true;
        told->next_ms = clock_ms() + ASK_MS;
    } else if (reply->error == ERROR_conflict && !told->all) {
        s_begin(told, true);
    }
}
