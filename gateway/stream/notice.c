#include "gateway/stream/notice.h"

#include <assert.h>
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

notice_t *notice_new(const frame_t *frame)
{
    notice_t *self = s_new(frame->json.len);
    self->kind = frame->kind;
    self->sequence = frame->sequence;
    self->log = frame->log;
    self->tag = frame->tag;
    self->target = frame->target;
    memcpy(self->bytes, frame->json.data, frame->json.len);
    self->json = slice(self->bytes, frame->json.len);
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
    free(self);
}

static slice_t s_around(const char *before, slice_t json, const char *behind)
{
    bytes_t text = {0};
    bytes_put(&text, before, strlen(before));
    bytes_put(&text, json.data, json.len);
    bytes_put(&text, behind, strlen(behind));
    return bytes_slice(&text);
}

static const char *const s_kinds[FRAME_KINDS] = {"message", "edit", "delete"};

slice_t notice_as(notice_t *self, stream_format_t format)
{
    char id[POSITION_TEXT], before[TEXT];
    if (self->as[format].data)
        return self->as[format];
    position_text(&(position_t){self->sequence, self->tag, true}, id);
    if (format == FORMAT_SSE) {
        const char *kind = s_kinds[self->kind];
        bool said = self->kind != FRAME_MESSAGE; /* which is the default */
        snprintf(before, sizeof before, "%s%s%sid: %s\ndata: ", said ? "event: " : "",
                 said ? kind : "", said ? "\n" : "", id);
        self->as[format] = s_around(before, self->json, "\n\n");
    } else {
        snprintf(before, sizeof before,
                 "{\"event\":\"%s\",\"id\":\"%s\",\"data\":", s_kinds[self->kind], id);
        self->as[format] = s_around(before, self->json, "}\n");
    }
    return self->as[format];
}

static notice_t *s_say(const char *text, int len)
{
    assert(len > 0 && len < TEXT);
    return notice_text(slice(text, (size_t)len));
}

notice_t *notice_begin(stream_format_t format, const position_t *position, unsigned retry_ms)
{
    char text[TEXT], id[POSITION_TEXT];
    position_text(position, id);
    int len = format == FORMAT_SSE
                  ? snprintf(text, sizeof text, "retry: %u\nid: %s\n\n", retry_ms, id)
                  : snprintf(text, sizeof text, "{\"event\":\"open\",\"id\":\"%s\"}\n", id);
    return s_say(text, len);
}

notice_t *notice_reset(stream_format_t format, const position_t *position, reset_t reason)
{
    char text[TEXT], id[POSITION_TEXT], data[TEXT / 2];
    position_text(position, id);
    snprintf(data, sizeof data, "{\"reason\":\"%s\",\"from\":%" PRIu64 "}",
             reason == RESET_EXPIRED ? "expired" : "replaced", position->sequence + 1);
    int len = format == FORMAT_SSE
                  ? snprintf(text, sizeof text, "event: reset\nid: %s\ndata: %s\n\n", id, data)
                  : snprintf(text, sizeof text, "{\"event\":\"reset\",\"id\":\"%s\",\"data\":%s}\n",
                             id, data);
    return s_say(text, len);
}

notice_t *notice_end(stream_format_t format, const char *code, const char *message,
                     unsigned retry_ms)
{
    char text[TEXT], retry[32] = "", data[TEXT / 2];
    int said = snprintf(data, sizeof data, "{\"code\":\"%s\",\"message\":\"%s\"}", code, message);
    if (said >= (int)sizeof data)
        snprintf(data, sizeof data, "{\"code\":\"%s\"}", code);
    if (retry_ms)
        snprintf(retry, sizeof retry, "retry: %u\n", retry_ms);
    int len = format == FORMAT_SSE
                  ? snprintf(text, sizeof text, "%sevent: end\ndata: %s\n\n", retry, data)
                  : snprintf(text, sizeof text, "{\"event\":\"end\",\"data\":%s}\n", data);
    return s_say(text, len);
}

notice_t *notice_heartbeat(stream_format_t format, bool event)
{
    const char *text = format == FORMAT_LINES ? "{\"event\":\"heartbeat\"}\n"
                       : event                ? "event: heartbeat\ndata: {}\n\n"
                                              : ":\n\n";
    return notice_text(slice_of(text));
}
