/* A credential as a request presents it, in one place or in several. White space around a
 * credential, which comes from copying, is cut off; an empty credential counts as none. Threading:
 * an object belongs to one thread. */
#ifndef POSTERN_GATEWAY_READ_PRESENTED_H
#define POSTERN_GATEWAY_READ_PRESENTED_H

#include "common/base/slice.h"
#include "common/wire/wire.h"

#include <stdbool.h>

typedef struct {
    bool present;
    bool oversized; /* longer than any credential: not kept, matches nothing */
    bool conflict;  /* it was presented twice, with different values */
    size_t len;
    char text[WIRE_TEXT];
} presented_t;

/* Adds the credential TEXT of one place of the request. */
void presented_add(presented_t *self, slice_t text);

/* Adds the password of Basic credentials, which are base64 of "user:password" (RFC 7617 §2); whose
 * the user name is does not matter. False when they are not of this form. */
bool presented_add_basic(presented_t *self, slice_t base64);

/* Adds the credentials that OTHER has. */
void presented_merge(presented_t *self, const presented_t *other);

/* Overwrites the credential: SELF has none then. */
void presented_wipe(presented_t *self);

#endif
