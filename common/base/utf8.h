/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. Threading:
 * pure functions. */
#ifndef POSTERN_UTF8_H
#define POSTERN_UTF8_H

#include "common/base/slice.h"

/* Bytes of the character that TEXT begins with; 0 when it begins with none. */
size_t utf8_length(slice_t text);

bool utf8_valid(slice_t text);

/* TEXT without the byte order mark (U+FEFF) that it may begin with: a reader of text that people
 * wrote skips the mark. */
slice_t utf8_unmarked(slice_t text);

/* Whether TEXT is UTF-16 of either order: TEXT has UTF-16's byte order mark, or begins with two
 * characters of ASCII. */
bool utf8_is_utf16(slice_t text);

/* A copy of TEXT with U+FFFD for each byte that is of no character; the caller frees. */
char *utf8_replaced(slice_t text);

/* Characters of valid UTF-8. */
size_t utf8_count(slice_t text);

/* The beginning of TEXT: at most MOST bytes, up to a character's border. */
slice_t utf8_within(slice_t text, size_t most);

/* The beginning of TEXT: at most COUNT characters; a byte that is of none counts as one. */
slice_t utf8_head(slice_t text, size_t count);

#endif
