#include "gateway/stream/notice.h"

#include <inttypes.h>
#include <stdio.h>

enum { TEXT = 512 };

slice_t stream_type(stream_format_t format)
{
    return slice_of(format == FORMAT_SSE ? "text/event-stream" : "application/x-ndjson");
}

static notice_t *s_new(size_t len)
{
    notice_t *self = calloc(1, sizeof *self + len);
    if (!self)
        abort();
    self->refs = 1;
    return self;
}

notice_t *notice_text(slice_t text)
{
    notice_t *self = s_new(text.len);
    memcpy(self->bytes, text.data, text.len);
    for (unsigned i = 0; i < FORMATS; i++)
        self->as[i] = slice(self->bytes, text.len);
    return self;
}

notice_t *notice_hold(notice_t *self)
{
    self->refs++;
    return self;
}

void notice_drop(notice_t **self_p)
{
    notice_t *self = *self_p;
    *self_p = NULL;
    if (!self || --self->refs > 0)
        return;
    for (unsigned i = 0; i < FORMATS; i++)
        if (self->as[i].data != self->bytes)
            free((char *)self->as[i].data);
    notice_drop(&self->of);
    free(self);
}

static void s_text(bytes_t *out, const char *text)
{
    bytes_put(out, text, strlen(text));
}

static void s_slice(bytes_t *out, slice_t text)
{
    bytes_put(out, text.data, text.len);
}

static const char *const s_kinds[FRAME_KINDS] = {"message", "edit", "delete"};

/* What stands before a message's data, and behind it. */
static void s_head(stream_format_t format, frame_kind_t kind, slice_t id, bytes_t *out)
{
    bool lines = format == FORMAT_LINES, said = lines || kind != FRAME_MESSAGE; /* the default */
    s_text(out, lines ? "{\"event\":\"" : said ? "event: " : "");
    s_text(out, said ? s_kinds[kind] : "");
    s_text(out, lines ? "\",\"id\":\"" : said ? "\nid: " : "id: ");
    s_slice(out, id);
    s_text(out, format == FORMAT_SSE ? "\ndata: " : "\",\"data\":");
}

static slice_t s_tail(stream_format_t format)
{
    return slice_of(format == FORMAT_SSE ? "\n\n" : "}\n");
}

static void s_message_head(const notice_t *self, stream_format_t format, bytes_t *out)
{
    char id[POSITION_TEXT];
    size_t len = position_text(&(position_t){self->sequence, self->tag, true}, id);
    s_head(format, self->kind, slice(id, len), out);
}

static void s_fill(notice_t *self, slice_t head, slice_t json, slice_t tail)
{
    memcpy(self->bytes, head.data, head.len);
    memcpy(self->bytes + head.len, json.data, json.len);
    memcpy(self->bytes + head.len + json.len, tail.data, tail.len);
    self->json = slice(self->bytes + head.len, json.len);
    self->as[FORMAT_SSE] = slice(self->bytes, head.len + json.len + tail.len);
}

notice_t *notice_new(const frame_t *frame)
{
    const notice_t message = {.kind = frame->kind,
                              .sequence = frame->sequence,
                              .log = frame->log,
                              .tag = frame->tag,
                              .target = frame->target};
    slice_t tail = s_tail(FORMAT_SSE);
    bytes_t head = {0};
    s_message_head(&message, FORMAT_SSE, &head);
    notice_t *self = s_new(head.len + frame->json.len + tail.len);
    *self = message;
    self->refs = 1;
    s_fill(self, bytes_slice(&head), frame->json, tail);
    bytes_free(&head);
    return self;
}

static slice_t s_as(notice_t *self, stream_format_t format)
{
    bytes_t text = {0};
    if (self->as[format].data)
        return self->as[format];
    s_message_head(self, format, &text);
    return self->as[format] = bytes_slice(&text);
}

unsigned notice_parts(notice_t *self, stream_format_t format, slice_t parts[NOTICE_PARTS])
{
    slice_t json = self->of ? self->of->json : self->json;
    parts[0] = s_as(self, format);
    if (!self->of && parts[0].data == self->bytes)
        return 1;
    /* of several, its brace stands before the label */
    parts[1] = self->of ? slice(json.data + 1, json.len - 1) : json;
    parts[2] = s_tail(format);
    return NOTICE_PARTS;
}

size_t notice_len(notice_t *self, stream_format_t format)
{
    slice_t parts[NOTICE_PARTS];
    size_t len = 0;
    for (unsigned i = 0, count = notice_parts(self, format, parts); i < count; i++)
        len += parts[i].len;
    return len;
}

/* Takes the text. */
static notice_t *s_say(bytes_t *text)
{
    notice_t *self = notice_text(bytes_slice(text));
    bytes_free(text);
    return self;
}

notice_t *notice_of(notice_t *message, stream_format_t format, slice_t id, slice_t label)
{
    bytes_t text = {0};
    s_head(format, message->kind, id, &text);
    s_text(&text, "{\"target\":");
    s_slice(&text, label);
    s_text(&text, ",");
    notice_t *self = s_say(&text);
    self->of = notice_hold(message);
    return self;
}

notice_t *notice_id(slice_t id)
{
    bytes_t text = {0};
    s_text(&text, "id: ");
    s_slice(&text, id);
    s_text(&text, "\n\n");
    return s_say(&text);
}

notice_t *notice_begin(stream_format_t format, slice_t id, unsigned retry_ms)
{
    bytes_t text = {0};
    char retry[32];
    if (format == FORMAT_LINES) {
        s_text(&text, "{\"event\":\"open\",\"id\":\"");
        s_slice(&text, id);
        s_text(&text, "\"}\n");
        return s_say(&text);
    }
    snprintf(retry, sizeof retry, "retry: %u\n", retry_ms);
    s_text(&text, retry);
    s_text(&text, "id: ");
    s_slice(&text, id);
    s_text(&text, "\n\n");
    return s_say(&text);
}

/* An event other than a message; DATA: what stands within its braces. ID: empty: none. */
static notice_t *s_event(stream_format_t format, const char *event, slice_t id, slice_t label,
                         const char *data)
{
    bytes_t text = {0};
    bool lines = format == FORMAT_LINES;
    s_text(&text, lines ? "{\"event\":\"" : "event: ");
    s_text(&text, event);
    s_text(&text, id.len == 0 ? "" : lines ? "\",\"id\":\"" : "\nid: ");
    s_slice(&text, id);
    s_text(&text, lines ? "\",\"data\":{" : "\ndata: {");
    s_text(&text, label.len ? "\"target\":" : "");
    s_slice(&text, label);
    s_text(&text, label.len ? "," : "");
    s_text(&text, data);
    s_text(&text, lines ? "}}\n" : "}\n\n");
    return s_say(&text);
}

notice_t *notice_reset(stream_format_t format, slice_t id, slice_t label,
                       const position_t *position, reset_t reason)
{
    char data[TEXT];
    snprintf(data, sizeof data, "\"reason\":\"%s\",\"from\":%" PRIu64,
             reason == RESET_EXPIRED ? "expired" : "replaced", position->sequence + 1);
    return s_event(format, "reset", id, label, data);
}

notice_t *notice_end(stream_format_t format, slice_t label, const char *code, const char *message,
                     unsigned retry_ms)
{
    char data[TEXT], retry[32] = "";
    bytes_t text = {0};
    int said = snprintf(data, sizeof data, "\"code\":\"%s\",\"message\":\"%s\"", code, message);
    if (said >= (int)sizeof data)
        snprintf(data, sizeof data, "\"code\":\"%s\"", code);
    notice_t *end = s_event(format, "end", slice("", 0), label, data);
    if (!retry_ms || format == FORMAT_LINES)
        return end;
    snprintf(retry, sizeof retry, "retry: %u\n", retry_ms);
    s_text(&text, retry);
    s_slice(&text, end->as[format]);
    notice_drop(&end);
    return s_say(&text);
}

notice_t *notice_hint(stream_format_t format, const char *event, slice_t data)
{
    bytes_t text = {0};
    bool lines = format == FORMAT_LINES;
    s_text(&text, lines ? "{\"event\":\"" : "event: ");
    s_text(&text, event);
    s_text(&text, lines ? "\",\"data\":" : "\ndata: ");
    s_slice(&text, data);
    s_text(&text, lines ? "}\n" : "\n\n");
    return s_say(&text);
}

notice_t *notice_heartbeat(stream_format_t format, bool event)
{
    const char *text = format == FORMAT_LINES ? "{\"event\":\"heartbeat\"}\n"
                       : event                ? "event: heartbeat\ndata: {}\n\n"
                                              : ":\n\n";
    return notice_text(slice_of(text));
}
