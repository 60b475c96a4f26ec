/* Secrets that a row of the directory keeps, encrypted under the master key: of handlers and of
 * sources, the oldest first.
 *
 * Threading: as directory.h. */
#ifndef POSTERN_AUTHD_DIRECTORY_SEALED_H
#define POSTERN_AUTHD_DIRECTORY_SEALED_H

#include "authd/directory/directory.h"
#include "common/wire/pack.h"

typedef struct {
    slice_t sealed;
    uint64_t made_ms;
    uint64_t expires_ms; /* 0: without end */
} sealed_t;

/* Reads at most MOST secrets of what sealed_pack has written, none encrypted longer than LONGEST
 * bytes of text; returns how many. The slices point into PACKED. */
unsigned sealed_read(slice_t packed, size_t longest, sealed_t *secret, unsigned most);
void sealed_pack(const sealed_t *secret, unsigned count, pack_t *out);

/* Whether SECRET has not expired at NOW_MS. */
bool sealed_is_live(const sealed_t *secret, uint64_t now_ms);
/* Each ends at UNTIL_MS at the latest. */
void sealed_end(sealed_t *secret, unsigned count, uint64_t until_ms);
/* Moves those that live to the front, in their order; returns how many. */
unsigned sealed_drop_expired(sealed_t *secret, unsigned count, uint64_t now_ms);

/* Decrypts into PLAIN, which has room for MOST bytes; an empty slice when this master key did not
 * seal it, of which the log tells under EVENT. */
slice_t sealed_open(view_t *view, slice_t sealed, char *plain, size_t most, const char *event);

enum { SEALED_DERIVED = 32 };
/* A key that only those with the master key can make, for PURPOSE alone. */
void sealed_derive(view_t *view, const char *purpose, uint8_t key[SEALED_DERIVED]);

#endif
