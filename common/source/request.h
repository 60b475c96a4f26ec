/* A sender's request, as what verifies it and what answers a handshake see it: all is borrowed. */
#ifndef POSTERN_SOURCE_REQUEST_H
#define POSTERN_SOURCE_REQUEST_H

#include "common/wire/pairs.h"

#include <stdint.h>

typedef struct {
    slice_t method;
    slice_t url;     /* as the sender called it; empty: not known */
    slice_t headers; /* pairs (common/wire/pairs.h), names in lower case */
    slice_t params;  /* pairs, decoded */
    slice_t body;
    int64_t wall_ms; /* when it came, milliseconds since 1970 */
} source_request_t;

/* The value of a header, without blanks around it; how many there are of that name (of several
 * VALUE is the first). */
unsigned source_header(const source_request_t *self, slice_t name, slice_t *value);

/* The first parameter of that name; false: there is none. */
bool source_param(const source_request_t *self, const char *name, slice_t *value);

#endif
