#include "gateway/read/query.h"

#include "common/base/percent.h"
#include "common/base/secret.h"
#include "common/base/utf8.h"

#include <stdlib.h>

query_t *query_new(void)
{
    query_t *self = calloc(1, sizeof *self);
    char *scratch = malloc(2 * QUERY_URL);
    if (!self || !scratch)
        abort();
    self->scratch = scratch;
    return self;
}

void query_destroy(query_t **self_p)
{
    if (*self_p) {
        query_wipe(*self_p);
        secret_wipe((*self_p)->scratch, 2 * QUERY_URL);
        free((*self_p)->scratch);
        pack_wipe(&(*self_p)->params);
        free(*self_p);
        *self_p = NULL;
    }
}

void query_wipe(query_t *self)
{
    presented_wipe(&self->token);
    presented_wipe(&self->appkey);
}

static error_code_t s_secret(query_t *self, presented_t *secret, slice_t raw, const char **detail)
{
    ssize_t len = percent_decode(raw, false, self->scratch);
    *detail = "A credential in the query has a broken percent escape.";
    if (len < 0)
        return ERROR_invalid_param;
    presented_add(secret, slice(self->scratch, (size_t)len));
    secret_wipe(self->scratch, (size_t)len);
    *detail = "zapikey or appkey is there twice, with different values.";
    return secret->conflict ? ERROR_invalid_param : ERROR_none;
}

/* Decodes RAW at TO; false when that makes no text. */
static bool s_is_text(slice_t raw, char *to, slice_t *out, const char **detail)
{
    ssize_t len = percent_decode(raw, true, to);
    *detail = "A query parameter has a broken percent escape.";
    if (len < 0)
        return false;
    *out = slice(to, (size_t)len);
    *detail = "A query parameter is not UTF-8 or contains a NUL.";
    return !memchr(to, 0, out->len) && utf8_valid(*out);
}

/* The bytes of RAW that are not UTF-8, or NUL, become escapes, at TO. */
static slice_t s_as_it_came(slice_t raw, char *to)
{
    size_t len = 0;
    bool text = utf8_valid(raw);
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        bool escape = c == 0 || (c >= 0x80 && !text);
        if (escape)
            percent_escape(raw.data[i], HEX_UPPER, to + len);
        else
            to[len] = raw.data[i];
        len += escape ? PERCENT_ESCAPE : 1;
    }
    return slice(to, len);
}

/* One half of a parameter, decoded at TO. */
static error_code_t s_decode(slice_t raw, query_for_t what, char *to, slice_t *out,
                             const char **detail)
{
    _Static_assert(3 * QUERY_VALUE <= QUERY_URL, "room for escapes");
    if (!s_is_text(raw, to, out, detail)) {
        if (what == QUERY_STRICT)
            return ERROR_invalid_param;
        if (raw.len <= QUERY_VALUE)
            raw = s_as_it_came(raw, to);
        *out = raw;
    }
    *detail = "A query parameter is longer than 10,000 characters.";
    if (out->len > QUERY_VALUE && (!utf8_valid(*out) || utf8_count(*out) > QUERY_VALUE))
        return ERROR_uri_too_long; /* what is no text would be longer yet as escapes */
    return ERROR_none;
}

static error_code_t s_pair(query_t *self, slice_t pair, query_for_t what, unsigned most,
                           const char **detail)
{
    const char *equals = memchr(pair.data, '=', pair.len);
    size_t name_len = equals ? (size_t)(equals - pair.data) : pair.len;
    slice_t name = slice(pair.data, name_len);
    slice_t value = equals ? slice(equals + 1, pair.len - name_len - 1) : slice("", 0);
    error_code_t error = s_decode(name, what, self->scratch, &name, detail);
    if (error)
        return error;
    if (slice_is(name, "zapikey"))
        return s_secret(self, &self->token, value, detail);
    if (slice_is(name, "appkey"))
        return s_secret(self, &self->appkey, value, detail);
    *detail = "There are too many query parameters.";
    if (++self->count > most)
        return ERROR_uri_too_long;
    error = s_decode(value, what, self->scratch + QUERY_URL, &value, detail);
    if (!error)
        wire_pairs_add(&self->params, name, value);
    return error;
}

error_code_t query_parse(query_t *self, slice_t query, query_for_t what, unsigned most,
                         const char **detail)
{
    query_wipe(self);
    pack_reset(&self->params);
    self->count = 0;
    *detail = "The URL is longer than 64 KiB.";
    if (query.len > QUERY_URL)
        return ERROR_uri_too_long;
    while (query.len) {
        const char *end = memchr(query.data, '&', query.len);
        size_t len = end ? (size_t)(end - query.data) : query.len;
        if (len) {
            error_code_t error = s_pair(self, slice(query.data, len), what, most, detail);
            if (error)
                return error;
        }
        len += end ? 1 : 0;
        query = slice(query.data + len, query.len - len);
    }
    return ERROR_none;
}
