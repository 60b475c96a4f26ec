#include "gateway/looks.h"

#include <assert.h>
#include <stdlib.h>

typedef struct {
    slot_ref_t ref;
    int64_t until_ms; /* for authd's word */
    bool judged;
} waiting_t;

struct looks {
    inflight_t *inflight;
    watch_t *watch;
    looks_end_fn *end;
    void *arg;
    waiting_t waiting[LOOKS_MOST];
    unsigned len;
};

looks_t *looks_new(inflight_t *inflight, watch_t *watch, looks_end_fn *end, void *arg)
{
    looks_t *self = calloc(1, sizeof *self);
    assert(self);
    self->inflight = inflight;
    self->watch = watch;
    self->end = end;
    self->arg = arg;
    return self;
}

bool looks_has_room(const looks_t *self)
{
    return self->len < LOOKS_MOST;
}

void looks_add(looks_t *self, slot_t *slot)
{
    assert(looks_has_room(self));
    self->waiting[self->len++] = (waiting_t){.ref = inflight_ref(self->inflight, slot),
                                             .until_ms = slot->born_ms + LOOKS_JUDGE_MS};
}

/* True when it waits no longer. */
static bool s_turn(looks_t *self, const waiting_t *waiting, int64_t now_ms)
{
    slot_t *slot = inflight_at(self->inflight, waiting->ref);
    if (!slot)
        return true;
    char *json = waiting->judged ? watch_report(self->watch) : NULL;
    bool ends = json || (!waiting->judged && now_ms >= waiting->until_ms);
    if (ends)
        self->end(self->arg, slot, json);
    free(json);
    return ends;
}

void looks_judged(looks_t *self, slot_t *slot)
{
    slot_ref_t ref = inflight_ref(self->inflight, slot);
    for (unsigned i = 0; i < self->len; i++) {
        waiting_t *waiting = &self->waiting[i];
        if (waiting->ref.index != ref.index || waiting->ref.generation != ref.generation)
            continue;
        waiting->judged = true;
        inflight_hold(slot);
        if (s_turn(self, waiting, 0))
            *waiting = self->waiting[--self->len];
        return;
    }
}

void looks_tick(looks_t *self, int64_t now_ms)
{
    for (unsigned i = 0; i < self->len;)
        if (s_turn(self, &self->waiting[i], now_ms))
            self->waiting[i] = self->waiting[--self->len];
        else
            i++;
}

void looks_answer(h2o_req_t *req, const uuid_t7 *id, const char *json)
{
    static const char late[] =
        "authd, which says who may see the health of the ring, has not answered: it is stopped, "
        "starts, or has too much to do. On its host, posternctl health tells which.";
    if (json)
        reply_document(req, id, slice_of(json));
    else
        reply_error(req, id, ERROR_unavailable, late, REASON_none, slice("", 0));
}

void looks_series(series_t *series, h2o_req_t *req, const uuid_t7 *id, zmq_msg_t *judged)
{
    unsigned minutes = series_minutes(slice(zmq_msg_data(judged), zmq_msg_size(judged)));
    char *json = series_json(series, minutes);
    reply_document(req, id, slice_of(json));
    free(json);
}
