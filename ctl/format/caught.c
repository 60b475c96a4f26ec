#include "ctl/format/caught.h"

#include "common/base/percent.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 16 << 20 };

static bool s_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool caught_header(caught_t *self, slice_t line)
{
    char name[256];
    const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    size_t len = colon ? (size_t)(colon - line.data) : 0;
    if (len == 0 || len > sizeof name || memchr(line.data, ' ', len))
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)line.data[i]);
    slice_t value = slice(colon + 1, line.len - len - 1);
    wire_pairs_add(&self->headers, slice(name, len), slice_trim(value, s_is_blank));
    return true;
}

/* The bytes of a file; the caller's. NULL with errno. */
static char *s_read(const char *path, size_t *len)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *data = file ? malloc(MOST + 1) : NULL;
    if (!file)
        return NULL;
    if (!data)
        abort();
    *len = fread(data, 1, MOST + 1, file);
    int error = ferror(file) ? errno : *len > MOST ? EFBIG : 0;
    if (file != stdin)
        fclose(file);
    if (error) {
        free(data);
        errno = error;
        return NULL;
    }
    return data;
}

bool caught_headers(caught_t *self, const char *path)
{
    size_t len = 0;
    char *text = s_read(path, &len);
    for (size_t at = 0, line; text && at < len; at += line + 1) {
        const char *end = memchr(text + at, '\n', len - at);
        line = end ? (size_t)(end - text) - at : len - at;
        caught_header(self, slice(text + at, line));
    }
    free(text);
    return text != NULL;
}

bool caught_has(const caught_t *self, const char *name)
{
    slice_t value;
    return wire_pairs_find(wire_pairs_of(&self->headers), name, &value);
}

static slice_t s_decode(slice_t text, char *out)
{
    ssize_t len = percent_decode(text, true, out);
    return len < 0 ? text : slice(out, (size_t)len);
}

void caught_query(caught_t *self, const char *query)
{
    char *room = malloc(strlen(query) + 1);
    if (!room)
        abort();
    for (const char *at = query; *at; at += *at == '&') {
        size_t len = strcspn(at, "&");
        const char *equals = memchr(at, '=', len);
        size_t name_len = equals ? (size_t)(equals - at) : len;
        slice_t value = equals ? slice(equals + 1, len - name_len - 1) : slice("", 0);
        slice_t name = s_decode(slice(at, name_len), room);
        if (len > 0)
            wire_pairs_add(&self->params, name, s_decode(value, room + name_len));
        at += len;
    }
    free(room);
}

bool caught_body(caught_t *self, const char *path)
{
    self->body = s_read(path, &self->body_len);
    return self->body != NULL;
}

event_t caught_event(const caught_t *self)
{
    return (event_t){.headers = wire_pairs_of(&self->headers),
                     .params = wire_pairs_of(&self->params),
                     .body = slice(self->body, self->body_len)};
}

void caught_free(caught_t *self)
{
    pack_free(&self->headers);
    pack_free(&self->params);
    free(self->body);
    *self = (caught_t){0};
}
