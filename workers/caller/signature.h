/* Signatures of deliveries: Standard Webhooks 1.0.0 (webhook-signature, HMAC-SHA256) and
 * X-Cliq-Signature (RSA-SHA256).
 *
 * A secret (common/base/whsec.h) signs "ID.TIMESTAMP.BODY": the webhook-id, the webhook-timestamp
 * of this attempt in seconds since 1970, and the body as it is sent, byte for byte. While a secret
 * is being replaced, each live secret signs, and the handler accepts any of the signatures. Secrets
 * are wiped by who holds them; nothing here logs or keeps one. Threading: any thread. */
#ifndef POSTERN_WORKERS_CALLER_SIGNATURE_H
#define POSTERN_WORKERS_CALLER_SIGNATURE_H

#include "common/base/slice.h"
#include "common/base/whsec.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SIGNATURE_SECRETS = 10,    /* most live secrets of a handler */
    SIGNATURE_TEXT = 480,      /* the header's value for SIGNATURE_SECRETS, NUL */
    SIGNATURE_RSA_TEXT = 1369, /* base64 of a signature by a key of 8192 bits, NUL */
};

/* Writes the value of webhook-signature, "v1,BASE64 v1,BASE64", a signature a secret in their
 * order; returns its length. COUNT: 1 to SIGNATURE_SECRETS. ID must hold no "." (asserted: it would
 * make two contents look the same). */
size_t signature_sign(const whsec_t *secrets, size_t count, slice_t id, int64_t timestamp_s,
                      slice_t body, char text[SIGNATURE_TEXT]);

/* The private key of X-Cliq-Signature. */
typedef struct signature_key signature_key_t;

/* Reads an RSA private key of 2048 to 8192 bits from PEM (PKCS #8 or PKCS #1), not encrypted. NULL
 * with the reason in err. */
signature_key_t *signature_key_new(slice_t pem, char *err, size_t err_size);
void signature_key_destroy(signature_key_t **self_p);

/* Writes the value of X-Cliq-Signature, base64 of the PKCS #1 v1.5 signature with SHA-256 over the
 * body; returns its length. One key may sign in several threads at once. */
size_t signature_key_sign(const signature_key_t *self, slice_t body, char text[SIGNATURE_RSA_TEXT]);

#endif
