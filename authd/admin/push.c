#include "authd/admin/push.h"

#include "authd/directory/handlers.h"
#include "authd/directory/outlets.h"
#include "authd/directory/retentions.h"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/log/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_MS = 1000, /* after the first; doubled each time */
    AGAIN_MOST_MS = 30000,
    TRIES = 5,   /* of what the walk through all tells */
    WINDOW = 64, /* of those, at once */
    WALK_MS = 600000,
};

/* What a worker is told of a target. */
typedef enum { PUSH_HANDLER, PUSH_RETENTION } told_t;

typedef struct {
    told_t what;
    uuid_t7 target, id;
    uint32_t attempt; /* 0: not sent yet */
    int64_t again_ms, next_ms;
    bool changed; /* not only of the walk */
} waiting_t;

struct push {
    directory_t *directory;
    view_t *view;
    forward_t *forward;
    const uint64_t *self;
    waiting_t *waiting;
    size_t len, room;
    uuid_t7 last; /* of the walk through all handlers, then all outlets, then all retentions */
    unsigned stage;
    bool began, walked;
    int64_t walk_ms; /* when the next begins */
    pack_t record;
    pthread_mutex_t lock; /* of what follows */
    uuid_t7 *noted;
    size_t noted_len, noted_room;
};

push_t *push_new(directory_t *directory, forward_t *forward, const uint64_t *self_instance)
{
    push_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->directory = directory;
    self->view = view_new(directory);
    self->forward = forward;
    self->self = self_instance;
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void push_destroy(push_t **self_p)
{
    push_t *self = *self_p;
    if (!self)
        return;
    view_destroy(&self->view);
    pack_wipe(&self->record);
    pthread_mutex_destroy(&self->lock);
    free(self->waiting);
    free(self->noted);
    free(self);
    *self_p = NULL;
}

void push_note(push_t *self, const uuid_t7 *target)
{
    pthread_mutex_lock(&self->lock);
    if (self->noted_len == self->noted_room) {
        self->noted_room = self->noted_room ? 2 * self->noted_room : 16;
        self->noted = realloc(self->noted, self->noted_room * sizeof *self->noted);
        if (!self->noted)
            abort();
    }
    self->noted[self->noted_len++] = *target;
    pthread_mutex_unlock(&self->lock);
}

/* A new id: the answer to an older entry says nothing of this change. */
static void s_add(push_t *self, told_t what, const uuid_t7 *target, bool changed)
{
    size_t i = 0;
    while (i < self->len &&
           (self->waiting[i].what != what || !uuid_eq(&self->waiting[i].target, target)))
        i++;
    if (i < self->len && !changed)
        return;
    if (i == self->room) {
        self->room = self->room ? 2 * self->room : 16;
        self->waiting = realloc(self->waiting, self->room * sizeof *self->waiting);
        if (!self->waiting)
            abort();
    }
    if (i == self->len)
        self->len++;
    self->waiting[i] =
        (waiting_t){.what = what, .target = *target, .again_ms = AGAIN_MS, .changed = changed};
    uuid_new(&self->waiting[i].id);
}

static void s_take_noted(push_t *self)
{
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->noted_len; i++) {
        s_add(self, PUSH_HANDLER, &self->noted[i], true);
        s_add(self, PUSH_RETENTION, &self->noted[i], true);
    }
    self->noted_len = 0;
    pthread_mutex_unlock(&self->lock);
}

static bool s_next_handler(view_t *view, const uuid_t7 *after, uuid_t7 *target)
{
    handler_t handler;
    bool more = handlers_next(view, after, &handler);
    *target = more ? handler.target : *target;
    return more;
}

static bool s_next_outlet(view_t *view, const uuid_t7 *after, uuid_t7 *target)
{
    outlet_t outlet;
    bool more = outlets_next(view, after, &outlet);
    *target = more ? outlet.id : *target;
    return more;
}

static bool s_next_retention(view_t *view, const uuid_t7 *after, uuid_t7 *target)
{
    kept_retention_t kept;
    bool more = retentions_next(view, after, &kept);
    *target = more ? kept.target : *target;
    return more;
}

static const struct {
    told_t what;
    bool (*next)(view_t *view, const uuid_t7 *after, uuid_t7 *target);
} s_stages[] = {{PUSH_HANDLER, s_next_handler},
                {PUSH_HANDLER, s_next_outlet},
                {PUSH_RETENTION, s_next_retention}};
enum { STAGES = sizeof s_stages / sizeof *s_stages };

/* Goes on with the walk while there is room in the window. The view is live. */
static void s_walk(push_t *self, int64_t now_ms)
{
    if (self->walked && now_ms >= self->walk_ms) {
        self->began = self->walked = false;
        self->stage = 0;
    }
    while (!self->walked && self->len < WINDOW) {
        uuid_t7 after = self->last;
        bool more =
            s_stages[self->stage].next(self->view, self->began ? &after : NULL, &self->last);
        self->began = more;
        if (more) {
            s_add(self, s_stages[self->stage].what, &self->last, false);
        } else if (++self->stage == STAGES) {
            self->stage = STAGES - 1;
            self->walked = true;
            self->walk_ms = now_ms + WALK_MS;
        }
    }
}

/* The record of TARGET's handler, how a URL names the target, and the operation that tells it to
 * its worker. False: there is none. */
static bool s_read_handler(push_t *self, const uuid_t7 *target, char access[HANDLER_NAME + 1],
                           const op_t **op)
{
    handler_t handler;
    outlet_t outlet;
    uint64_t wall_ms = (uint64_t)clock_wall_ms();
    if (handlers_get(self->view, target, &handler)) {
        *op = op_of(handler.kind, DOES_TELL);
        snprintf(access, HANDLER_NAME + 1, "%.*s", SLICE_ARG(handler.access));
        handler_record(self->view, &handler, wall_ms, &self->record);
    } else if (outlets_get(self->view, target, &outlet)) {
        *op = op_find(OP_bot_handler_push);
        uuid_text(&outlet.id, access);
        outlet_record(self->view, &outlet, wall_ms, &self->record);
    } else {
        return false;
    }
    return *op != NULL;
}

static void s_add_number(push_t *self, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    if (number)
        wire_pairs_add(&self->record, slice_of(name), slice_of(text));
}

/* What it keeps, as params; a limit that there is not is left out. */
static bool s_read_retention(push_t *self, const uuid_t7 *target, char access[HANDLER_NAME + 1],
                             const op_t **op)
{
    static const unsigned ops[WORKER_KINDS] = {[OWNER_CHANNEL] = OP_channel_retention_push,
                                               [OWNER_BOT] = OP_bot_retention_push,
                                               [OWNER_EXTENSION] = OP_extension_retention_push};
    kept_retention_t kept;
    if (!retentions_get(self->view, target, &kept) || kept.kind >= WORKER_KINDS)
        return false;
    *op = op_find(ops[kept.kind]);
    snprintf(access, HANDLER_NAME + 1, "retention");
    s_add_number(self, "version", kept.version);
    s_add_number(self, "days", kept.days);
    s_add_number(self, "messages", kept.messages);
    s_add_number(self, "bytes", kept.bytes);
    return true;
}

/* False: there is nothing to tell, or it is damaged: *WAITS, it is looked for again. */
static bool s_read(push_t *self, const waiting_t *waiting, char access[HANDLER_NAME + 1],
                   const op_t **op, bool *waits)
{
    pack_reset(&self->record);
    bool found = waiting->what == PUSH_RETENTION
                     ? s_read_retention(self, &waiting->target, access, op)
                     : s_read_handler(self, &waiting->target, access, op);
    *waits = view_take_damage(self->view);
    return found && !*waits;
}

/* False: there is nothing to tell. */
static bool s_send(push_t *self, waiting_t *waiting, int64_t now_ms)
{
    const op_t *op = NULL;
    bool waits;
    char access[HANDLER_NAME + 1];
    waiting->next_ms = now_ms + waiting->again_ms;
    if (!s_read(self, waiting, access, &op, &waits))
        return waits;
    wire_request_t request = wire_request_bare(&waiting->id, op->number, op->methods);
    request.origin = *self->self;
    request.attempt = ++waiting->attempt;
    request.time_left_ms = (uint32_t)waiting->again_ms;
    request.target = slice_of(access);
    request.principal.present = true;
    request.principal.target = waiting->target;
    if (waiting->what == PUSH_RETENTION)
        request.params = wire_pairs_of(&self->record);
    else
        request.handler = slice(self->record.data, self->record.len);
    forward_put(self->forward, &request, NULL, clock_us());
    waiting->again_ms =
        2 * waiting->again_ms < AGAIN_MOST_MS ? 2 * waiting->again_ms : AGAIN_MOST_MS;
    return true;
}

void push_tick(push_t *self, int64_t now_ms, bool walks)
{
    s_take_noted(self);
    bool walked = !walks || (self->walked && now_ms < self->walk_ms);
    if (walked && self->len == 0)
        return;
    view_renew(self->view);
    view_tolerate(self->view, true); /* one damaged handler keeps no others from their workers */
    if (walks)
        s_walk(self, now_ms);
    view_tolerate(self->view, false);
    for (size_t i = 0; i < self->len;) {
        waiting_t *waiting = &self->waiting[i];
        bool due = waiting->next_ms <= now_ms;
        bool given_up = due && !waiting->changed && waiting->attempt == TRIES;
        if (given_up || (due && !s_send(self, waiting, now_ms)))
            *waiting = self->waiting[--self->len];
        else
            i++;
    }
    view_release(self->view);
}

void push_answered(push_t *self, const wire_reply_t *reply)
{
    for (size_t i = 0; i < self->len; i++)
        if (uuid_eq(&self->waiting[i].id, &reply->id) && reply->error == ERROR_none) {
            self->waiting[i] = self->waiting[--self->len];
            return;
        }
}
