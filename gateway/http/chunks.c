#include "gateway/http/chunks.h"

#include "common/base/hex.h"

#include <string.h>

enum { DIGITS = 8 };
enum {
    SIZE,
    BLANK,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    FIELD,
    FIELD_MORE,
    FIELD_LF,
    LAST_LF
};
enum { DONE = -1, BAD = -2 };

/* What may stand in a line that is dropped: anything but the control characters (TAB is none). */
static int s_dropped(chunks_t *self, char c, size_t most, int state)
{
    return ++self->line > most || c == 0x7f || ((unsigned char)c < 0x20 && c != '\t') ? BAD : state;
}

/* White space behind the size is bad but taken (RFC 9112 §7.1.1); nothing else may stand there. */
static int s_after_blank(char c)
{
    return c == '\r' ? SIZE_LF : c == ';' ? EXTENSION : c == ' ' || c == '\t' ? BLANK : BAD;
}

static int s_in_size(chunks_t *self, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0 && self->digits < DIGITS) {
        self->left = self->left * 16 + (uint64_t)digit;
        self->digits++;
        return SIZE;
    }
    self->line = 0;
    if (self->digits == 0)
        return BAD;
    return s_after_blank(c);
}

static int s_in_extension(chunks_t *self, char c)
{
    return c == '\r' ? SIZE_LF : s_dropped(self, c, CHUNKS_EXTENSION, EXTENSION);
}

static int s_after_size(chunks_t *self)
{
    self->digits = 0;
    self->line = 0;
    return self->left ? DATA : FIELD;
}

/* The state after one byte that is no data. */
static int s_next(chunks_t *self, char c)
{
    switch (self->state) {
    case SIZE:
        return s_in_size(self, c);
    case BLANK:
        return ++self->line > CHUNKS_EXTENSION ? BAD : s_after_blank(c);
    case EXTENSION:
        return s_in_extension(self, c);
    case SIZE_LF:
        return c == '\n' ? s_after_size(self) : BAD;
    case DATA_CR:
        return c == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        return c == '\n' ? SIZE : BAD;
    case FIELD:
        return c == '\r' ? LAST_LF : s_dropped(self, c, CHUNKS_TRAILER, FIELD_MORE);
    case FIELD_MORE:
        return c == '\r' ? FIELD_LF : s_dropped(self, c, CHUNKS_TRAILER, FIELD_MORE);
    case FIELD_LF:
        return c == '\n' ? FIELD : BAD;
    default: /* LAST_LF */
        return c == '\n' ? DONE : BAD;
    }
}

/* Moves the chunk's bytes among the LEN at FROM; how many they are. */
static size_t s_data(chunks_t *self, char *to, const char *from, size_t len)
{
    size_t most = self->left < len ? (size_t)self->left : len;
    memmove(to, from, most);
    self->left -= most;
    if (self->left == 0)
        self->state = DATA_CR;
    return most;
}

chunks_result_t chunks_decode(chunks_t *self, char *data, size_t len, size_t *decoded,
                              size_t *taken)
{
    size_t at = 0;
    *decoded = 0;
    while (at < len && self->state >= 0) {
        if (self->state == DATA) {
            size_t moved = s_data(self, data + *decoded, data + at, len - at);
            *decoded += moved;
            at += moved;
        } else {
            self->state = s_next(self, data[at++]);
        }
    }
    *taken = at;
    return self->state == DONE ? CHUNKS_DONE : self->state == BAD ? CHUNKS_BAD : CHUNKS_MORE;
}
