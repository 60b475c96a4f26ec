/* What becomes of a header of an event (common/headers.def). Threading: a read-only table, any
 * thread. */
#ifndef POSTERN_BASE_HEADER_CLASS_H
#define POSTERN_BASE_HEADER_CLASS_H

#include "common/base/slice.h"

typedef enum {
    HEADER_TRAVELS, /* it reaches the handler */
    HEADER_CREDENTIAL,
    HEADER_SECRET,
    HEADER_HOP,
    HEADER_PROXY
} header_class_t;

/* Of a name in lower case that is not empty. */
header_class_t header_class(slice_t name);

#endif
