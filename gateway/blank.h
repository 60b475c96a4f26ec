/* A credential goes no further than authd, but a request may hold it a second time where nobody
 * looks for one: in a parameter of another name, in a header, in the body. There it is overwritten,
 * byte by byte, so that all else stays as it came. Threading: pure functions. */
#ifndef POSTERN_BLANK_H
#define POSTERN_BLANK_H

#include "common/base/slice.h"

#include <stdbool.h>

/* Shorter ones are left alone: they could be a word of the text. No token, and no appkey that
 * Postern makes, is. */
enum { BLANK_LEAST = 16 };

/* Overwrites each occurrence of SECRET in TEXT (borrowed, but writable) with asterisks: as it is,
 * percent-encoded (RFC 3986 §2.1, either case), and as a JSON string has it, with "/" escaped or
 * not. */
void blank(slice_t text, slice_t secret);
/* The same for the names and values of encoded pairs (common/wire). */
void blank_pairs(slice_t pairs, slice_t secret);

#endif
