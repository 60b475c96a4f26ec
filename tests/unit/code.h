/* The code that an authenticator shows, for tests. */
#ifndef POSTERN_TEST_CODE_H
#define POSTERN_TEST_CODE_H

#include <assert.h>
#include <liboath/oath.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CODE_TEXT = 6 + 1 };

/* Now, when the time step does not end at once: a code is to be of the same step when it is given.
 */
static inline time_t code_now(void)
{
    enum { STEP_S = 30, SOON_S = 2 };
    while (time(NULL) % STEP_S >= STEP_S - SOON_S)
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    return time(NULL);
}

/* Of the secret as it was shown, so many steps from now. */
static inline void code_of(const char *base32, int steps, char code[CODE_TEXT])
{
    char *secret = NULL;
    size_t len = 0;
    int rc = oath_base32_decode(base32, strlen(base32), &secret, &len);
    assert(rc == OATH_OK && len == 20);
    rc = oath_totp_generate(secret, len, code_now() + 30 * steps, 30, 0, 6, code);
    assert(rc == OATH_OK);
    free(secret);
}

#endif
