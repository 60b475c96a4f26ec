#include "workers/delivery/lane.h"

#include "common/base/clock.h"
#include "common/base/http_url.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/base/utf8.h"

#include <stdio.h>

const char *delivery_outcome_name(unsigned outcome)
{
    switch (outcome) {
    case DELIVERY_ANSWERED_TEXT:
        return call_outcome_name(CALL_ANSWERED);
    case DELIVERY_DISABLED:
        return "disabled";
    case DELIVERY_NO_HANDLER:
        return "no_handler";
    case DELIVERY_ARCHIVED:
        return "archived";
    case DELIVERY_NO_RECORD:
        return "no_record";
    case DELIVERY_NO_CALL:
        return "no_call";
    case DELIVERY_PASSED:
        return "passed_over";
    default:
        return outcome < CALL_OUTCOMES ? call_outcome_name((call_outcome_t)outcome) : "unknown";
    }
}

/* The body of the event is a string in any case; what is no text goes as base64, and says so. */
static void s_body(json_out_t *out, slice_t body)
{
    if (utf8_valid(body)) {
        json_lit(out, ",\"body\":");
        json_quote(out, body);
        return;
    }
    json_lit(out, ",\"body_encoding\":\"base64\",\"body\":");
    json_base64(out, body);
}

static void s_times(json_out_t *out, const shard_t *shard, uint64_t log, const record_t *record)
{
    char time[CLOCK_TEXT], id[UUID_TEXT];
    clock_text(record->time_ms, time);
    uuid_text(&record->id, id);
    json_lit(out, "{\"id\":\"");
    json_lit(out, id);
    json_lit(out, "\",\"message_id\":");
    history_id(out, shard, record->time_ms, record->number ? JOURNAL_NUMBER | record->number : log);
    json_lit(out, ",\"sequence\":");
    json_uint(out, record->sequence);
    json_lit(out, ",\"time\":\"");
    json_lit(out, time);
}

static void s_write(json_out_t *out, const delivery_handler_t *handler, const record_t *record,
                    const shard_t *shard, uint64_t log)
{
    const char *method = op_method_name(record->method);
    bool app = record->environment != ENVIRONMENT_NONE;
    json_reset(out);
    s_times(out, shard, log, record);
    json_lit(out, "\",\"handler\":\"incoming_webhook\",\"name\":");
    json_quote(out, handler->name);
    json_lit(out, ",\"http_method\":");
    json_quote(out, slice_of(method ? method : ""));
    json_lit(out, ",\"headers\":");
    history_pairs(out, record->headers, false);
    json_lit(out, ",\"parameters\":");
    history_pairs(out, record->params, true);
    s_body(out, record->body);
    if (record->message.len) {
        json_lit(out, ",\"message\":");
        json_raw(out, record->message);
    }
    json_lit(out, ",\"user\":");
    history_user(out, record);
    json_lit(out, ",\"environment\":");
    json_lit(out, history_environment(record->environment));
    json_lit(out, app ? ",\"access\":{\"app\":" : ",\"access\":{\"bot\":");
    json_quote(out, record->access);
    json_lit(out, "}}");
}

static void s_sign(call_t *call, const delivery_handler_t *handler, const record_t *record,
                   const whsec_t *secrets, size_t count, int64_t wall_ms)
{
    char id[UUID_TEXT], time[32], signature[SIGNATURE_TEXT], rsa[SIGNATURE_RSA_TEXT];
    slice_t body = slice(call->body, call->body_len);
    uuid_text(&record->id, id);
    snprintf(time, sizeof time, "%lld", (long long)(wall_ms / 1000));
    call_header(call, "Content-Type", slice_of("application/json"));
    call_header(call, "User-Agent", slice_of("Postern"));
    call_header(call, "webhook-id", slice_of(id));
    call_header(call, "webhook-timestamp", slice_of(time));
    if (count > 0) {
        signature_sign(secrets, count, slice_of(id), wall_ms / 1000, body, signature);
        call_header(call, "webhook-signature", slice_of(signature));
    }
    if (handler->key) {
        signature_key_sign(handler->key, body, rsa);
        call_header(call, "X-Cliq-Signature", slice_of(rsa));
    }
}

call_t *delivery_call(json_out_t *json, const delivery_handler_t *handler, const record_t *record,
                      const shard_t *shard, uint64_t log, const whsec_t *secrets, size_t count,
                      int64_t wall_ms)
{
    s_write(json, handler, record, shard, log);
    call_t *call = call_new(handler->url, slice(json->data, json->len));
    s_sign(call, handler, record, secrets, count, wall_ms);
    return call;
}

call_t *delivery_outlet_call(outlet_renderer_t *renderer, const delivery_handler_t *handler,
                             const record_t *record, const whsec_t *secrets, size_t count,
                             int64_t wall_ms, unsigned *why)
{
    char url[HTTP_URL_MAX + 1];
    outlet_call_t made;
    outlet_outcome_t outcome = outlet_render(renderer, handler->outlet, &handler->settings,
                                             handler->name, record->body, &made);
    *why = outcome == OUTLET_SKIPPED ? DELIVERY_PASSED : DELIVERY_NO_CALL;
    if (outcome != OUTLET_CALLED)
        return NULL;
    snprintf(url, sizeof url, "%.*s", SLICE_ARG(made.url));
    call_t *call = call_new(url, made.body);
    secret_wipe(url, sizeof url);
    call->method = made.method;
    for (unsigned i = 0; i < made.headers; i++)
        call_header(call, made.header[i].name.data, made.header[i].value);
    s_sign(call, handler, record, secrets, count, wall_ms);
    return call;
}
