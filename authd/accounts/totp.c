#include "authd/accounts/totp.h"

#include "common/base/secret.h"

#include <assert.h>
#include <ctype.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 4, GROUP = 4, LETTERS = GROUPS * GROUP };

/* Base32 of RFC 4648: without 0, 1 and 8, which are read as O, I and B. */
static const char s_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void totp_base32(const uint8_t secret[TOTP_SECRET], char text[TOTP_BASE32])
{
    char *made = NULL;
    size_t len = 0;
    int rc = oath_base32_encode((const char *)secret, TOTP_SECRET, &made, &len);
    assert(rc == OATH_OK && len == TOTP_BASE32 - 1);
    memcpy(text, made, len);
    text[len] = '\0';
    secret_wipe(made, len);
    free(made);
}

uint64_t totp_step(const uint8_t secret[TOTP_SECRET], slice_t code, uint64_t last, uint64_t wall_ms)
{
    uint64_t now = wall_ms / 1000 / TOTP_STEP_S, found = 0;
    if (code.len != TOTP_DIGITS || oath_init() != OATH_OK)
        return 0;
    for (uint64_t step = now ? now - 1 : now; step <= now + 1; step++) {
        char expected[TOTP_DIGITS + 1] = "";
        int rc = oath_hotp_generate((const char *)secret, TOTP_SECRET, step, TOTP_DIGITS, false,
                                    OATH_HOTP_DYNAMIC_TRUNCATION, expected);
        assert(rc == OATH_OK);
        if (secret_eq(expected, TOTP_DIGITS, code.data, code.len) && step > last && !found)
            found = step;
        secret_wipe(expected, sizeof expected);
    }
    return found;
}

void recovery_make(char text[RECOVERY_TEXT])
{
    for (unsigned i = 0; i < LETTERS; i++) {
        if (i && i % GROUP == 0)
            *text++ = '-';
        *text++ = s_letters[randombytes_uniform(sizeof s_letters - 1)];
    }
    *text = '\0';
}

int recovery_hash(slice_t code, uint8_t hash[RECOVERY_HASH])
{
    char plain[LETTERS];
    unsigned len = 0;
    for (size_t i = 0; i < code.len; i++) {
        char c = (char)toupper((unsigned char)code.data[i]);
        if (c == '-' || c == ' ')
            continue;
        if (len == LETTERS || !strchr(s_letters, c) || c == '\0')
            return -1;
        plain[len++] = c;
    }
    if (len != LETTERS)
        return -1;
    crypto_generichash(hash, RECOVERY_HASH, (const uint8_t *)plain, len, NULL, 0);
    secret_wipe(plain, sizeof plain);
    return 0;
}
