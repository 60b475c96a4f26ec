#include "gateway/framing.h"

#include <strings.h>

typedef struct {
    slice_t host, length;
    bool coded; /* Transfer-Encoding is there */
    const char *fault;
} seen_t;

static slice_t s_trim(slice_t text)
{
    while (text.len && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len && strchr(" \t\r", text.data[text.len - 1]))
        text.len--;
    return text;
}

/* Keeps the first value of a header that may stand there once; another one is a fault. */
static void s_once(seen_t *seen, slice_t *first, slice_t value, const char *fault)
{
    if (first->data && !slice_eq(*first, value))
        seen->fault = fault;
    *first = value;
}

static void s_header(seen_t *seen, slice_t line)
{
    const char *colon = memchr(line.data, ':', line.len);
    size_t name = colon ? (size_t)(colon - line.data) : 0;
    if (name == 0) {
        seen->fault = "A header line has no name.";
        return;
    }
    if (name != 4 && name != 14 && name != 17)
        return;
    slice_t value = s_trim(slice(colon + 1, line.len - name - 1));
    if (name == 4 && strncasecmp(line.data, "host", name) == 0)
        s_once(seen, &seen->host, value, "There are two different Host headers.");
    else if (name == 14 && strncasecmp(line.data, "content-length", name) == 0)
        s_once(seen, &seen->length, value, "There are two different Content-Length headers.");
    else if (name == 17 && strncasecmp(line.data, "transfer-encoding", name) == 0)
        seen->coded = true;
}

framing_t framing_check(slice_t input)
{
    const char *at = input.data, *end = input.data + input.len;
    seen_t seen = {0};
    /* The parser skips an empty line before the request line. */
    while (at < end && (*at == '\r' || *at == '\n'))
        at++;
    for (bool first = true; at < end; first = false) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        if (!eol)
            eol = end;
        size_t len = (size_t)(eol - at);
        if (len && at[len - 1] == '\r')
            len--;
        const char *line = at;
        at = eol < end ? eol + 1 : end;
        if (len == 0)
            break;
        if (first)
            continue;
        if (*line == ' ' || *line == '\t')
            seen.fault = "A header is continued on another line.";
        else
            s_header(&seen, slice(line, len));
    }
    if (seen.coded && seen.length.data)
        seen.fault = "There are Content-Length and Transfer-Encoding.";
    return (framing_t){(size_t)(at - input.data), seen.fault};
}
