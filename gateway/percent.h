/* Percent decoding (RFC 3986 §2.1). Threading: a pure function. */
#ifndef POSTERN_PERCENT_H
#define POSTERN_PERCENT_H

#include "common/base/slice.h"

#include <sys/types.h>

/* Decodes TEXT into OUT, which has room for text.len bytes. plus: '+' stands for a space, as in a
 * form. Returns the length, or -1 for an escape that is none. */
ssize_t percent_decode(slice_t text, bool plus, char *out);

#endif
