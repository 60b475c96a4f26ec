/* A page of a list as JSON lines, to who asks for that: a row a line, and where it goes on in a
 * header. */
#include "common/base/cursor.h"
#include "gateway/ring/encoding.h"
#include "gateway/ring/reply_head.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME(id, text) static h2o_iovec_t s_name_##id = {(char *)text, sizeof text - 1}
NAME(next, "X-Next");
NAME(vary, "Vary");

enum { CURSOR_MOST = CURSOR_TEXT };

static bool s_is_wanted(const h2o_req_t *req)
{
    static const char type[] = "application/x-ndjson";
    slice_t accept = encoding_header(req, H2O_TOKEN_ACCEPT);
    return accept.len && memmem(accept.data, accept.len, type, sizeof type - 1);
}

/* A list has one member that is an array. */
static const json_t *s_rows(json_t *page)
{
    const char *name;
    json_t *value;
    json_object_foreach (page, name, value)
        if (json_is_array(value))
            return value;
    return NULL;
}

/* No byte of a peer reaches a header but those of a cursor. */
static void s_add_next(h2o_req_t *req, const json_t *next)
{
    char text[CURSOR_MOST + 1] = "";
    const char *cursor = json_string_value(next);
    if (json_is_integer(next))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(next));
    else if (cursor && strlen(cursor) <= CURSOR_MOST)
        strcpy(text, cursor);
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !is_one_of(*at, "-_."))
            return;
    if (*text)
        reply_header(req, &s_name_next, slice_of(h2o_strdup(&req->pool, text, SIZE_MAX).base));
}

static char *s_lines(const json_t *rows, size_t *len)
{
    char *text = NULL;
    size_t i;
    json_t *row;
    FILE *to = open_memstream(&text, len);
    json_array_foreach (rows, i, row) {
        json_dumpf(row, to, JSON_COMPACT);
        fputc('\n', to);
    }
    fclose(to);
    return text;
}

bool reply_lines(h2o_req_t *req, slice_t json)
{
    json_t *page = s_is_wanted(req) ? json_loadb(json.data, json.len, 0, NULL) : NULL;
    const json_t *rows = s_rows(page);
    if (rows) {
        size_t len = 0;
        char *text = s_lines(rows, &len);
        reply_header(req, &s_name_vary, slice_of("Accept"));
        s_add_next(req, json_object_get(page, "next"));
        reply_content_headers(req, slice_of("application/x-ndjson"));
        reply_send(req, h2o_strdup(&req->pool, text, len).base, len);
        free(text);
    }
    json_decref(page);
    return rows;
}
