#include "workers/delivery/log_row.h"

#include "common/base/clock.h"
#include "workers/delivery/delivery.h"
#include "workers/delivery/wanted.h"

typedef struct {
    json_out_t *out;
    log_row_t how;
} writing_t;

static void s_write_time(json_out_t *out, int64_t time_ms)
{
    char time[CLOCK_TEXT];
    clock_text(time_ms, time);
    json_quote(out, slice_of(time));
}

static void s_write_answer(json_out_t *out, log_row_t how, slice_t answer)
{
    json_lit(out, ",\"answer\":");
    if (how == LOG_ROW_BARE)
        json_lit(out, "null");
    else
        json_quote(out,
                   slice(answer.data, answer.len < OUTBOX_ANSWER ? answer.len : OUTBOX_ANSWER));
}

static void s_write_trace(json_out_t *out, slice_t trace)
{
    json_lit(out, ",\"call\":");
    json_lit(out, trace.len ? "{" : "null");
    json_raw(out, trace);
    json_lit(out, trace.len ? "}" : "");
}

static void s_write_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    const writing_t *self = arg;
    json_out_t *out = self->out;
    json_lit(out, out->data[out->len - 1] == '[' ? "{\"number\":" : ",{\"number\":");
    json_uint(out, number);
    json_lit(out, ",\"time\":");
    s_write_time(out, attempt->time_ms);
    json_lit(out, ",\"duration_ms\":");
    json_uint(out, attempt->duration_us / 1000);
    json_lit(out, ",\"status\":");
    attempt->status ? json_uint(out, attempt->status) : json_lit(out, "null");
    json_lit(out, ",\"outcome\":");
    json_quote(out, slice_of(delivery_outcome_name(attempt->outcome)));
    s_write_answer(out, self->how, attempt->answer);
    if (self->how == LOG_ROW_SHOWN)
        s_write_trace(out, attempt->trace);
    json_lit(out, "}");
}

void log_row(json_out_t *out, journal_reader_t *reader, uint64_t now_ms, const outbox_item_t *item,
             log_row_t how)
{
    char id[UUID_TEXT];
    writing_t writing = {out, how};
    uuid_text(&item->id, id);
    json_lit(out, "{\"number\":");
    json_uint(out, item->log);
    json_lit(out, ",\"id\":");
    json_quote(out, slice_of(id));
    json_lit(out, ",\"state\":");
    json_quote(out, slice_of(wanted_state(item->state)));
    json_lit(out, ",\"time\":");
    s_write_time(out, item->time_ms);
    json_lit(out, ",\"due_in_s\":");
    if (item->state == OUTBOX_PENDING)
        json_uint(out, item->due_ms > now_ms ? (item->due_ms - now_ms) / 1000 : 0);
    else
        json_lit(out, "null");
    json_lit(out, ",\"made\":");
    json_uint(out, item->attempts);
    json_lit(out, ",\"attempts\":[");
    journal_attempts(reader, item->log, s_write_attempt, &writing);
    json_lit(out, "]}");
}
