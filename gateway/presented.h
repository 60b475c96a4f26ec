/* A credential as a request presents it, in one place or in several. Whoever copies one brings
 * white space along, and a client that has none writes an empty one: the first is cut off, the
 * second is as none. Threading: an object belongs to one thread. */
#ifndef POSTERN_PRESENTED_H
#define POSTERN_PRESENTED_H

#include "common/base/slice.h"
#include "common/wire/wire.h"

#include <stdbool.h>

typedef struct {
    bool present;
    bool oversized; /* longer than any credential: not kept, matches nothing */
    bool conflict;  /* it came twice, with different values */
    size_t len;
    char text[WIRE_TEXT];
} presented_t;

/* Adds what one place says. */
void presented_add(presented_t *self, slice_t text);

/* Adds the password of Basic credentials, which are base64 of "user:password" (RFC 7617 §2); whose
 * the user name is does not matter. False when they are not of this form. */
bool presented_add_basic(presented_t *self, slice_t base64);

/* Adds what another one has. */
void presented_merge(presented_t *self, const presented_t *other);

/* Overwrites it: none. */
void presented_wipe(presented_t *self);

#endif
