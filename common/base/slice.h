/* A borrowed run of bytes: never owned, never NUL-terminated, valid as long as what it points into.
 */
#ifndef POSTERN_SLICE_H
#define POSTERN_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    const char *data; /* may be NULL when len is 0 */
    size_t len;
} slice_t;

static inline slice_t slice(const void *data, size_t len)
{
    return (slice_t){(const char *)data, len};
}

static inline slice_t slice_of(const char *text)
{
    return (slice_t){text, strlen(text)};
}

static inline bool slice_eq(slice_t a, slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(slice_t a, const char *text)
{
    return slice_eq(a, slice_of(text));
}

/* Whether SET has C; NUL is of no set. A call of strchr costs more than a short set. */
static inline bool is_one_of(char c, const char *set)
{
    while (*set && *set != c)
        set++;
    return *set;
}

/* Optional white space around the value of a header (RFC 9110, 5.6.3). */
#define OWS " \t"

/* Without the characters of BLANKS at both ends. */
static inline slice_t slice_trim(slice_t text, const char *blanks)
{
    while (text.len && is_one_of(*text.data, blanks))
        text = slice(text.data + 1, text.len - 1);
    while (text.len && is_one_of(text.data[text.len - 1], blanks))
        text.len--;
    return text;
}

/* For printf: "%.*s", SLICE_ARG (s) */
#define SLICE_ARG(s) (int)(s).len, (s).data ? (s).data : ""

#endif
