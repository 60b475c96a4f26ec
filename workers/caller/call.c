#include "workers/caller/caller.h"

#include <assert.h>
#include <curl/curl.h>
#include <stddef.h>
#include <stdlib.h>

const char *call_outcome_name(call_outcome_t outcome)
{
    static const char *const names[CALL_OUTCOMES] = {
        [CALL_ANSWERED] = "answered",   [CALL_URL] = "url",
        [CALL_RESOLVE] = "resolve",     [CALL_FORBIDDEN_ADDRESS] = "forbidden_address",
        [CALL_CONNECT] = "connect",     [CALL_TLS] = "tls",
        [CALL_TIMEOUT] = "timeout",     [CALL_CLOSED] = "closed",
        [CALL_TOO_LARGE] = "too_large", [CALL_PROTOCOL] = "protocol",
        [CALL_STARVED] = "starved",     [CALL_NO_PLACE] = "no_place",
    };
    assert((unsigned)outcome < CALL_OUTCOMES);
    return names[outcome];
}

enum {
    LINES = 16,  /* header lines that have their place in the call, */
    TEXT = 1024, /* and the bytes of all of them; others are allocated */
};

/* A call in one piece: it goes from thread to thread, and each piece more is one that is searched
 * for in malloc's lists and is in no cache. */
typedef struct {
    call_t call;
    struct curl_slist line[LINES], *last;
    unsigned lines;
    size_t used;
    char text[TEXT];
    char rest[]; /* URL and body */
} whole_t;

static bool s_is_inside(const whole_t *self, const struct curl_slist *line)
{
    return line >= self->line && line < self->line + LINES;
}

/* A line of LEN bytes, which the caller writes. */
static char *s_add_line(call_t *call, size_t len)
{
    whole_t *self = (whole_t *)call;
    bool has_room = self->lines < LINES && len < TEXT - self->used;
    struct curl_slist *line =
        has_room ? &self->line[self->lines++] : malloc(sizeof *line + len + 1);
    if (!line)
        abort();
    line->data = has_room ? self->text + self->used : (char *)(line + 1);
    line->next = NULL;
    line->data[len] = '\0';
    self->used += has_room ? len + 1 : 0;
    *(self->last ? &self->last->next : &call->headers) = line;
    self->last = line;
    return line->data;
}

call_t *call_new(const char *url, slice_t body)
{
    static const char expect[] = "Expect:";
    size_t url_size = strlen(url) + 1;
    whole_t *self = malloc(sizeof *self + url_size + body.len);
    if (!self)
        abort();
    memset(self, 0, offsetof(whole_t, text));
    call_t *call = &self->call;
    call->url = memcpy(self->rest, url, url_size);
    call->body = self->rest + url_size;
    if (body.len)
        memcpy(call->body, body.data, body.len);
    call->body_len = body.len;
    call->method = "POST";
    call->timeout_ms = CALL_TIMEOUT_MS;
    call->retry_after_s = -1;
    /* libcurl would wait a second for the leave to send a large body. */
    memcpy(s_add_line(call, strlen(expect)), expect, strlen(expect));
    return call;
}

static bool s_is_token(const char *name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = strlen(name);
    return len > 0 && strspn(name, marks) == len;
}

void call_header(call_t *self, const char *name, slice_t value)
{
    assert(s_is_token(name));
    for (size_t i = 0; i < value.len; i++)
        assert((unsigned char)value.data[i] >= ' ' && value.data[i] != 0x7f);
    /* "Name;" is how libcurl writes a header without a value; "Name:" would take it away. */
    slice_t parts[] = {slice_of(name), slice_of(value.len ? ": " : ";"), value};
    char *at = s_add_line(self, parts[0].len + parts[1].len + value.len);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; at += parts[i++].len)
        if (parts[i].len)
            memcpy(at, parts[i].data, parts[i].len);
}

/* A line without a colon or a value is libcurl's business: "Expect:" takes away, "Name;" has none.
 */
void call_each_header(const call_t *self, call_line_fn each, void *arg)
{
    for (const struct curl_slist *line = self->headers; line; line = line->next) {
        const char *colon = strchr(line->data, ':');
        if (colon && colon[1] == ' ')
            each(arg, slice_of(line->data));
    }
}

void call_destroy(call_t **self_p)
{
    call_t *self = *self_p;
    if (!self)
        return;
    for (struct curl_slist *line = self->headers, *next; line; line = next) {
        next = line->next;
        if (!s_is_inside((whole_t *)self, line))
            free(line);
    }
    free(self->answer);
    free(self->head);
    free(self);
    *self_p = NULL;
}
