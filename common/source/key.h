/* The secret that a sender signs with, or its public key, in the clear: who holds one wipes it.
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_SOURCE_KEY_H
#define POSTERN_SOURCE_KEY_H

#include "common/source/scheme.h"

enum {
    SOURCE_KEYS = 2,       /* most that are good at once, while one replaces the other */
    SOURCE_KEY_TEXT = 512, /* longest as it is written, bytes */
};

typedef struct {
    uint8_t bytes[SOURCE_KEY_TEXT];
    size_t len;
} source_key_t;

/* Reads a secret as the scheme writes it. False with the reason in err, which holds nothing of the
 * text: it is empty, too long, not written so, or no key of the algorithm. KEY is wiped then. */
bool source_key_read(const scheme_t *scheme, slice_t text, source_key_t *key, char *err,
                     size_t err_size);
void source_key_wipe(source_key_t *key);

#endif
