/* Percent-encoding (RFC 3986 §2.1), read and written. Threading: pure functions. */
#ifndef POSTERN_PERCENT_H
#define POSTERN_PERCENT_H

#include "common/base/hex.h"
#include "common/base/slice.h"

#include <sys/types.h>

enum { PERCENT_ESCAPE = 3 };

extern const bool percent_unreserved[256];

/* Whether it never needs an escape (§2.3). */
static inline bool percent_is_unreserved(char c)
{
    return percent_unreserved[(unsigned char)c];
}

/* Writes the escape of C; DIGITS is HEX_UPPER or HEX_LOWER. */
static inline void percent_escape(char c, const char *digits, char out[PERCENT_ESCAPE])
{
    out[0] = '%';
    out[1] = digits[(unsigned char)c >> 4];
    out[2] = digits[c & 15];
}

/* The byte of the escape with which TEXT begins; -1: with none. */
int percent_byte(slice_t text);

/* Decodes TEXT into OUT, which has room for text.len bytes. plus: '+' stands for a space, as in a
 * form. Returns the length, or -1 for an escape that is none. */
ssize_t percent_decode(slice_t text, bool plus, char *out);

/* The same of a form (WHATWG URL, application/x-www-form-urlencoded), where what is no escape
 * stays as it is. OUT may be where TEXT is. Returns the length. */
size_t percent_decode_form(slice_t text, char *out);

/* Takes the next piece off REST, of what stands between &: NAME before the piece's first =, VALUE
 * behind it, both encoded. A piece without = is a name, and VALUE's data NULL. False at the end. */
bool percent_piece(slice_t *rest, slice_t *name, slice_t *value);

#endif
