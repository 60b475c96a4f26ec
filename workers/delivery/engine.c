#include "workers/delivery/engine.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "workers/delivery/lane.h"
#include "workers/delivery/log.h"
#include "workers/delivery/outlet.h"
#include "workers/delivery/trial.h"

#include <stdlib.h>

enum { KEPT_MS = 5000 /* longest time to read an answer that is kept */ };

static void s_on_ended(void *arg, uint64_t log, slice_t json)
{
    waits_end(arg, log, json, clock_ms());
}

static void *s_make(const conf_t *conf, journal_t *journal, const shard_t *shard, const char *key,
                    const char *former)
{
    char err[512];
    delivery_engine_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->journal = journal;
    self->judge = message_new();
    self->waits = waits_new();
    self->handlers = handlers_new(journal, key, former, clock_ms(), err, sizeof err);
    delivery_options_t options = {
        .journal = journal,
        .handlers = self->handlers,
        .shard = *shard,
        .allow = conf_text(conf, SET_delivery_allow),
        .authorities = conf_text(conf, SET_delivery_authorities),
        .calls = (unsigned)conf_uint(conf, SET_delivery_calls),
        .timeout_ms = (unsigned)conf_uint(conf, SET_delivery_timeout_ms),
        .time_scale = (unsigned)conf_uint(conf, SET_delivery_time_scale),
        .ended = s_on_ended,
        .arg = self->waits,
    };
    if (self->handlers)
        self->delivery = delivery_new(&options, clock_ms(), err, sizeof err);
    if (!self->delivery)
        log_fatal(EXIT_CONFIG, "delivery.start", "err=%s", LOG_Q(err));
    return self;
}

static void s_destroy(void **engine_p)
{
    delivery_engine_t *self = *engine_p;
    waits_destroy(&self->waits);
    message_destroy(&self->judge);
    delivery_destroy(&self->delivery);
    handlers_destroy(&self->handlers);
    free(self);
    *engine_p = NULL;
}

static int s_fd(const void *engine)
{
    return delivery_fd(((const delivery_engine_t *)engine)->delivery);
}

static int s_wait_ms(const void *engine)
{
    const delivery_engine_t *self = engine;
    int wait_ms = delivery_wait_ms(self->delivery), due_ms = waits_due_ms(self->waits, clock_ms());
    return wait_ms < due_ms ? wait_ms : due_ms;
}

static void s_turn(void *engine, int64_t now_ms, bool stopping)
{
    delivery_engine_t *self = engine;
    delivery_turn(self->delivery, now_ms, stopping);
    waits_turn(self->waits, now_ms, stopping && delivery_is_idle(self->delivery));
}

static bool s_is_idle(const void *engine)
{
    const delivery_engine_t *self = engine;
    return delivery_is_idle(self->delivery) && waits_is_empty(self->waits);
}

static int s_learn(void *engine, const uuid_t7 *target, slice_t record, int64_t now_ms)
{
    delivery_engine_t *self = engine;
    int rc = handlers_learn(self->handlers, target, record, now_ms);
    delivery_learned(self->delivery, target);
    return rc;
}

static bool s_kept(const void *engine, const uuid_t7 *target)
{
    return handlers_kept(((const delivery_engine_t *)engine)->handlers, target);
}

static bool s_wants(const void *engine, const uuid_t7 *target)
{
    return delivery_wants(((const delivery_engine_t *)engine)->delivery, target);
}

static bool s_awaits(const void *engine, const uuid_t7 *target)
{
    const delivery_handler_t *handler =
        handlers_get(((const delivery_engine_t *)engine)->handlers, target);
    return handler && handler->wait_ms > 0;
}

static bool s_begin(delivery_engine_t *self, const drain_batch_t *from, const job_t *job)
{
    const record_t *record = &job->entry.record;
    const delivery_handler_t *handler = handlers_get(self->handlers, &record->target);
    return record->flags & RECORD_DELIVER && handler &&
           waits_begin(self->waits, from, job, handler->wait_ms, clock_ms());
}

/* What was stored before a restart, or a while ago, the journal tells: a wait as well. */
static bool s_answer(void *engine, const drain_batch_t *from, const job_t *job, json_out_t *out)
{
    delivery_engine_t *self = engine;
    if (job->entry.outcome == JOURNAL_STORED)
        return !s_begin(self, from, job);
    switch (waits_join(self->waits, from, job, clock_ms(), out)) {
    case WAIT_JOINED:
        return false;
    case WAIT_ANSWERED:
        return true;
    case WAIT_NONE:
        break;
    }
    return !kept_ask(self->waits, self->judge, self->journal, &job->request->principal.target,
                     job->entry.answer.log) ||
           !waits_begin(self->waits, from, job, KEPT_MS, clock_ms());
}

static void s_stored(void *engine, const uuid_t7 *target, uint64_t log)
{
    delivery_stir(((delivery_engine_t *)engine)->delivery, target, log);
}

static void s_news(const void *engine, const ask_t *ask, const interest_t *targets, found_t *found,
                   bytes_t *rows)
{
    const delivery_engine_t *self = engine;
    news_tell(delivery_news(self->delivery), self->journal, ask, targets, found, rows);
}

static const verb_fn s_verbs[VERBS] = {
#define VERB(name, function) [VERB_##name] = function,
    DELIVERY_VERBS(VERB)
#undef VERB
};

const worker_engine_t delivery_engine = {
    .verbs = s_verbs,
    .make = s_make,
    .destroy = s_destroy,
    .fd = s_fd,
    .wait_ms = s_wait_ms,
    .turn = s_turn,
    .is_idle = s_is_idle,
    .learn = s_learn,
    .kept = s_kept,
    .wants = s_wants,
    .awaits = s_awaits,
    .answer = s_answer,
    .stored = s_stored,
    .news = s_news,
};
