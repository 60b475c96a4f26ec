#include "workers/post/history.h"

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/base/utf8.h"
#include "workers/post/pairs.h"

#include <stdio.h>

typedef struct {
    json_out_t *out;
    const shard_t *shard;
    unsigned left; /* messages that the page still takes */
    uint64_t before;
    bool any;      /* it has one */
    uint64_t next; /* first sequence that is not on the page; 0: none */
} page_t;

void history_id(json_out_t *out, const shard_t *shard, int64_t time_ms, uint64_t log)
{
    json_lit(out, "\"");
    json_uint(out, (uint64_t)time_ms);
    json_lit(out, "_");
    json_uint(out, journal_number(log, shard->shard, shard->shards));
    json_lit(out, "\"");
}

/* The values of a pair and of those of its name behind it, with SEPARATOR between them. */
static void s_values(json_out_t *out, const pairs_t *pairs, const pair_t *pair,
                     const char *separator)
{
    json_chars(out, pair->value);
    while (pair->next) {
        pair = &pairs->pair[pair->next];
        json_lit(out, separator);
        json_chars(out, pair->value);
    }
}

/* One string with commas is what RFC 9110 §5.3 has for headers. */
void history_pairs(json_out_t *out, slice_t encoded, bool lists)
{
    pairs_t pairs;
    bool written = false;
    pairs_read(&pairs, encoded);
    json_lit(out, "{");
    for (unsigned i = 0; i < pairs.len; i++) {
        const pair_t *pair = &pairs.pair[i];
        bool list = lists && pair->next;
        if (pair->again || (pair->name.len > 0 && pair->name.data[0] == ':')) /* WIRE_FORMAT … */
            continue;
        json_lit(out, written ? "," : "");
        json_quote(out, pair->name);
        json_lit(out, list ? ":[\"" : ":\"");
        s_values(out, &pairs, pair, list ? "\",\"" : ", ");
        json_lit(out, list ? "\"]" : "\"");
        written = true;
    }
    json_lit(out, "}");
}

void history_user(json_out_t *out, const record_t *record)
{
    char user[UUID_TEXT];
    uuid_text(&record->user, user);
    json_lit(out, "{\"id\":\"");
    json_lit(out, user);
    json_lit(out, "\",\"name\":");
    json_quote(out, record->name);
    json_lit(out, "}");
}

const char *history_environment(unsigned environment)
{
    switch (environment) {
    case ENVIRONMENT_SANDBOX:
        return "\"sandbox\"";
    case ENVIRONMENT_MARKETPLACE:
        return "\"marketplace\"";
    default:
        return "null";
    }
}

static void s_event(json_out_t *out, const record_t *record)
{
    slice_t format;
    const char *method = op_method_name(record->method);
    json_lit(out, ",\"event\":{\"method\":");
    json_quote(out, slice_of(method ? method : ""));
    json_lit(out, ",\"headers\":");
    history_pairs(out, record->headers, false);
    json_lit(out, ",\"parameters\":");
    history_pairs(out, record->params, true);
    json_lit(out, ",\"body\":");
    json_bytes(out, record->body);
    json_lit(out, ",\"environment\":");
    json_lit(out, history_environment(record->environment));
    json_lit(out, ",\"user\":");
    history_user(out, record);
    json_lit(out, ",\"access\":");
    json_quote(out, record->access);
    if (wire_pairs_find(record->headers, WIRE_FORMAT, &format)) {
        json_lit(out, ",\"format\":");
        json_quote(out, format);
    }
    json_lit(out, "}");
}

static void s_audience(json_out_t *out, slice_t ids)
{
    char text[UUID_TEXT];
    uuid_t7 id;
    json_lit(out, ",\"userids\":[");
    for (size_t at = 0; at + UUID_BYTES <= ids.len; at += UUID_BYTES) {
        memcpy(id.bytes, ids.data + at, UUID_BYTES);
        uuid_text(&id, text);
        json_lit(out, at ? ",\"" : "\"");
        json_lit(out, text);
        json_lit(out, "\"");
    }
    json_lit(out, "]");
}

/* What became of it, where it belongs, and whom it is for. */
static void s_changes(json_out_t *out, const record_t *record)
{
    char time[CLOCK_TEXT];
    if (record->thread) {
        json_lit(out, ",\"thread\":");
        json_uint(out, record->thread);
    }
    if (record->revision) {
        clock_text(record->edited_ms, time);
        json_lit(out, ",\"revision\":");
        json_uint(out, record->revision);
        json_lit(out, ",\"edited\":\"");
        json_lit(out, time);
        json_lit(out, "\"");
    }
    if (record->more & RECORD_NARROWED)
        s_audience(out, record->audience);
    if (record->flags & RECORD_DELETE)
        json_lit(out, ",\"deleted\":true");
    if (record->flags & RECORD_ERASED)
        json_lit(out, ",\"erased\":true");
}

static void s_head(json_out_t *out, const shard_t *shard, uint64_t log, const record_t *record)
{
    char time[CLOCK_TEXT];
    clock_text(record->time_ms, time);
    json_lit(out, "{\"id\":");
    history_id(out, shard, record->time_ms, record->number ? JOURNAL_NUMBER | record->number : log);
    json_lit(out, ",\"sequence\":");
    json_uint(out, record->sequence);
    json_lit(out, ",\"time\":\"");
    json_lit(out, time);
    json_lit(out, "\",\"sender\":");
    history_user(out, record);
    s_changes(out, record);
}

/* A handler's reply names its event. */
static void s_cause(json_out_t *out, const record_t *record)
{
    char text[UUID_TEXT];
    uuid_t7 id;
    uint64_t log;
    if (!record_cause(record, &log, &id))
        return;
    uuid_text(&id, text);
    json_lit(out, ",\"reply_to\":\"");
    json_lit(out, text);
    json_lit(out, "\"");
}

void history_row(json_out_t *out, const shard_t *shard, uint64_t log, const record_t *record)
{
    record_t shown = *record;
    size_t from = out->len;
    record_identify(&shown);
    s_head(out, shard, log, &shown);
    size_t head = out->len;
    bool erased = record->flags & RECORD_ERASED;
    if (record->flags & RECORD_EVENT && !erased)
        s_event(out, record);
    s_cause(out, record);
    if (record->flags & RECORD_FAILED)
        json_lit(out, ",\"failed\":true");
    json_lit(out, ",\"message\":");
    if (record->flags & RECORD_MESSAGE && !erased)
        json_raw(out, utf8_unmarked(record_message(record))); /* a body is kept as it came */
    else
        json_lit(out, "null");
    if (out->len - from > HISTORY_MOST_BYTES) {
        out->len = head;
        json_lit(out, ",\"message\":null,\"too_large\":true");
    }
    json_lit(out, "}");
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    page_t *page = arg;
    size_t len = page->out->len;
    if (page->before && record->sequence >= page->before)
        return false;
    if (page->left == 0) {
        page->next = record->sequence;
        return false;
    }
    json_lit(page->out, page->any ? "," : "");
    history_row(page->out, page->shard, log, record);
    if (page->any && page->out->len > HISTORY_BYTES) {
        page->out->len = len;
        page->next = record->sequence;
        return false;
    }
    page->any = true;
    page->left--;
    return true;
}

/* The page is refused where retention has removed what it is to begin with. */
static bool s_is_expired(reading_t *self, const journal_range_t *range)
{
    char reason[128];
    uint64_t from = self->history.from;
    if (from == 0 || from >= range->first)
        return false;
    snprintf(reason, sizeof reason,
             "Messages before sequence %llu have been removed by retention. Start from there.",
             (unsigned long long)range->first);
    reading_refuse(self, ERROR_cursor_expired, reason);
    return true;
}

void history_look_oldest(reading_t *self, journal_reader_t *reader)
{
    page_t page = {.out = &self->body, .shard = &self->shard, .left = self->history.limit};
    journal_range_t range;
    history_bounds_t bounds;
    if (!history_find_thread(self, reader))
        return;
    history_bounds(self, reader, &bounds);
    page.before = bounds.before;
    json_lit(page.out, "{\"messages\":[");
    journal_view_t view = self->history.view;
    view.before = bounds.before == UINT64_MAX ? 0 : bounds.before;
    uint64_t further =
        journal_read_messages(reader, &self->target, bounds.from, &view, &range, s_each, &page);
    page.next = page.next ? page.next : further < page.before ? further : 0;
    if (s_is_expired(self, &range))
        return;
    self->empty = !page.any && !page.next;
    json_lit(page.out, "],\"next\":");
    if (page.next)
        json_uint(page.out, page.next);
    else
        json_lit(page.out, "null");
    json_lit(page.out, "}");
}
