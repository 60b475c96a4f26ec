#include "workers/caller/caller.h"

#include <assert.h>
#include <curl/curl.h>
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

static void s_append(call_t *self, const char *line)
{
    self->headers = curl_slist_append(self->headers, line);
    if (!self->headers)
        abort();
}

call_t *call_new(const char *url, slice_t body)
{
    call_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->url = strdup(url);
    self->body = malloc(body.len + 1);
    if (!self->url || !self->body)
        abort();
    if (body.len)
        memcpy(self->body, body.data, body.len);
    self->body_len = body.len;
    self->method = "POST";
    self->timeout_ms = CALL_TIMEOUT_MS;
    self->retry_after_s = -1;
    /* libcurl would wait a second for the leave to send a large body. */
    s_append(self, "Expect:");
    return self;
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
    char *line = malloc(parts[0].len + parts[1].len + value.len + 1), *at = line;
    if (!line)
        abort();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; at += parts[i++].len)
        if (parts[i].len)
            memcpy(at, parts[i].data, parts[i].len);
    *at = '\0';
    s_append(self, line);
    free(line);
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
    curl_slist_free_all(self->headers);
    free(self->url);
    free(self->body);
    free(self->answer);
    free(self->head);
    free(self);
    *self_p = NULL;
}
