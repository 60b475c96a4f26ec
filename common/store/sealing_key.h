/* A key under which secrets are encrypted before they are stored: 32 bytes in a file of their own,
 * of mode 0600, as 64 hex digits and a newline, so that a copy of the store alone tells no secret.
 *
 * Threading: read-only after loading, any thread. */
#ifndef POSTERN_SEALING_KEY_H
#define POSTERN_SEALING_KEY_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sealing_key sealing_key_t;

enum { SEALING_OVERHEAD = 40 /* bytes of nonce and tag that sealing adds */ };

/* What a key's file is to its process. */
typedef struct {
    const char *name;      /* in reasons: "master key" */
    const char *made;      /* the log's event where a key was made */
    const char *malformed; /* the reason where the file holds no key */
    const char *missing;   /* the reason where there is none; NULL: one is made, durably */
    bool raw;              /* 32 raw bytes are a key, too, and 64 digits without a newline */
} sealing_key_file_t;

/* Loads the key of the file PATH; an empty file that root has made for its owner (prepare.h) holds
 * none. Where one is made it is FORMER, or a new one when FORMER is NULL; of several processes that
 * make it at once all get the same. Anything but a regular file that others may not read is
 * refused: NULL with the reason in err. */
sealing_key_t *sealing_key_load(const sealing_key_file_t *file, const char *path,
                                const sealing_key_t *former, char *err, size_t err_size);
void sealing_key_destroy(sealing_key_t **self_p); /* wipes */

/* Encrypts PLAIN with a random nonce into SEALED, which has room for SEALING_OVERHEAD more. */
void sealing_key_seal(const sealing_key_t *self, slice_t plain, void *sealed);
/* Decrypts into PLAIN, which has room for sealed.len - SEALING_OVERHEAD. 0, or -1 when this key did
 * not seal it. */
int sealing_key_open(const sealing_key_t *self, slice_t sealed, char *plain);

enum { SEALING_DERIVED = 32 };
/* Makes a key of its own for PURPOSE: BLAKE2b-256 of PURPOSE under this key. */
void sealing_key_derive(const sealing_key_t *self, const char *purpose,
                        uint8_t derived[SEALING_DERIVED]);

#endif
