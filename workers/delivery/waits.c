#include "workers/delivery/waits.h"

#include "common/base/map.h"
#include "common/monitor/monitor.h"
#include "workers/post/answer.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

typedef struct waiting {
    struct waiting *next;
    link_t *link;
    peer_t *peer;
    wire_reply_t reply;
} waiting_t;

typedef struct {
    UT_hash_handle hh;
    uint64_t log;
    int64_t until_ms; /* then the callers are answered {}, or the answer is forgotten */
    waiting_t *callers;
    bool ended;
    size_t len;
    char *json; /* with ended; NULL: {} */
} wait_t;

struct waits {
    wait_t *waits; /* a map by log sequence */
    unsigned callers;
    int64_t next_ms; /* when the first time is up, or earlier */
    wire_batch_t *batch;
};

waits_t *waits_new(void)
{
    waits_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->batch = wire_batch_new();
    self->next_ms = INT64_MAX;
    metric_set(METRIC_callers_waiting, 0);
    return self;
}

static void s_destroy(waits_t *self, wait_t *wait)
{
    assert(!wait->callers);
    HASH_DEL(self->waits, wait);
    free(wait->json);
    free(wait);
}

void waits_destroy(waits_t **self_p)
{
    waits_t *self = *self_p;
    if (!self)
        return;
    waits_turn(self, INT64_MAX, true);
    while (self->waits)
        s_destroy(self, self->waits);
    wire_batch_destroy(&self->batch);
    free(self);
    *self_p = NULL;
}

static wait_t *s_find(const waits_t *self, uint64_t log)
{
    wait_t *wait;
    HASH_FIND(hh, self->waits, &log, sizeof log, wait);
    return wait;
}

static void s_count(waits_t *self, int change)
{
    self->callers = (unsigned)((int)self->callers + change);
    metric_set(METRIC_callers_waiting, self->callers);
}

static void s_send(waits_t *self, waiting_t *caller, slice_t json)
{
    if (json.len == 0)
        json = slice_of("{}");
    answer_say_text(&caller->reply, json);
    link_add_reply(caller->link, caller->peer, self->batch, &caller->reply, json);
    link_send_replies(caller->link, caller->peer, self->batch);
}

static void s_answer(waits_t *self, wait_t *wait, slice_t json)
{
    for (waiting_t *caller; (caller = wait->callers);) {
        wait->callers = caller->next;
        s_send(self, caller, json);
        free(caller);
        s_count(self, -1);
    }
}

static waiting_t *s_caller(wait_t *wait, const uuid_t7 *id)
{
    waiting_t *caller = wait->callers;
    while (caller && !uuid_eq(&caller->reply.id, id))
        caller = caller->next;
    return caller;
}

/* A later attempt takes the place of an earlier one. */
static void s_add(waits_t *self, wait_t *wait, const drain_batch_t *from, const job_t *job)
{
    const wire_request_t *request = job->request;
    waiting_t *caller = s_caller(wait, &request->id);
    if (!caller) {
        caller = calloc(1, sizeof *caller);
        if (!caller)
            abort();
        caller->next = wait->callers;
        wait->callers = caller;
        s_count(self, 1);
    }
    caller->link = from->link;
    caller->peer = from->peer;
    caller->reply = wire_reply_to(request);
    caller->reply.status = 200;
    caller->reply.content = CONTENT_JSON;
    wire_reply_repeat(&caller->reply, request->principal.facts);
    if (job->entry.outcome == JOURNAL_REPLAYED)
        wire_reply_add(&caller->reply, FACT_REPLAYED, 1);
}

static void s_due(waits_t *self, int64_t at_ms)
{
    if (at_ms < self->next_ms)
        self->next_ms = at_ms;
}

bool waits_begin(waits_t *self, const drain_batch_t *from, const job_t *job, int64_t wait_ms,
                 int64_t now_ms)
{
    int64_t until_ms = job->deadline_ms - WAITS_MARGIN_MS;
    uint64_t log = job->entry.answer.log;
    if (now_ms + wait_ms < until_ms)
        until_ms = now_ms + wait_ms;
    if (until_ms <= now_ms || self->callers >= WAITS_CALLERS || s_find(self, log))
        return false;
    wait_t *wait = calloc(1, sizeof *wait);
    if (!wait)
        abort();
    wait->log = log;
    wait->until_ms = until_ms;
    HASH_ADD(hh, self->waits, log, sizeof wait->log, wait);
    s_add(self, wait, from, job);
    s_due(self, until_ms);
    return true;
}

wait_join_t waits_join(waits_t *self, const drain_batch_t *from, const job_t *job, int64_t now_ms,
                       json_out_t *out)
{
    wait_t *wait = s_find(self, job->entry.answer.log);
    if (!wait)
        return WAIT_NONE;
    if (wait->ended) {
        json_raw(out, slice(wait->json, wait->len));
        return WAIT_ANSWERED;
    }
    bool known = s_caller(wait, &job->request->id) != NULL;
    if (job->deadline_ms - WAITS_MARGIN_MS <= now_ms || wait->until_ms <= now_ms ||
        (!known && self->callers >= WAITS_CALLERS))
        return WAIT_ANSWERED;
    s_add(self, wait, from, job);
    if (job->deadline_ms - WAITS_MARGIN_MS < wait->until_ms)
        wait->until_ms = job->deadline_ms - WAITS_MARGIN_MS;
    s_due(self, wait->until_ms);
    return WAIT_JOINED;
}

void waits_end(waits_t *self, uint64_t log, slice_t json, int64_t now_ms)
{
    wait_t *wait = s_find(self, log);
    if (!wait || wait->ended)
        return;
    s_answer(self, wait, json);
    wait->ended = true;
    wait->until_ms = now_ms + WAITS_KEPT_MS;
    wait->len = json.len;
    if (json.len > 0) {
        wait->json = malloc(json.len);
        if (!wait->json)
            abort();
        memcpy(wait->json, json.data, json.len);
    }
    s_due(self, wait->until_ms);
}

void waits_give(waits_t *self, uint64_t log, slice_t json)
{
    wait_t *wait = s_find(self, log);
    if (!wait || wait->ended)
        return;
    s_answer(self, wait, json);
    s_destroy(self, wait);
}

void waits_turn(waits_t *self, int64_t now_ms, bool all)
{
    if (now_ms < self->next_ms && !all)
        return;
    self->next_ms = INT64_MAX;
    wait_t *wait, *next;
    HASH_ITER (hh, self->waits, wait, next) {
        if (!all && wait->until_ms > now_ms) {
            s_due(self, wait->until_ms);
            continue;
        }
        s_answer(self, wait, slice("", 0));
        s_destroy(self, wait);
    }
}

int waits_due_ms(const waits_t *self, int64_t now_ms)
{
    int64_t left_ms = self->next_ms - now_ms;
    return self->next_ms == INT64_MAX || left_ms > INT_MAX ? INT_MAX
           : left_ms > 0                                   ? (int)left_ms
                                                           : 0;
}

bool waits_is_empty(const waits_t *self)
{
    return self->callers == 0;
}
