/* The look-ups of names that a caller has under way. libcurl gives each a thread, which lives as
 * long as the C library asks name servers: longer than the call that gave it up. So there are at
 * most LOOKUPS places, and one whose call has ended without it keeps its place for LOOKUP_LINGER_MS
 * more.
 *
 * A name has one look-up: further calls of it join the one under way. An owner of handlers who has
 * no place takes any that is free; who has some takes a further one only while that is fewer than
 * are free beyond LOOKUPS_KEPT: one whose names all hang has 16, the next 8, then 4, and each of
 * some thirty more finds one.
 *
 * Threading: any thread. Times are clock_ms (). */
#ifndef POSTERN_CALLER_LOOKUPS_H
#define POSTERN_CALLER_LOOKUPS_H

#include "common/base/http_url.h"
#include "common/base/uuid.h"

#include <pthread.h>

enum { LOOKUPS = 64, LOOKUPS_KEPT = LOOKUPS / 2, LOOKUP_LINGER_MS = 60000 };

typedef struct {
    uint64_t number;                  /* 0: no call waits for it */
    int64_t until_ms;                 /* without such a call, until then it keeps its place */
    uuid_t7 owner;                    /* whose place it is */
    char host[HTTP_URL_HOST_MAX + 1]; /* "": never used */
} lookup_t;

typedef struct {
    pthread_mutex_t lock;
    uint64_t begun, ended;
    lookup_t row[LOOKUPS];
} lookups_t;

void lookups_open(lookups_t *self);
void lookups_close(lookups_t *self);

/* Takes a place; its number is above 0. Else 0: in *JOINED the number of the look-up of this name
 * that is under way; or *JOINED is 0, and in *WHY is what it must wait for, a constant text. */
uint64_t lookups_begin(lookups_t *self, const uuid_t7 *owner, const char *host, int64_t now_ms,
                       uint64_t *joined, const char **why);
/* NULL: one would begin or be joined; else what it must wait for. */
const char *lookups_why(lookups_t *self, const uuid_t7 *owner, const char *host, int64_t now_ms);
/* It has ended; LINGERS: only for its call. */
void lookups_end(lookups_t *self, uint64_t number, bool lingers, int64_t now_ms);
bool lookups_is_under_way(lookups_t *self, uint64_t number);

#endif
