/* Which deliveries a request asks for, by its parameters (docs/API, Handlers and deliveries).
 *
 * Threading: read by the main thread; then one thread at a time. */
#ifndef POSTERN_WORKERS_DELIVERY_WANTED_H
#define POSTERN_WORKERS_DELIVERY_WANTED_H

#include "workers/journal/outbox.h"
#include "workers/message/phrase.h"
#include "workers/post/drain.h"

enum {
    WANTED_LIMIT = 100,     /* most rows of a page, and how many it has by default */
    WANTED_LOOKED = 100000, /* most items that a page looks at, */
    WANTED_SEARCHED = 5000, /* and where each costs a look at its attempts */
    WANTED_OUTCOME = 24,
    WANTED_TEXT = 256, /* longest phrase */
};

typedef struct {
    outbox_state_t state; /* 0: any */
    int64_t from_ms, to_ms;
    uint64_t log; /* 0: not by number */
    uuid_t7 id;   /* nil: not by id */
    uint64_t after, limit;
    char outcome[WANTED_OUTCOME]; /* of the last attempt; empty: any */
    uint64_t status;              /* likewise; 0: any */
    phrase_t *phrase;             /* in its event or an answer; NULL: any */
    bool bare;                    /* answers are left out */
} wanted_t;

/* Zero-initialised is empty. LIST: with what a list alone takes. False: the job is refused. */
bool wanted_read(wanted_t *self, job_t *job, bool list);
void wanted_close(wanted_t *self);

/* Most items that a page looks at. */
unsigned wanted_most(const wanted_t *self);
/* By the journal's thread; holds no memory that only this frees. */
bool wanted_has(const wanted_t *self, journal_reader_t *reader, const outbox_item_t *item);

/* "pending", "delivered" or "dead". */
const char *wanted_state(outbox_state_t state);

#endif
