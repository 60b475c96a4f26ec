/* libFuzzer target: messages of any text go the way from the journal's record to the bytes of a
 * stream, and are read again by readers that are written here by the standards alone: Server-Sent
 * Events by "Interpreting an event stream" of WHATWG HTML, JSON lines by RFC 8259. Each must come
 * back once, in order, as what was written.
 *
 * The first byte says how the stream is written; 0xff in the rest begins the next message. One
 * input in LARGE_OF has its first text repeated to LARGE bytes. */
#include "common/base/ops.h"
#include "common/base/utf8.h"
#include "gateway/stream/notice.h"
#include "workers/post/feed.h"
#include "workers/post/history.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written here guides no search. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

enum { MESSAGES = 4, LARGE = 1 << 20, LARGE_OF = 16384, FIELD = 64, ID = 64, ESCAPED = 6 };

typedef struct {
    slice_t text; /* of the message */
    frame_kind_t kind;
    bytes_t row; /* the event's data, as it must come */
    char id[ID];
} sent_t;

typedef struct {
    sent_t sent[MESSAGES];
    unsigned count, got;
    stream_format_t format;
    bool several, event;
    bytes_t stream;
} stage_t;

static const char *const s_kinds[FRAME_KINDS] = {"message", "edit", "delete"};
static const char s_label[] = "{\"kind\":\"channel\",\"id\":\"7\",\"name\":\"general\"}";

static void s_require(bool holds)
{
    if (!holds)
        abort();
}

/* --- JSON --- */

/* A value, of which AT is the first byte: up to behind its last. */
static size_t s_skip(slice_t json, size_t at)
{
    unsigned depth = 0;
    bool quoted = false;
    for (; at < json.len; at++) {
        char c = json.data[at];
        s_require((unsigned char)c >= 0x20 || c == '\t');
        if (quoted) {
            at += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']' || c == ',') && depth == 0) {
            break;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    s_require(!quoted && depth == 0);
    return at;
}

static size_t s_blank(slice_t json, size_t at)
{
    while (at < json.len && strchr(" \t", json.data[at]) && json.data[at])
        at++;
    return at;
}

/* The member NAME of an object; empty: it has none. No name here has an escape. */
static slice_t s_member(slice_t json, const char *name)
{
    s_require(json.len >= 2 && json.data[0] == '{' && json.data[json.len - 1] == '}');
    for (size_t at = s_blank(json, 1); at < json.len - 1; at = s_blank(json, at + 1)) {
        s_require(json.data[at] == '"');
        const char *end = memchr(json.data + at + 1, '"', json.len - at - 1);
        s_require(end);
        slice_t found = slice(json.data + at + 1, (size_t)(end - json.data) - at - 1);
        at = s_blank(json, at + found.len + 2);
        s_require(json.data[at] == ':');
        size_t from = s_blank(json, at + 1);
        at = s_skip(json, from);
        if (slice_is(found, name))
            return slice(json.data + from, at - from);
    }
    return slice("", 0);
}

/* What a string of JSON says; of escapes it has those of s_put_string. */
static bytes_t s_unescape(slice_t json)
{
    s_require(json.len >= 2 && json.data[0] == '"');
    bytes_t text = {malloc(json.len), 0, json.len};
    for (size_t i = 1; json.data[i] != '"'; i++) {
        char c = json.data[i];
        if (c == '\\' && json.data[++i] == 'u') {
            char digits[] = {json.data[i + 3], json.data[i + 4], 0};
            c = (char)strtoul(digits, NULL, 16);
            i += 4;
        } else if (c == '\\') {
            c = json.data[i];
        }
        text.data[text.len++] = c;
    }
    return text;
}

/* As a sender may write it: what need not be escaped is not. */
static void s_put_string(bytes_t *out, slice_t text)
{
    bytes_put(out, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i], escaped[8];
        bool control = (unsigned char)c < 0x20;
        if (!control && c != '"' && c != '\\')
            continue;
        bytes_put(out, text.data + from, i - from);
        int len = snprintf(escaped, sizeof escaped, control ? "\\u%04x" : "\\%c", c);
        bytes_put(out, escaped, (size_t)len);
        from = i + 1;
    }
    bytes_put(out, text.data + from, text.len - from);
    bytes_put(out, "\"", 1);
}

/* --- what is written --- */

/* A body whose white space has all line ends. */
static bytes_t s_body(const stage_t *self, slice_t text)
{
    static const char head[] = "{\r\n\t\"text\"\r:\n ", tail[] = "\r\r\n\n}";
    bytes_t body = {0};
    if (self->event) {
        bytes_put(&body, text.data, text.len);
        return body;
    }
    bytes_put(&body, head, sizeof head - 1);
    s_put_string(&body, text);
    bytes_put(&body, tail, sizeof tail - 1);
    return body;
}

static record_t s_record(const stage_t *self, const sent_t *sent, slice_t body)
{
    static const unsigned kinds[FRAME_KINDS] = {0, RECORD_EDIT, RECORD_EDIT | RECORD_DELETE};
    record_t record = {.flags = kinds[sent->kind] | (self->event ? RECORD_EVENT : RECORD_MESSAGE),
                       .method = OP_POST,
                       .sequence = self->count + 1,
                       .time_ms = INT64_C(1796000000000),
                       .root = 1,
                       .body = body};
    record.name = slice(sent->text.data, sent->text.len < FIELD ? sent->text.len : FIELD);
    record.access = slice_of("general");
    memset(record.id.bytes, (int)self->count + 1, UUID_BYTES);
    return record;
}

/* The row, which is JSON whose line ends are white space, as one line. */
static void s_expect(stage_t *self, sent_t *sent, const json_out_t *row)
{
    if (self->several) {
        bytes_put(&sent->row, "{\"target\":", 10);
        bytes_put(&sent->row, s_label, sizeof s_label - 1);
        bytes_put(&sent->row, ",", 1);
    }
    size_t before = sent->row.len;
    bytes_put(&sent->row, row->data + self->several, row->len - self->several);
    for (char *at = sent->row.data + before; at < sent->row.data + sent->row.len; at++)
        *at = *at == '\r' || *at == '\n' ? ' ' : *at;
}

static void s_put_notice(stage_t *self, notice_t *notice)
{
    slice_t parts[NOTICE_PARTS];
    for (unsigned i = 0, count = notice_parts(notice, self->format, parts); i < count; i++)
        bytes_put(&self->stream, parts[i].data, parts[i].len);
    notice_drop(&notice);
}

/* The frame goes as a worker sends it, and a gateway takes it. */
static void s_put_frame(stage_t *self, sent_t *sent, slice_t rows)
{
    found_t found = {.kind = FOUND_FRAMES, .count = 1, .rows = rows}, taken;
    bytes_t body = {0};
    frame_t frame;
    found_write(&found, &body);
    s_require(found_read(bytes_slice(&body), &taken));
    bytes_in_t in = {taken.rows.data, taken.rows.len, false};
    s_require(frame_read(&in, &frame) && frame.kind == sent->kind);
    notice_t *message = notice_new(&frame);
    size_t len = position_text(&(position_t){frame.sequence, frame.tag, true}, sent->id);
    if (self->several) {
        len = (size_t)snprintf(sent->id, ID, "~c2.%u-0000007.~b1.", self->count + 1);
        s_put_notice(self, notice_of(message, self->format, slice(sent->id, len),
                                     slice(s_label, sizeof s_label - 1)));
        notice_drop(&message);
    } else {
        s_put_notice(self, message);
    }
    bytes_free(&body);
}

static void s_send(stage_t *self, slice_t text, frame_kind_t kind)
{
    static reading_t reading;
    sent_t *sent = &self->sent[self->count];
    json_out_t row = {0};
    bytes_t rows = {0};
    *sent = (sent_t){.text = text, .kind = kind};
    bytes_t body = s_body(self, text);
    record_t record = s_record(self, sent, bytes_slice(&body));
    reading.shard = (shard_t){0, 1};
    history_row(&row, &reading.shard, record.sequence, &record);
    s_expect(self, sent, &row);
    feed_add_frame(&reading, record.sequence, record.sequence, &record, false, &rows);
    s_put_frame(self, sent, bytes_slice(&rows));
    s_put_notice(self, notice_heartbeat(self->format, self->count % 2));
    self->count++;
    json_free(&row);
    bytes_free(&rows);
    bytes_free(&body);
}

/* --- what is read --- */

static void s_got(stage_t *self, slice_t event, slice_t id, slice_t data)
{
    if (slice_is(event, "heartbeat"))
        return;
    s_require(self->got < self->count);
    const sent_t *sent = &self->sent[self->got++];
    s_require(slice_is(event, s_kinds[sent->kind]) && slice_is(id, sent->id));
    s_require(slice_eq(data, bytes_slice(&sent->row)));
    if (self->event || slice_is(s_member(data, "too_large"), "true")) {
        s_require(self->event || sent->text.len > HISTORY_MOST_BYTES / ESCAPED);
        return;
    }
    bytes_t text = s_unescape(s_member(s_member(data, "message"), "text"));
    s_require(slice_eq(bytes_slice(&text), sent->text));
    bytes_free(&text);
}

/* The fields of a block, and what holds beyond it. */
typedef struct {
    bytes_t data;
    char event[FIELD];
    size_t event_len;
    char id_buffer[ID], id[ID];
    size_t id_len;
    bool any_id;
} sse_t;

static void s_dispatch(stage_t *self, sse_t *sse)
{
    slice_t data = bytes_slice(&sse->data);
    slice_t event = slice(sse->event, sse->event_len);
    memcpy(sse->id, sse->id_buffer, ID);
    if (data.len > 0) {
        data.len -= data.data[data.len - 1] == '\n';
        s_got(self, event.len ? event : slice_of("message"), slice(sse->id, sse->id_len), data);
    }
    sse->data.len = sse->event_len = 0;
}

static void s_field(sse_t *sse, slice_t name, slice_t value)
{
    if (slice_is(name, "event")) {
        s_require(value.len < FIELD);
        memcpy(sse->event, value.data, sse->event_len = value.len);
    } else if (slice_is(name, "data")) {
        bytes_put(&sse->data, value.data, value.len);
        bytes_put(&sse->data, "\n", 1);
    } else if (slice_is(name, "id") && !memchr(value.data, 0, value.len)) {
        s_require(value.len < ID);
        memcpy(sse->id_buffer, value.data, sse->id_len = value.len);
        sse->any_id = true;
    }
}

static void s_line(stage_t *self, sse_t *sse, slice_t line)
{
    const char *colon = memchr(line.data, ':', line.len);
    if (line.len == 0) {
        s_dispatch(self, sse);
        return;
    }
    if (colon == line.data)
        return;
    size_t len = colon ? (size_t)(colon - line.data) : line.len;
    slice_t value = colon ? slice(colon + 1, line.len - len - 1) : slice("", 0);
    if (value.len > 0 && value.data[0] == ' ')
        value = slice(value.data + 1, value.len - 1);
    s_field(sse, slice(line.data, len), value);
}

/* Lines end with CR LF, LF or CR; what no empty line follows is no event. */
static void s_read_events(stage_t *self)
{
    slice_t text = utf8_unmarked(bytes_slice(&self->stream));
    sse_t sse = {.event_len = 0};
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\n' && text.data[i] != '\r')
            continue;
        s_line(self, &sse, slice(text.data + from, i - from));
        i += text.data[i] == '\r' && i + 1 < text.len && text.data[i + 1] == '\n';
        from = i + 1;
    }
    s_require(from == text.len && sse.any_id);
    bytes_free(&sse.data);
}

static slice_t s_string(slice_t json)
{
    return json.len < 2 ? slice("", 0) : slice(json.data + 1, json.len - 2);
}

static void s_read_lines(stage_t *self)
{
    slice_t rest = bytes_slice(&self->stream);
    while (rest.len > 0) {
        const char *end = memchr(rest.data, '\n', rest.len);
        s_require(end);
        slice_t line = slice(rest.data, (size_t)(end - rest.data));
        rest = slice(end + 1, rest.len - line.len - 1);
        slice_t event = s_string(s_member(line, "event"));
        if (!slice_is(event, "open"))
            s_got(self, event, s_string(s_member(line, "id")), s_member(line, "data"));
    }
}

/* --- the input --- */

static uint32_t s_hash(const uint8_t *data, size_t size)
{
    uint32_t hash = 2166136261;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 16777619;
    return hash;
}

static bytes_t s_repeat(slice_t text)
{
    bytes_t large = {0};
    while (text.len > 0 && large.len + text.len <= LARGE)
        bytes_put(&large, text.data, text.len);
    return large;
}

static slice_t s_next(slice_t *rest)
{
    const char *end = memchr(rest->data, 0xff, rest->len);
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    slice_t text = slice(rest->data, len);
    len += end != NULL;
    *rest = slice(rest->data + len, rest->len - len);
    return text;
}

static void s_run(stage_t *self, slice_t rest, bool large)
{
    slice_t first = s_next(&rest);
    bytes_t repeated = large ? s_repeat(first) : (bytes_t){0};
    s_put_notice(self, notice_begin(self->format, slice_of("0-0000000"), 3000));
    for (slice_t text = large ? bytes_slice(&repeated) : first;; text = s_next(&rest)) {
        /* the body of a message is UTF-8, that of an event anything */
        if (self->event || utf8_valid(text))
            s_send(self, text, (frame_kind_t)(text.len % FRAME_KINDS));
        if (rest.len == 0 || self->count == MESSAGES)
            break;
    }
    if (self->format == FORMAT_SSE)
        s_read_events(self);
    else
        s_read_lines(self);
    s_require(self->got == self->count);
    bytes_free(&repeated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    stage_t stage = {.format = data[0] & 1 ? FORMAT_LINES : FORMAT_SSE,
                     .several = data[0] & 2,
                     .event = data[0] & 4};
    s_run(&stage, slice(data + 1, size - 1), s_hash(data, size) % LARGE_OF == 0);
    for (unsigned i = 0; i < stage.count; i++)
        bytes_free(&stage.sent[i].row);
    bytes_free(&stage.stream);
    return 0;
}

#pragma clang attribute pop
