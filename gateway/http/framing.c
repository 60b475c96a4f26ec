#include "gateway/http/framing.h"

#include "gateway/read/headers.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

enum { METHOD = 32, HOST = 255 + 6, LENGTH_DIGITS = 10 };

size_t framing_end(framing_scan_t *scan, slice_t input)
{
    while (scan->at < input.len) {
        const char *eol = memchr(input.data + scan->at, '\n', input.len - scan->at);
        if (!eol) {
            scan->at = input.len;
            break;
        }
        size_t end = (size_t)(eol - input.data), len = end - scan->line;
        scan->line = scan->at = end + 1;
        if (len == 0 || (len == 1 && eol[-1] == '\r'))
            return end + 1;
    }
    return 0;
}

static bool s_is_token(slice_t text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              is_one_of(c, marks)))
            return false;
    }
    return text.len > 0;
}

static const char s_no_http[] = "This is not HTTP/1.1.";

const char *framing_early_fault(slice_t input)
{
    const char *space = memchr(input.data, ' ', input.len < METHOD ? input.len : METHOD);
    slice_t method = slice(input.data, space ? (size_t)(space - input.data) : input.len);
    return method.len > METHOD || !s_is_token(method) ? s_no_http : NULL;
}

static void s_fault(framing_t *self, const char *fault)
{
    if (self->error)
        return;
    self->error = ERROR_invalid_request;
    self->fault = fault;
}

/* The digits behind "HTTP/1."; -1: another version, or none. */
static int s_version(slice_t line)
{
    const size_t len = sizeof " HTTP/1.1" - 1;
    if (line.len <= len || memcmp(line.data + line.len - len, " HTTP/1.", len - 1) != 0)
        return -1;
    char digit = line.data[line.len - 1];
    return digit == '0' || digit == '1' ? digit - '0' : -1;
}

static bool s_is_number(slice_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

/* host [":" port] of RFC 9110 §7.2. Empty is what a request without an authority has. */
static bool s_is_host(slice_t value)
{
    static const char marks[] = "-._~%!$&'()*+;=", inner[] = ":.-_~";
    bool bracket = value.len && *value.data == '[';
    const char *end = bracket ? memchr(value.data, ']', value.len) : NULL;
    const char *colon = end ? end + 1 : memchr(value.data, ':', value.len);
    size_t len = colon ? (size_t)(colon - value.data) : value.len;
    if ((bracket && !end) || value.len > HOST)
        return false;
    slice_t name = bracket ? slice(value.data + 1, len - 2) : slice(value.data, len);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              is_one_of(c, bracket ? inner : marks)))
            return false;
    }
    slice_t port = slice(value.data + len, value.len - len);
    return port.len == 0 || (*port.data == ':' && port.len <= 6 &&
                             (port.len == 1 || s_is_number(slice(port.data + 1, port.len - 1))));
}

typedef struct {
    framing_t framing;
    slice_t host, length;
    bool keeps, closes;
    unsigned codings;
} seen_t;

static void s_host(seen_t *seen, slice_t value)
{
    if (seen->host.data)
        s_fault(&seen->framing, "There are two Host headers.");
    if (!s_is_host(value))
        s_fault(&seen->framing, "The Host header is no host with an optional port.");
    seen->host = value;
}

static void s_length(seen_t *seen, slice_t value)
{
    if (seen->length.data && !slice_eq(seen->length, value))
        s_fault(&seen->framing, "There are two different Content-Length headers.");
    if (!s_is_number(value))
        s_fault(&seen->framing, "The Content-Length header is no number.");
    seen->length = value;
    seen->framing.length = 0;
    for (size_t i = 0; i < value.len; i++)
        seen->framing.length = seen->framing.length > UINT64_MAX / 10 - 1
                                   ? UINT64_MAX
                                   : seen->framing.length * 10 + (uint64_t)(value.data[i] - '0');
}

static void s_coding(seen_t *seen, slice_t value)
{
    if (seen->codings++)
        s_fault(&seen->framing, "There are two Transfer-Encoding headers.");
    if (value.len != 7 || strncasecmp(value.data, "chunked", 7) != 0)
        s_fault(&seen->framing, "Of Transfer-Encoding only \"chunked\" is supported.");
    seen->framing.chunked = true;
}

static void s_connection(seen_t *seen, slice_t value)
{
    while (value.len) {
        slice_t word = header_next_word(&value);
        if (word.len == 5 && strncasecmp(word.data, "close", 5) == 0)
            seen->closes = true;
        if (word.len == 10 && strncasecmp(word.data, "keep-alive", 10) == 0)
            seen->keeps = true;
    }
}

static void s_expect(seen_t *seen, slice_t value)
{
    if (value.len == 12 && strncasecmp(value.data, "100-continue", 12) == 0)
        seen->framing.expects = true;
    else if (!seen->framing.error)
        seen->framing.error = ERROR_expect_failed;
}

/* White space behind the value goes before it, so that the line keeps its length. */
static slice_t s_trim_in_place(char *value, size_t len)
{
    size_t blanks = 0;
    while (blanks < len && is_one_of(value[len - 1 - blanks], OWS))
        blanks++;
    if (blanks && blanks < len) {
        memmove(value + blanks, value, len - blanks);
        memset(value, ' ', blanks);
    }
    return header_trim(slice(value, len));
}

static bool s_named(slice_t line, size_t name, const char *text)
{
    return strncasecmp(line.data, text, name) == 0;
}

/* True: the line is to be taken out. */
static bool s_header(seen_t *seen, char *head, slice_t line)
{
    const char *colon = memchr(line.data, ':', line.len);
    size_t name = colon ? (size_t)(colon - line.data) : 0, at = (size_t)(line.data - head);
    seen->framing.lines++;
    if (is_one_of(*line.data, OWS))
        s_fault(&seen->framing, "A header is continued on another line.");
    else if (name == 0)
        s_fault(&seen->framing, "A header line has no name.");
    else if (is_one_of(line.data[name - 1], OWS))
        s_fault(&seen->framing, "A header has white space between its name and the colon.");
    if (seen->framing.error)
        return false;
    slice_t value = s_trim_in_place(head + at + name + 1, line.len - name - 1);
    if (name == 4 && s_named(line, name, "host"))
        s_host(seen, value);
    else if (name == 14 && s_named(line, name, "content-length"))
        s_length(seen, value);
    else if (name == 10 && s_named(line, name, "connection"))
        s_connection(seen, value);
    else if (name == 17 && s_named(line, name, "transfer-encoding")) {
        seen->framing.coding = at;
        seen->framing.coding_len = line.len;
        s_coding(seen, value);
    } else if (name == 6 && s_named(line, name, "expect")) {
        s_expect(seen, value);
        return true;
    }
    return false;
}

/* What only all lines together tell. */
static void s_conclude(seen_t *seen, int version)
{
    framing_t *self = &seen->framing;
    if (version > 0 && !seen->host.data)
        s_fault(self, "An HTTP/1.1 request needs a Host header.");
    if (self->chunked && seen->length.data)
        s_fault(self, "There are Content-Length and Transfer-Encoding.");
    if (self->chunked && version == 0)
        s_fault(self, "HTTP/1.0 has no Transfer-Encoding.");
    self->persistent = !seen->closes && (version > 0 || seen->keeps);
    self->expects = self->expects && version > 0;
}

framing_t framing_check(char *head, size_t len)
{
    seen_t seen = {.framing = {.length = 0}};
    int version = -1;
    for (size_t at = 0, next; at < len; at = next) {
        const char *eol = memchr(head + at, '\n', len - at);
        size_t end = eol ? (size_t)(eol - head) : len;
        next = eol ? end + 1 : len;
        if (end > at && head[end - 1] == '\r')
            end--;
        slice_t line = slice(head + at, end - at);
        if (at == 0) {
            if ((version = s_version(line)) < 0)
                s_fault(&seen.framing, s_no_http);
        } else if (line.len && s_header(&seen, head, line)) {
            memmove(head + at, head + next, len - next);
            len -= next - at;
            next = at;
        }
    }
    s_conclude(&seen, version);
    seen.framing.head_len = len;
    return seen.framing;
}

void framing_set_length(char *head, const framing_t *framing, uint64_t length)
{
    static const char name[] = "Content-Length:";
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, length);
    assert(framing->chunked && len <= LENGTH_DIGITS);
    char *line = head + framing->coding;
    memset(line, ' ', framing->coding_len);
    memcpy(line, name, sizeof name - 1);
    memcpy(line + framing->coding_len - (size_t)len, digits, (size_t)len);
}
