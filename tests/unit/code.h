/* The code that an authenticator shows, for tests. */
#ifndef POSTERN_TEST_CODE_H
#define POSTERN_TEST_CODE_H

#include <assert.h>
#include <liboath/oath.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CODE_TEXT = 6 + 1 };

/* Of the secret as it was shown, so many steps from now. */
static inline void code_of(const char *base32, int steps, char code[CODE_TEXT])
{
    char *secret = NULL;
    size_t len = 0;
    int rc = oath_base32_decode(base32, strlen(base32), &secret, &len);
    assert(rc == OATH_OK && len == 20);
    rc = oath_totp_generate(secret, len, time(NULL) + 30 * steps, 30, 0, 6, code);
    assert(rc == OATH_OK);
    free(secret);
}

#endif
