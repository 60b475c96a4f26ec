/* Codes of a second factor: TOTP (RFC 6238: SHA-1, 6 digits, 30 s) by liboath, and recovery codes,
 * each good once, of which only hashes are kept. Threading: one thread. */
#ifndef POSTERN_AUTHD_ACCOUNTS_TOTP_H
#define POSTERN_AUTHD_ACCOUNTS_TOTP_H

#include "common/base/slice.h"

#include <stdint.h>

enum {
    TOTP_SECRET = 20, /* bytes: as RFC 4226 advises */
    TOTP_DIGITS = 6,
    TOTP_STEP_S = 30,
    TOTP_BASE32 = 32 + 1,
    RECOVERY_CODES = 10,
    RECOVERY_HASH = 32,
    RECOVERY_TEXT = 19 + 1, /* four groups of four: 80 random bits */
};

/* The secret as an authenticator takes it when it is typed. */
void totp_base32(const uint8_t secret[TOTP_SECRET], char text[TOTP_BASE32]);

/* The time step that CODE belongs to, among the present one and its neighbours, if it lies past
 * LAST (so that no code is good twice); 0: none of them. */
uint64_t totp_step(const uint8_t secret[TOTP_SECRET], slice_t code, uint64_t last,
                   uint64_t wall_ms);

void recovery_make(char text[RECOVERY_TEXT]);
/* The hash of a code as it was typed: case, blanks and hyphens do not matter. 0, or -1 when CODE
 * cannot be a recovery code. */
int recovery_hash(slice_t code, uint8_t hash[RECOVERY_HASH]);

#endif
