/* What libh2o 2.2.5 lets through in a request's head and a server must not: see framing_check.
 *
 * libh2o takes Host, Content-Length and Transfer-Encoding out of the header list, so the raw head
 * is looked at, which stands in the connection's input until the request is answered.
 * Threading: pure function. */
#ifndef POSTERN_FRAMING_H
#define POSTERN_FRAMING_H

#include "common/base/slice.h"

typedef struct {
    size_t head_len;   /* request line and headers, with the empty line */
    const char *fault; /* constant text of what is wrong with it, NULL when nothing is */
} framing_t;

/* INPUT begins with a head that libh2o has parsed. Refused: two Host headers that differ, more than
 * one Content-Length that differ, Content-Length with Transfer-Encoding, a header continued on a
 * line of its own (RFC 9112 §5.2), a header without a name. */
framing_t framing_check(slice_t input);

#endif
