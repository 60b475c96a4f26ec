#include "workers/delivery_engine.h"

#include "common/base/clock.h"
#include "common/log/log.h"

#include <stdlib.h>

static void *s_make(const conf_t *conf, journal_t *journal, const shard_t *shard, const char *key)
{
    char err[512];
    delivery_engine_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->handlers = handlers_new(journal, key, clock_ms(), err, sizeof err);
    delivery_options_t options = {
        .journal = journal,
        .handlers = self->handlers,
        .shard = *shard,
        .allow = conf_text(conf, SET_delivery_allow),
        .authorities = conf_text(conf, SET_delivery_authorities),
        .calls = (unsigned)conf_uint(conf, SET_delivery_calls),
        .timeout_ms = (unsigned)conf_uint(conf, SET_delivery_timeout_ms),
        .time_scale = (unsigned)conf_uint(conf, SET_delivery_time_scale),
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
    return delivery_wait_ms(((const delivery_engine_t *)engine)->delivery);
}

static void s_turn(void *engine, int64_t now_ms, bool stopping)
{
    delivery_turn(((delivery_engine_t *)engine)->delivery, now_ms, stopping);
}

static bool s_is_idle(const void *engine)
{
    return delivery_is_idle(((const delivery_engine_t *)engine)->delivery);
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

static void s_stored(void *engine, const uuid_t7 *target, uint64_t log)
{
    delivery_stir(((delivery_engine_t *)engine)->delivery, target, log);
}

const worker_engine_t delivery_engine = {
    .make = s_make,
    .destroy = s_destroy,
    .fd = s_fd,
    .wait_ms = s_wait_ms,
    .turn = s_turn,
    .is_idle = s_is_idle,
    .learn = s_learn,
    .kept = s_kept,
    .wants = s_wants,
    .stored = s_stored,
};
