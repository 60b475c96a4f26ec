#include "workers/message/json_fault.h"

#include "common/base/utf8.h"

#include <stdint.h>
#include <stdio.h>

/* A walk over TEXT that knows its strings. */
typedef struct {
    slice_t text;
    size_t at;
    bool in_string;
} scan_t;

static const char *s_here(const scan_t *self)
{
    return self->text.data + self->at;
}

static size_t s_left(const scan_t *self)
{
    return self->text.len - self->at;
}

/* The 4 hex digits behind \u; -1: there are none. */
static int s_unit(const scan_t *self, size_t offset)
{
    unsigned unit;
    char digits[5] = "";
    if (s_left(self) < offset + 6 || memcmp(s_here(self) + offset, "\\u", 2) != 0)
        return -1;
    memcpy(digits, s_here(self) + offset + 2, 4);
    return strspn(digits, "0123456789abcdefABCDEF") == 4 && sscanf(digits, "%x", &unit) == 1
               ? (int)unit
               : -1;
}

/* Bytes of the escape at the backslash; 0 when it is none that JSON has. */
static size_t s_escape(const scan_t *self)
{
    if (s_left(self) < 2 || !is_one_of(s_here(self)[1], "\"\\/bfnrtu"))
        return 0;
    if (s_here(self)[1] != 'u')
        return 2;
    int first = s_unit(self, 0), second = s_unit(self, 6);
    if (first < 0xd800 || first > 0xdfff)
        return first < 0 ? 0 : 6;
    return first < 0xdc00 && second >= 0xdc00 && second <= 0xdfff ? 12 : 0;
}

static void s_say_escape(const scan_t *self, char *reason, size_t size)
{
    size_t shown = s_unit(self, 0) >= 0 ? 6 : 2;
    char escape[8] = "";
    for (size_t i = 0; i < shown && i < s_left(self); i++)
        escape[i] = s_here(self)[i] > ' ' && s_here(self)[i] < 0x7f ? s_here(self)[i] : '?';
    if (shown == 6)
        snprintf(
            reason, size,
            "The body is not valid JSON: %s at byte %zu is half of a surrogate pair. Send both "
            "halves, or the character itself in UTF-8.",
            escape, self->at + 1);
    else
        snprintf(reason, size,
                 "The body is not valid JSON: it has no escape %s (byte %zu). A backslash in a "
                 "string is \\\\.",
                 escape, self->at + 1);
}

/* Looks at one character and goes behind it; false: it is the fault, and was told. */
static bool s_look(scan_t *self, char *reason, size_t size)
{
    unsigned char c = (unsigned char)*s_here(self);
    size_t len = c < 0x80 ? 1 : utf8_length(slice(s_here(self), s_left(self)));
    if (len == 0)
        snprintf(reason, size, "The body is not valid UTF-8: byte %zu (0x%02x).", self->at + 1, c);
    else if (self->in_string && c < ' ')
        snprintf(reason, size,
                 "The body is not valid JSON: the control character at byte %zu must be escaped as "
                 "\\u%04x.",
                 self->at + 1, c);
    else if (self->in_string && c == '\\' && (len = s_escape(self)) == 0)
        s_say_escape(self, reason, size);
    else if (c == '"')
        self->in_string = !self->in_string;
    self->at += len;
    return reason[0] == '\0';
}

bool json_fault(slice_t text, char *reason, size_t size)
{
    scan_t scan = {.text = text};
    reason[0] = '\0';
    if (utf8_is_utf16(text))
        snprintf(reason, size, "The body is UTF-16. Send it in UTF-8.");
    while (reason[0] == '\0' && scan.at < text.len && s_look(&scan, reason, size))
        ;
    return reason[0] != '\0';
}

static size_t s_digits(const char *text, const char *end)
{
    size_t len = 0;
    while (text + len < end && text[len] >= '0' && text[len] <= '9')
        len++;
    return len;
}

/* Bytes of the number (RFC 8259 §6) that begins here; 0: there is none. *LARGE: it may be past 64
 * bits or a double. */
static size_t s_number(const char *text, const char *end, bool *large)
{
    const char *at = text + (*text == '-');
    size_t whole = s_digits(at, end);
    if (whole == 0 || (whole > 1 && *at == '0'))
        return 0;
    at += whole;
    size_t part = at < end && *at == '.' ? s_digits(at + 1, end) : 0;
    if (at < end && *at == '.' && part == 0)
        return 0;
    at += part ? part + 1 : 0;
    *large = whole > 18;
    if (at == end || (*at != 'e' && *at != 'E'))
        return (size_t)(at - text);
    at++;
    at += at < end && (*at == '+' || *at == '-');
    size_t power = s_digits(at, end);
    *large = true;
    return power ? (size_t)(at + power - text) : 0;
}

bool json_shrink_numbers(char *text, size_t len)
{
    bool in_string = false, any = false;
    for (size_t at = 0, step; at < len; at += step) {
        bool large = false;
        step = text[at] == '\\' ? 2 : 1;
        in_string ^= text[at] == '"';
        if (in_string || (text[at] != '-' && (text[at] < '0' || text[at] > '9')))
            continue;
        size_t number = s_number(text + at, text + len, &large);
        step = number ? number : 1;
        if (!large || number == 0)
            continue;
        memset(text + at, ' ', number);
        text[at] = '0';
        any = true;
    }
    return any;
}
