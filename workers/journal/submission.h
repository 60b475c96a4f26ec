/* How entries go from the main thread to the thread of an engine that stores, and come back: one
 * submission at a time. journal_submit, journal_is_idle, journal_submit_fd and journal_finished are
 * here.
 *
 * Threading: the main thread's, but submission_done; what stands below LOCK is the storing
 * thread's, too, while LOCK is held. */
#ifndef POSTERN_WORKERS_JOURNAL_SUBMISSION_H
#define POSTERN_WORKERS_JOURNAL_SUBMISSION_H

#include "workers/journal/journal.h"

#include <pthread.h>

typedef struct {
    int fd;       /* readable: it is done */
    bool started; /* the engine sets it: somebody stores */
    bool busy;    /* one is out */
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of the storing thread, which may wait for more than this; timed.h */
    bool given;          /* it is not taken yet */
    journal_entry_t **entries;
    size_t count;
} submission_t;

void submission_open(submission_t *self);
void submission_close(submission_t *self);
/* What was given is stored, or done for a submission of nothing. The storing thread's. */
void submission_done(submission_t *self);

/* The engine's: the one that a journal has. */
submission_t *journal_submission(const journal_t *self);

#endif
