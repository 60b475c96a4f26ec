/* How many look-ups of names a caller has under way. libcurl gives each a thread, which lives as
 * long as the C library asks name servers: longer than the call that gave it up. So there are at
 * most LOOKUPS at once, LOOKUPS_OF_HOST of one name, and one whose call has ended without it counts
 * for LOOKUP_LINGER_MS more.
 *
 * Threading: the caller's thread. Times are clock_ms (). */
#ifndef POSTERN_CALLER_LOOKUPS_H
#define POSTERN_CALLER_LOOKUPS_H

#include "common/base/http_url.h"

enum { LOOKUPS = 64, LOOKUPS_OF_HOST = 2, LOOKUP_LINGER_MS = 60000 };

typedef struct {
    char host[HTTP_URL_HOST_MAX + 1]; /* "": free */
    int64_t until_ms;                 /* -1: its call waits for it; else until then it counts */
} lookup_t;

/* Zero-initialised is none. */
typedef struct {
    lookup_t row[LOOKUPS];
    bool freed; /* there may be room where there was none: the owner takes it back to false */
} lookups_t;

/* NULL: there is no room for one more of this name. */
lookup_t *lookups_begin(lookups_t *self, const char *host, int64_t now_ms);
/* It has ended; LINGERS: only for its call. Nulls the pointer, which may be NULL. */
void lookups_end(lookups_t *self, lookup_t **lookup_p, bool lingers, int64_t now_ms);

#endif
