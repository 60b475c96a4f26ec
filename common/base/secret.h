/* Secrets in memory: wiping, constant-time comparison, and the shape of Postern's own tokens.
 *
 * A token is "pst_", 30 base62 characters of CSPRNG output, and the CRC-32 of these 30 as 6 base62
 * characters (alphabet 0-9A-Za-z, left-padded with 0), so that a mistyped one is told apart without
 * a look-up and secret scanners find leaked ones. The CRC proves nothing. Threading: any thread. */
#ifndef POSTERN_SECRET_H
#define POSTERN_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOKEN_LEN = 40, TOKEN_MIN = 32, TOKEN_MAX = 128, TOKEN_HASH = 32 };

/* Overwrites; never optimised away. */
void secret_wipe(void *data, size_t len);

/* Compares in time that depends on the lengths only. */
bool secret_eq(const void *a, size_t a_len, const void *b, size_t b_len);

/* Makes a new token, NUL-terminated. */
void token_make(char text[TOKEN_LEN + 1]);
/* A management token: the same with the prefix "psm_". */
void token_make_management(char text[TOKEN_LEN + 1]);
/* Whether TEXT is psm_ with the right shape and CRC. */
bool token_is_management(const char *text, size_t len);

/* How a credential is to be treated before any look-up. */
typedef enum {
    TOKEN_OURS,      /* pst_ with the right shape and CRC */
    TOKEN_FOREIGN,   /* 32 to 128 printable ASCII characters without a reserved prefix */
    TOKEN_MALFORMED, /* wrong length, not printable, pst_ with a wrong CRC, or psm_ (management) */
} token_shape_t;
token_shape_t token_shape(const char *text, size_t len);

/* BLAKE2b-256: what the directory knows of a token. */
void token_hash(const char *text, size_t len, uint8_t hash[TOKEN_HASH]);

/* No core dumps, no ptrace by others: RLIMIT_CORE 0 and PR_SET_DUMPABLE 0. */
void secret_protect_process(void);

#endif
