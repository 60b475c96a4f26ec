#include "common/base/url.h"

#include "common/base/ops.h"
#include "common/base/percent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Appends TEXT, each byte that RFC 3986 does not leave unreserved as %XX. */
static char *s_escape(char *at, const char *text)
{
    for (; *text; text++) {
        if (percent_is_unreserved(*text)) {
            *at++ = *text;
        } else {
            percent_escape(*text, HEX_UPPER, at);
            at += PERCENT_ESCAPE;
        }
    }
    *at = '\0';
    return at;
}

char *url_make(const char *base, unsigned op, const char *target)
{
    const op_t *row = op_find(op);
    assert(row);
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    char *url = malloc(len + sizeof "/api/v2" + strlen(row->path) + 3 * strlen(target));
    assert(url);
    memcpy(url, base, len);
    char *at = stpcpy(url + len, "/api/v2");
    for (const char *path = row->path; *path;) {
        if (strncmp(path, "{target}", 8) == 0) {
            at = s_escape(at, target);
            path += 8;
        } else if (strncmp(path, "(s)", 3) == 0) {
            path += 3;
        } else {
            *at++ = *path++;
        }
    }
    *at = '\0';
    return url;
}

char *url_under(const char *base, const char *name)
{
    size_t len = strlen(base);
    char *url = malloc(len + 3 * strlen(name) + 1);
    assert(url);
    memcpy(url, base, len);
    s_escape(url + len, name);
    return url;
}

void url_add(char **url, const char *name, const char *value)
{
    size_t len = strlen(*url);
    char *longer = realloc(*url, len + strlen(name) + 3 * strlen(value) + 3);
    assert(longer);
    *url = longer;
    char *at = longer + len;
    bool first = !strchr(longer, '?');
    *at++ = first ? '?' : '&';
    at = stpcpy(at, name);
    *at++ = '=';
    s_escape(at, value);
}
