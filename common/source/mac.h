/* What OpenSSL and libsodium compute of signatures: an HMAC or a public key's check over parts.
 *
 * OpenSSL has HMAC, because it uses the processor's instructions for SHA (libsodium does not, and
 * has no SHA-1), and the curve P-256. Threading: any thread. */
#ifndef POSTERN_SOURCE_MAC_H
#define POSTERN_SOURCE_MAC_H

#include "common/source/scheme.h"

enum { MAC_MAX = 64, MAC_SHA256 = 32 };

/* Writes the HMAC of PARTS one after another; returns its length. ALG is one of ALG_HMAC_…, KEY is
 * not empty. */
size_t mac_hmac(scheme_alg_t alg, slice_t key, const slice_t *parts, size_t count,
                uint8_t mac[MAC_MAX]);

void mac_sha256(slice_t data, uint8_t digest[MAC_SHA256]);

/* Whether KEY is a SubjectPublicKeyInfo (RFC 5480) of P-256. */
bool mac_is_p256(slice_t key);

/* ECDSA over P-256 with SHA-256, the signature in DER. */
bool mac_p256(slice_t key, const slice_t *parts, size_t count, slice_t signature);

/* Ed25519 (RFC 8032); KEY has 32 bytes. */
bool mac_ed25519(slice_t key, const slice_t *parts, size_t count, slice_t signature);

#endif
