/* A credential goes no further than authd, but a request may hold the same credential a second time
 * where nobody looks for one: in a parameter of another name, in a header, in the body. There the
 * credential is overwritten, byte by byte, so that the rest of the request stays as it came.
 * Threading: pure functions. */
#ifndef POSTERN_GATEWAY_READ_BLANK_H
#define POSTERN_GATEWAY_READ_BLANK_H

#include "common/base/slice.h"

#include <stdbool.h>

/* The shortest credential that is looked for: a shorter one could be a word of the text. No token,
 * and no appkey that Postern makes, is shorter. */
enum { BLANK_LEAST = 16 };

/* Overwrites each occurrence of SECRET in TEXT (borrowed, but writable) with asterisks: in the
 * clear, percent-encoded (RFC 3986 §2.1, either case), and in the form of a JSON string, with "/"
 * escaped or not. */
void blank(slice_t text, slice_t secret);
/* The same for the names and values of encoded pairs (common/wire). */
void blank_pairs(slice_t pairs, slice_t secret);

#endif
