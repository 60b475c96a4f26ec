/* Which offenders have been logged lately: an offender tries again all the time, and is logged once
 * in SAID_MS. Private to common/link; one thread. */
#ifndef POSTERN_LINK_SAID_H
#define POSTERN_LINK_SAID_H

#include <stdbool.h>
#include <stdint.h>

enum { SAID_WHO = 128, SAID_MOST = 32, SAID_MS = 60000 };

/* Zero is empty. When full, the oldest gives way. */
typedef struct {
    struct {
        char who[SAID_WHO]; /* cut */
        int64_t ms;         /* 0: free */
    } rows[SAID_MOST];
} said_t;

/* True, and noted, when nothing was said of WHO within SAID_MS. NOW_MS: clock_ms. */
bool said_is_news(said_t *self, const char *who, int64_t now_ms);

#endif
