/* The look-ups of names that a caller has under way. libcurl gives each a thread, which lives as
 * long as the C library asks name servers: longer than the call that gave it up. So there are at
 * most LOOKUPS places, and a look-up whose call has ended before it keeps its place for
 * LOOKUP_LINGER_MS more.
 *
 * A name has one look-up: further calls of it join the one under way. An owner of handlers that has
 * no place takes any that is free; an owner that has places takes a further one only while it has
 * fewer than are free beyond LOOKUPS_KEPT: an owner whose names all hang has 16 places, the next
 * such owner 8, then 4, and each of some thirty more owners finds one.
 *
 * Threading: any thread. Times are clock_ms (). */
#ifndef POSTERN_WORKERS_CALLER_LOOKUPS_H
#define POSTERN_WORKERS_CALLER_LOOKUPS_H

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
/* NULL when a look-up would begin or be joined; else what it must wait for. */
const char *lookups_why(lookups_t *self, const uuid_t7 *owner, const char *host, int64_t now_ms);
/* The look-up has ended; LINGERS: its call has ended, its thread has not. */
void lookups_end(lookups_t *self, uint64_t number, bool lingers, int64_t now_ms);
bool lookups_is_under_way(lookups_t *self, uint64_t number);

#endif
