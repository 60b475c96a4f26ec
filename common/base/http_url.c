#include "common/base/http_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

enum { LABEL_MAX = 63 };

/* What is left to read, and where the reason goes. */
typedef struct {
    slice_t rest;
    char *err;
    size_t err_size;
} reader_t;

static bool s_refuse(reader_t *self, const char *reason)
{
    snprintf(self->err, self->err_size, "%s", reason);
    return false;
}

static slice_t s_take(reader_t *self, size_t len)
{
    slice_t taken = slice(self->rest.data, len);
    self->rest = slice(self->rest.data + len, self->rest.len - len);
    return taken;
}

static bool s_scheme(reader_t *self, http_url_t *url)
{
    static const slice_t http = {"http://", 7}, https = {"https://", 8};
    if (self->rest.len >= https.len && strncasecmp(self->rest.data, https.data, https.len) == 0)
        url->tls = true;
    else if (self->rest.len < http.len || strncasecmp(self->rest.data, http.data, http.len) != 0)
        return s_refuse(self, "a URL begins with http:// or https://");
    s_take(self, url->tls ? https.len : http.len);
    url->port = url->tls ? 443 : 80;
    return true;
}

static bool s_ipv6(reader_t *self, slice_t text, http_url_t *url)
{
    if (memchr(text.data, '%', text.len))
        return s_refuse(self, "the address has a zone id (%); write it without");
    if (text.len >= ADDRESS_TEXT)
        return s_refuse(self, "what stands in the brackets is not an IPv6 address");
    memcpy(url->host, text.data, text.len);
    url->host[text.len] = '\0';
    if (inet_pton(AF_INET6, url->host, url->address.bytes) != 1)
        return s_refuse(self, "what stands in the brackets is not an IPv6 address");
    return url->is_address = true;
}

/* Labels of 1 to 63 letters, digits, "-" and "_" (containers have that in their names). */
static bool s_name(reader_t *self, http_url_t *url)
{
    size_t label = 0;
    for (const char *at = url->host; *at; at++) {
        bool dot = *at == '.', hyphen = *at == '-';
        if (!dot && !hyphen && *at != '_' && !isdigit((unsigned char)*at) &&
            !(*at >= 'a' && *at <= 'z'))
            return s_refuse(self, "the host holds a character that a DNS name has not; write an "
                                  "international name in its xn-- form");
        if (hyphen && (label == 0 || at[1] == '.' || at[1] == '\0'))
            return s_refuse(self, "a part of the host's name begins or ends with a hyphen");
        if (dot && label == 0)
            return s_refuse(self, "a part of the host's name is empty");
        label = dot ? 0 : label + 1;
        if (label > LABEL_MAX)
            return s_refuse(self, "a part of the host's name is longer than 63 characters");
    }
    return label > 0 || s_refuse(self, "the host ends with a dot; write it without");
}

/* Whether some reader takes the host for an IPv4 address: its last part is a number. */
static bool s_is_numeric(const char *host)
{
    const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;
    size_t len = strlen(last);
    if (len > 0 && strspn(last, "0123456789") == len)
        return true;
    return last[0] == '0' && last[1] == 'x' && strspn(last + 2, "0123456789abcdef") == len - 2;
}

static bool s_host(reader_t *self, slice_t text, http_url_t *url)
{
    struct in_addr v4;
    if (text.len == 0)
        return s_refuse(self, "the URL has no host");
    if (text.len > HTTP_URL_HOST_MAX)
        return s_refuse(self, "the host is longer than 253 characters");
    for (size_t i = 0; i < text.len; i++)
        url->host[i] = (char)tolower((unsigned char)text.data[i]);
    url->host[text.len] = '\0';
    if (!s_name(self, url))
        return false;
    if (!s_is_numeric(url->host))
        return true;
    if (inet_pton(AF_INET, url->host, &v4) != 1)
        return s_refuse(self, "the host looks like a number; write an IPv4 address as four decimal "
                              "numbers, 192.0.2.1");
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = v4};
    return url->is_address = address_of((struct sockaddr *)&name, &url->address);
}

static bool s_port(reader_t *self, slice_t text, http_url_t *url)
{
    unsigned port = 0;
    bool wrong = text.len == 0 || text.len > 5 || text.data[0] == '0';
    for (size_t i = 0; i < text.len && !wrong; i++) {
        wrong = !isdigit((unsigned char)text.data[i]);
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    if (wrong || port > UINT16_MAX)
        return s_refuse(self, "the port behind the colon is not a number from 1 to 65535");
    url->port = (uint16_t)port;
    return true;
}

static size_t s_until(slice_t text, const char *stops)
{
    size_t len = 0;
    while (len < text.len && !strchr(stops, text.data[len]))
        len++;
    return len;
}

static bool s_authority(reader_t *self, http_url_t *url)
{
    slice_t text = s_take(self, s_until(self->rest, "/?#"));
    if (memchr(text.data, '@', text.len))
        return s_refuse(self, "the URL holds a user name (@); it must not, deliveries are signed");
    size_t host;
    if (text.len && text.data[0] == '[') {
        const char *end = memchr(text.data, ']', text.len);
        if (!end)
            return s_refuse(self, "a bracket of the host is not closed");
        host = (size_t)(end - text.data) + 1;
        if (!s_ipv6(self, slice(text.data + 1, host - 2), url))
            return false;
    } else {
        host = s_until(text, ":");
        if (!s_host(self, slice(text.data, host), url))
            return false;
    }
    if (host == text.len)
        return true;
    if (text.data[host] != ':')
        return s_refuse(self, "only a colon and a port may stand behind the host");
    return s_port(self, slice(text.data + host + 1, text.len - host - 1), url);
}

static bool s_is_hex(slice_t text, size_t at)
{
    return at < text.len && isxdigit((unsigned char)text.data[at]);
}

static bool s_target(reader_t *self, http_url_t *url)
{
    slice_t text = s_take(self, self->rest.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '#')
            return s_refuse(self, "the URL has a fragment (#), which no server sees; leave it out");
        if (c == '%' && (!s_is_hex(text, i + 1) || !s_is_hex(text, i + 2)))
            return s_refuse(self, "a % in the URL is not followed by two hexadecimal digits");
        if (!isalnum((unsigned char)c) && !is_one_of(c, "%-._~!$&'()*+,;=:@/?"))
            return s_refuse(self, "the URL holds a character that must be written as % and two "
                                  "hexadecimal digits");
    }
    url->target = text;
    return true;
}

bool http_url_parse(slice_t text, http_url_t *url, char *err, size_t err_size)
{
    reader_t reader = {text, err, err_size};
    memset(url, 0, sizeof *url);
    if (text.len > HTTP_URL_MAX)
        return s_refuse(&reader, "the URL is longer than 2048 bytes");
    if (text.len && memchr(text.data, '\0', text.len))
        return s_refuse(&reader, "the URL holds a NUL byte");
    return s_scheme(&reader, url) && s_authority(&reader, url) && s_target(&reader, url);
}
