#include "workers/delivery/trial.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "workers/delivery/self.h"

#include <assert.h>
#include <stdio.h>

enum { LEAST_MS = 100 /* of a call, whatever its caller has left */ };

/* --- The call */

static bool s_is_under_way(const delivery_t *delivery, const uuid_t7 *target)
{
    const trial_t *trial;
    LIST_FOREACH (trial, &delivery->trials, link) {
        if (uuid_eq(&trial->reading->target, target))
            return true;
    }
    return false;
}

/* Whether one more may begin; else it is refused. */
static bool s_may(delivery_t *delivery, reading_t *reading)
{
    limiter_state_t state;
    if (s_is_under_way(delivery, &reading->target))
        reading_refuse(reading, ERROR_rate_limited,
                       "A test of this handler is under way: wait for its end.");
    else if (delivery->trials_len == TRIALS_MOST)
        reading_refuse(reading, ERROR_rate_limited,
                       "As many handlers are tested as can be at once. Try again soon.");
    else if (!limiter_charge(delivery->trials_limit, &reading->target, 1, TRIALS_BURST, clock_us(),
                             &state))
        reading_refuse(reading, ERROR_rate_limited,
                       "A handler is tested 5 times at once, and then once a second.");
    return !reading->error;
}

/* What is called: the handler as it is known, or one that has nothing but a URL. */
static delivery_handler_t s_handler(const delivery_t *delivery, const trial_t *trial,
                                    const record_t *event)
{
    const uuid_t7 *target = &trial->reading->target;
    const delivery_handler_t *known = handlers_get(delivery->options.handlers, target);
    delivery_handler_t handler = {.target = *target, .url = "", .name = event->access};
    handler.owner = *target;
    if (known)
        handler = *known;
    if (trial->url)
        handler.url = trial->url;
    return handler;
}

static call_t *s_make(delivery_t *delivery, trial_t *trial, const delivery_handler_t *handler,
                      const record_t *event)
{
    whsec_t secrets[SIGNATURE_SECRETS];
    size_t count =
        handlers_secrets(delivery->options.handlers, &handler->target, clock_ms(), secrets);
    call_t *call = delivery_call(&delivery->json, handler, event, &delivery->options.shard,
                                 trial->log, secrets, count, clock_wall_ms());
    call_header(call, "Postern-Test", slice_of("true"));
    trial->is_signed = count > 0;
    for (size_t i = 0; i < count; i++)
        whsec_wipe(&secrets[i]);
    return call;
}

static uint32_t s_limit_ms(const delivery_t *delivery, const reading_t *reading, int64_t now_ms)
{
    int64_t left_ms = reading->deadline_ms - TRIAL_MARGIN_MS - now_ms;
    if (left_ms > delivery->options.timeout_ms)
        return delivery->options.timeout_ms;
    return left_ms > LEAST_MS ? (uint32_t)left_ms : LEAST_MS;
}

void delivery_try(delivery_t *delivery, trial_t *trial, int64_t now_ms)
{
    record_t event;
    int rc = record_read(&event, slice(trial->event, trial->event_len));
    assert(rc == 0);
    delivery_handler_t handler = s_handler(delivery, trial, &event);
    if (!*handler.url) {
        reading_refuse(trial->reading, ERROR_conflict,
                       "There is nothing to call: it has no handler; set one first, or name a url "
                       "to try.");
        return;
    }
    if (!s_may(delivery, trial->reading))
        return;
    call_t *call = s_make(delivery, trial, &handler, &event);
    call->owner = trial;
    call->owner_id = handler.owner;
    call->timeout_ms = trial->limit_ms = s_limit_ms(delivery, trial->reading, now_ms);
    trial->call = call;
    LIST_INSERT_HEAD(&delivery->trials, trial, link);
    delivery->trials_len++;
    caller_start(delivery->caller, &call);
    reading_put_off(trial->reading);
}

/* --- The answer */

static void s_text(json_out_t *out, const char *name, slice_t text)
{
    json_lit(out, name);
    text.len ? json_quote(out, text) : json_lit(out, "null");
}

static void s_bool(json_out_t *out, const char *name, bool value)
{
    json_lit(out, name);
    json_lit(out, value ? "true" : "false");
}

/* A test may have less time than a call. */
static void s_reason(json_out_t *out, const delivery_t *delivery, const trial_t *trial,
                     const call_t *call)
{
    char text[256];
    bool shorter = trial->limit_ms < delivery->options.timeout_ms;
    snprintf(text, sizeof text,
             "no whole answer within %u ms, which is all that this test has; a "
             "delivery waits %u ms",
             trial->limit_ms, delivery->options.timeout_ms);
    bool told = call->outcome == CALL_TIMEOUT && shorter;
    s_text(out, ",\"reason\":", slice_of(told ? text : call->reason));
}

static void s_answer(json_out_t *out, const delivery_t *delivery, const trial_t *trial,
                     const call_t *call)
{
    bool message = false, delivers = call->outcome == CALL_ANSWERED && call->status / 100 == 2;
    slice_t answer = slice(call->answer, call->answer ? call->answer_len : 0);
    slice_t shown = slice(answer.data, answer.len < TRIAL_ANSWER ? answer.len : TRIAL_ANSWER);
    if (delivers)
        reply_json(delivery->judge, answer, &message);
    s_text(out, "{\"outcome\":", slice_of(call_outcome_name(call->outcome)));
    json_lit(out, ",\"status\":");
    call->status ? json_uint(out, (uint64_t)call->status) : json_lit(out, "null");
    json_lit(out, ",\"duration_ms\":");
    json_uint(out, (uint64_t)call->duration_us / 1000);
    s_text(out, ",\"address\":", slice_of(call->address));
    s_reason(out, delivery, trial, call);
    s_bool(out, ",\"signed\":", trial->is_signed);
    s_bool(out, ",\"delivers\":", delivers);
    s_bool(out, ",\"posts\":", message);
    json_lit(out, ",\"answer\":");
    json_quote(out, utf8_valid(answer) ? utf8_within(answer, shown.len) : shown);
    s_bool(out, ",\"cut\":", answer.len > shown.len);
    json_lit(out, "}");
}

bool delivery_tried(delivery_t *delivery, const call_t *call)
{
    trial_t *trial;
    LIST_FOREACH (trial, &delivery->trials, link) {
        if (trial->call == call)
            break;
    }
    if (!trial)
        return false;
    LIST_REMOVE(trial, link);
    delivery->trials_len--;
    s_answer(&trial->reading->body, delivery, trial, call);
    reading_finish(trial->reading);
    return true;
}
