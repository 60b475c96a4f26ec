/* The key under which the directory keeps appkeys, handlers' secrets and second factors: 32 bytes
 * in a file of mode 0600, raw or as 64 hex digits. Losing the file loses the appkeys; a copy of the
 * database without it shows none.
 *
 * Threading: read-only after loading, any thread. */
#ifndef POSTERN_MASTER_KEY_H
#define POSTERN_MASTER_KEY_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct master_key master_key_t;

enum { MASTER_KEY_OVERHEAD = 40 /* bytes of nonce and tag that sealing adds */ };

/* Loads the key; when the file is missing and MAY_MAKE, makes a key. Anything but a file of mode
 * 0600 (or less) that holds a key is refused: NULL with the reason in err. */
master_key_t *master_key_load(const char *path, bool may_make, char *err, size_t err_size);
void master_key_destroy(master_key_t **self_p); /* wipes */

/* Encrypts PLAIN with a random nonce into SEALED, which has room for MASTER_KEY_OVERHEAD more. */
void master_key_seal(const master_key_t *self, slice_t plain, uint8_t *sealed);
/* Decrypts into PLAIN, which has room for sealed.len - MASTER_KEY_OVERHEAD. 0, or -1 when this key
 * did not seal it. */
int master_key_open(const master_key_t *self, slice_t sealed, char *plain);

#endif
