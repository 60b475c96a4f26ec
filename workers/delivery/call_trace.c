#include "workers/delivery/call_trace.h"

#include "common/base/utf8.h"
#include "workers/journal/outbox.h"

#include <assert.h>
#include <strings.h>

enum { SHOWN = 256 /* most bytes of a value */ };

/* What was sent for anybody to see. */
static const char *const s_shown[] = {"Content-Type", "User-Agent", "webhook-id",
                                      "webhook-timestamp", "Postern-Test"};
/* Parts of names of what came for nobody else to see. */
static const char *const s_secret[] = {"cookie", "auth",    "token",     "secret",
                                       "key",    "session", "signature", "password"};

typedef struct {
    json_out_t *out;
    size_t begin, most;
    bool sent; /* else it came */
    bool cut;
} lines_t;

static bool s_is_named(slice_t name, const char *text)
{
    return name.len == strlen(text) && strncasecmp(name.data, text, name.len) == 0;
}

static bool s_has(slice_t name, const char *part)
{
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= name.len; i++)
        if (strncasecmp(name.data + i, part, len) == 0)
            return true;
    return false;
}

static bool s_is_shown(const lines_t *self, slice_t name)
{
    for (size_t i = 0; self->sent && i < sizeof s_shown / sizeof *s_shown; i++)
        if (s_is_named(name, s_shown[i]))
            return true;
    for (size_t i = 0; !self->sent && i < sizeof s_secret / sizeof *s_secret; i++)
        if (s_has(name, s_secret[i]))
            return false;
    return !self->sent;
}

static void s_value(json_out_t *out, slice_t value)
{
    json_quote(out, utf8_valid(value) ? utf8_within(value, SHOWN) : slice("", 0));
}

/* "name: value" */
static void s_line(void *arg, slice_t line)
{
    lines_t *self = arg;
    json_out_t *out = self->out;
    size_t before = out->len;
    const char *colon = memchr(line.data, ':', line.len);
    if (!colon || self->cut)
        return;
    slice_t name = slice(line.data, (size_t)(colon - line.data));
    slice_t value = slice(colon + 1, line.len - name.len - 1);
    while (value.len > 0 && *value.data == ' ')
        value = slice(value.data + 1, value.len - 1);
    json_lit(out, out->len == self->begin ? "{\"name\":" : ",{\"name\":");
    json_quote(out, name);
    json_lit(out, ",\"value\":");
    s_is_shown(self, name) ? s_value(out, value) : json_lit(out, "null");
    json_lit(out, "}");
    self->cut = out->len - self->begin > self->most;
    if (self->cut)
        out->len = before;
}

static void s_sent(json_out_t *out, const call_t *call)
{
    json_lit(out, ",\"headers\":[");
    lines_t lines = {.out = out, .begin = out->len, .most = TRACE_SENT, .sent = true};
    call_each_header(call, s_line, &lines);
    json_lit(out, lines.cut ? "],\"headers_cut\":true" : "],\"headers_cut\":false");
}

static void s_received(json_out_t *out, const call_t *call)
{
    json_lit(out, ",\"received\":[");
    lines_t lines = {.out = out, .begin = out->len, .most = TRACE_RECEIVED};
    for (size_t at = 0, len; at < call->head_len; at += len + 1) {
        len = strlen(call->head + at);
        s_line(&lines, slice(call->head + at, len));
    }
    bool cut = lines.cut || call->head_cut;
    json_lit(out, cut ? "],\"received_cut\":true" : "],\"received_cut\":false");
}

/* The path, and the names of the query's parameters. */
static void s_target(json_out_t *out, slice_t target)
{
    bool hides = false, query = false;
    size_t end = out->len + TRACE_URL;
    for (size_t i = 0; i < target.len; i++) {
        if (out->len >= end) {
            json_lit(out, "…");
            return;
        }
        char c = target.data[i];
        query = query || c == '?';
        if (query && (c == '&' || c == '?'))
            hides = false;
        if (!hides)
            json_chars(out, slice(&c, 1));
        if (query && c == '=' && !hides) {
            json_lit(out, "***");
            hides = true;
        }
    }
}

static void s_url(json_out_t *out, const char *url, bool hides_path)
{
    const char *host = strstr(url, "://");
    host = host ? host + strlen("://") : url;
    size_t len = strcspn(host, "/?#");
    const char *user = memchr(host, '@', len), *end = host + len;
    json_lit(out, ",\"url\":\"");
    json_chars(out, slice(url, (size_t)(host - url)));
    const char *name = user ? user + 1 : host;
    json_chars(out, slice(name, (size_t)(end - name)));
    if (hides_path)
        json_lit(out, *end ? "/***" : "");
    else
        s_target(out, slice(end, strcspn(end, "#")));
    json_lit(out, "\"");
}

slice_t trace_write(json_out_t *out, const call_t *call, bool hides_path)
{
    json_reset(out);
    json_lit(out, "\"address\":");
    *call->address ? json_quote(out, slice_of(call->address)) : json_lit(out, "null");
    json_lit(out, ",\"method\":");
    json_quote(out, slice_of(call->method));
    s_url(out, call->url, hides_path);
    s_sent(out, call);
    s_received(out, call);
    assert(out->len <= OUTBOX_TRACE);
    return slice(out->data, out->len);
}
