#include "ctl/caught.h"

#include "common/base/percent.h"
#include "ctl/credential.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
    wire_pairs_add(&self->headers, slice(name, len), slice_trim(value, OWS "\r"));
    return true;
}

bool caught_headers(caught_t *self, const char *path)
{
    size_t len = 0;
    char *text = credential_read_file(path, CAUGHT_HEADERS, &len);
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

/* Decodes TEXT into OUT; false, and TEXT as it stands, for an escape that is none. */
static bool s_decode(slice_t text, char *out, slice_t *decoded)
{
    ssize_t len = percent_decode(text, true, out);
    *decoded = len < 0 ? text : slice(out, (size_t)len);
    return len >= 0;
}

bool caught_query(caught_t *self, slice_t query)
{
    char *room = malloc(query.len + 1);
    slice_t name, value;
    bool good = true;
    if (!room)
        abort();
    while (percent_piece(&query, &name, &value)) {
        if (name.len == 0 && !value.data)
            continue;
        char *behind = room + name.len;
        good &= s_decode(name, room, &name);
        good &= s_decode(value, behind, &value);
        wire_pairs_add(&self->params, name, value);
    }
    free(room);
    return good;
}

bool caught_body(caught_t *self, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return false;
    self->body = malloc(CAUGHT_BODY + 1);
    if (!self->body)
        abort();
    self->body_len = fread(self->body, 1, CAUGHT_BODY + 1, file);
    int error = ferror(file) ? errno : self->body_len > CAUGHT_BODY ? EFBIG : 0;
    if (file != stdin)
        fclose(file);
    errno = error;
    return error == 0;
}

void caught_free(caught_t *self)
{
    pack_free(&self->headers);
    pack_free(&self->params);
    free(self->body);
    *self = (caught_t){0};
}
