/* The key of a worker: 32 bytes under which it encrypts what it keeps of handlers' secrets in its
 * journal. The key lies in a file of mode 0600 beside the journal, as 64 hex digits, so that a copy
 * of the journal alone tells no secret. Losing the file loses what is kept of handlers; authd sends
 * it again.
 *
 * Threading: read-only after loading, any thread. */
#ifndef POSTERN_WORKERS_DELIVERY_WORKER_KEY_H
#define POSTERN_WORKERS_DELIVERY_WORKER_KEY_H

#include "common/base/slice.h"

#include <stdint.h>

typedef struct worker_key worker_key_t;

enum { WORKER_KEY_OVERHEAD = 40 /* bytes of nonce and tag that sealing adds */ };

/* Loads the key; when there is none, makes one, durably. Anything but a regular file that others
 * may not read and that holds a key is refused: NULL with the reason in err. */
worker_key_t *worker_key_load(const char *path, char *err, size_t err_size);
void worker_key_destroy(worker_key_t **self_p); /* wipes */

/* Encrypts PLAIN with a random nonce into SEALED, which has room for WORKER_KEY_OVERHEAD more. */
void worker_key_seal(const worker_key_t *self, slice_t plain, char *sealed);
/* Decrypts into PLAIN, which has room for sealed.len - WORKER_KEY_OVERHEAD. 0, or -1 when this key
 * did not seal it. */
int worker_key_open(const worker_key_t *self, slice_t sealed, char *plain);

#endif
