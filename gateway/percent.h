/* Percent decoding (RFC 3986 §2.1), and the check of UTF-8 (RFC 3629). Threading: pure functions.
 */
#ifndef POSTERN_PERCENT_H
#define POSTERN_PERCENT_H

#include "common/base/slice.h"

#include <sys/types.h>

/* Decodes TEXT into OUT, which has room for text.len bytes. plus: '+' stands for a space, as in a
 * form. Returns the length, or -1 for an escape that is none. */
ssize_t percent_decode(slice_t text, bool plus, char *out);

/* No overlong forms, no surrogates, nothing past U+10FFFF. */
bool utf8_valid(slice_t text);

/* Characters of valid UTF-8. */
size_t utf8_count(slice_t text);

#endif
