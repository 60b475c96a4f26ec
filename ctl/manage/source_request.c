#include "ctl/manage/source_request.h"

#include "common/base/percent.h"
#include "ctl/credential.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADERS = 1 << 20, BODY = 16 << 20 };

static bool s_fail(char *err, size_t err_size, const char *what, const char *why)
{
    snprintf(err, err_size, "%s: %s", what, why);
    return false;
}

static bool s_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The bytes of PAIRS, which then are the request's. */
static slice_t s_keep(const pack_t *pairs)
{
    slice_t encoded = wire_pairs_of(pairs);
    char *copy = malloc(encoded.len + 1);
    if (!copy)
        abort();
    if (encoded.len)
        memcpy(copy, encoded.data, encoded.len);
    return slice(copy, encoded.len);
}

static void s_add_header(pack_t *pairs, char *line, size_t len)
{
    char *colon = memchr(line, ':', len);
    if (!colon || memchr(line, ' ', (size_t)(colon - line)))
        return;
    for (char *c = line; c < colon; c++)
        *c = (char)tolower((unsigned char)*c);
    slice_t value = slice(colon + 1, len - (size_t)(colon + 1 - line));
    wire_pairs_add(pairs, slice(line, (size_t)(colon - line)), slice_trim(value, s_is_blank));
}

static bool s_read_headers(source_request_t *request, const char *path, char *err, size_t err_size)
{
    pack_t pairs = {0};
    size_t len = 0;
    char *text = credential_read_file(path, HEADERS, &len);
    if (!text)
        return s_fail(err, err_size, path,
                      errno == EFBIG ? "it is larger than 1 MiB" : strerror(errno));
    for (size_t at = 0, line; at < len; at += line + 1) {
        line = strcspn(text + at, "\n");
        s_add_header(&pairs, text + at, line);
    }
    request->headers = s_keep(&pairs);
    pack_free(&pairs);
    free(text);
    return true;
}

/* Adds a parameter; false: it has an escape that is none. */
static bool s_add_param(pack_t *pairs, slice_t piece)
{
    const char *equals = memchr(piece.data, '=', piece.len);
    size_t name_len = equals ? (size_t)(equals - piece.data) : piece.len;
    slice_t value = equals ? slice(equals + 1, piece.len - name_len - 1) : slice("", 0);
    char *room = malloc(piece.len + 1);
    if (!room)
        abort();
    ssize_t name = percent_decode(slice(piece.data, name_len), true, room);
    ssize_t rest = name < 0 ? -1 : percent_decode(value, true, room + name);
    if (rest >= 0)
        wire_pairs_add(pairs, slice(room, (size_t)name), slice(room + name, (size_t)rest));
    free(room);
    return rest >= 0;
}

static bool s_read_url(source_request_t *request, const char *url, char *err, size_t err_size)
{
    pack_t pairs = {0};
    const char *query = url ? strchr(url, '?') : NULL;
    bool good = true;
    request->url = slice_of(url ? url : "");
    for (const char *at = query ? query + 1 : ""; good && *at && *at != '#'; at += *at == '&') {
        size_t len = strcspn(at, "&#");
        good = len == 0 || s_add_param(&pairs, slice(at, len));
        at += len;
    }
    request->params = s_keep(&pairs);
    pack_free(&pairs);
    return good || s_fail(err, err_size, "--url", "it has a % that is no escape");
}

static bool s_read_body(source_request_t *request, char *err, size_t err_size)
{
    char *body = malloc(BODY + 1);
    if (!body)
        abort();
    size_t len = fread(body, 1, BODY + 1, stdin);
    request->body = slice(body, len);
    if (ferror(stdin))
        return s_fail(err, err_size, "stdin", strerror(errno));
    return len <= BODY || s_fail(err, err_size, "stdin", "the body is larger than 16 MiB");
}

bool source_request_read(source_request_t *request, const char *headers, const char *url, char *err,
                         size_t err_size)
{
    return s_read_headers(request, headers, err, err_size) &&
           s_read_url(request, url, err, err_size) && s_read_body(request, err, err_size);
}

void source_request_free(source_request_t *request)
{
    free((char *)request->headers.data);
    free((char *)request->params.data);
    free((char *)request->body.data);
    memset(request, 0, sizeof *request);
}
