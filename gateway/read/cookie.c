#include "gateway/read/cookie.h"

#include "common/base/http_url.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "gateway/read/headers.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

cookie_use_t cookie_use(const char *url)
{
    char err[128];
    http_url_t parsed;
    if (!http_url_parse(slice_of(url), &parsed, err, sizeof err))
        return COOKIE_NONE;
    return parsed.tls ? COOKIE_SECURE : COOKIE_PLAIN;
}

void cookie_session(const uint64_t words[WIRE_SESSION], char text[COOKIE_SESSION])
{
    static const char prefix[] = "pss_"; /* authd/accounts/ticket.h: TICKET_SESSION */
    enum { PREFIX = sizeof prefix - 1 };
    uint8_t raw[WIRE_SESSION * 8];
    for (unsigned i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(words[i / 8] >> (56 - i % 8 * 8));
    memcpy(text, prefix, PREFIX);
    sodium_bin2base64(text + PREFIX, COOKIE_SESSION - PREFIX, raw, sizeof raw,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    secret_wipe(raw, sizeof raw);
}

static const char *s_name(bool tls)
{
    return tls ? "__Host-postern" : "postern";
}

static void s_line(const char *value, size_t len, bool tls, uint64_t seconds,
                   char line[COOKIE_LINE])
{
    snprintf(line, COOKIE_LINE, "%s=%.*s; Path=/; Max-Age=%" PRIu64 "; HttpOnly; SameSite=Strict%s",
             s_name(tls), (int)len, value, seconds, tls ? "; Secure" : "");
}

bool cookie_is_plain(slice_t value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
    }
    return value.len > 0 && value.len <= COOKIE_VALUE;
}

bool cookie_set(slice_t session, bool tls, uint64_t seconds, char line[COOKIE_LINE])
{
    if (!cookie_is_plain(session))
        return false;
    s_line(session.data, session.len, tls, seconds, line);
    return true;
}

void cookie_clear(bool tls, char line[COOKIE_LINE])
{
    s_line("", 0, tls, 0, line);
}

slice_t cookie_find(slice_t header, bool tls)
{
    slice_t found = slice("", 0), name = slice_of(s_name(tls));
    for (size_t at = 0; at < header.len;) {
        const char *end = memchr(header.data + at, ';', header.len - at);
        size_t len = end ? (size_t)(end - header.data) - at : header.len - at;
        slice_t pair = header_trim(slice(header.data + at, len));
        at += len + 1;
        if (pair.len <= name.len || pair.data[name.len] != '=' ||
            memcmp(pair.data, name.data, name.len) != 0)
            continue;
        if (found.len)
            return slice("", 0);
        found = slice(pair.data + name.len + 1, pair.len - name.len - 1);
        if (!cookie_is_plain(found))
            return slice("", 0);
    }
    return found;
}

static bool s_is_of(const http_url_t *origin, const char *text)
{
    char err[128];
    http_url_t url;
    return http_url_parse(slice_of(text), &url, err, sizeof err) && url.tls == origin->tls &&
           url.port == origin->port && strcmp(url.host, origin->host) == 0;
}

bool cookie_origin_is_ours(slice_t origin, unsigned method, const char *const *urls)
{
    char err[128];
    http_url_t from;
    if (origin.len == 0)
        return method == OP_GET || method == OP_HEAD;
    if (!http_url_parse(origin, &from, err, sizeof err) || from.target.len)
        return false;
    for (; *urls; urls++)
        if (s_is_of(&from, *urls))
            return true;
    return false;
}
