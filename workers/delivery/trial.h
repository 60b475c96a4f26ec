/* Tests of handlers: one call of an event that is made up, or was kept, as a delivery makes it: to
 * the same addresses, signed by the same secrets, within the same time. How it went is the answer.
 * Nothing is stored, what the handler answers is not posted, no delivery changes, nor does what is
 * known of how the handler fares.
 *
 * A test ends when its caller has TRIAL_MARGIN_MS left, if its call has not ended before. Limits:
 * one under way a target, TRIALS_MOST a worker, and of a target TRIALS_BURST and then one a second;
 * past them rate_limited.
 *
 * Threading: the main thread; an event that was kept is looked for by the journal's. */
#ifndef POSTERN_WORKERS_DELIVERY_TRIAL_H
#define POSTERN_WORKERS_DELIVERY_TRIAL_H

#include "workers/caller/caller.h"
#include "workers/delivery/delivery.h"
#include "workers/post/post.h"
#include "workers/post/reading.h"

enum {
    TRIALS_MOST = 8,
    TRIALS_BURST = 5,
    TRIAL_MARGIN_MS = 1000,
    TRIAL_ANSWER = 1024, /* bytes of an answer that are told */
};

/* What a reading has of its own. */
typedef struct trial {
    LIST_ENTRY(trial) link; /* of those under way */
    reading_t *reading;
    char *url;           /* in place of the handler's, or NULL */
    uint64_t log;        /* the event by its log sequence, */
    journal_name_t name; /* or by its id; neither: it is made up */
    char *event;         /* a record as record_write has it; NULL: not found */
    size_t event_len;
    const call_t *call; /* under way */
    uint32_t limit_ms;  /* how long it may take */
    bool is_signed;
} trial_t;

typedef LIST_HEAD(, trial) trials_t;

/* A verb_fn: reads what is asked for, and finds the event. */
void trial_prepare(post_t *post, job_t *job);

/* Begins the call of a trial whose event was found, or refuses its reading. */
void delivery_try(delivery_t *delivery, trial_t *trial, int64_t now_ms);
/* Whether the call is that of a trial, which then is answered. */
bool delivery_tried(delivery_t *delivery, const call_t *call);

#endif
