/* Waiting for another thread, but no longer than some time: a condition whose times are those of
 * the monotonic clock, which nobody puts back. Threading: as POSIX's conditions. */
#ifndef POSTERN_TIMED_H
#define POSTERN_TIMED_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline void timed_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* The moment that is MS, not negative, away. */
static inline struct timespec timed_after(int64_t ms)
{
    enum { MS_NS = 1000000, S_NS = 1000000000 };
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + ms % 1000 * MS_NS;
    at.tv_sec += ms / 1000 + ns / S_NS;
    at.tv_nsec = ns % S_NS;
    return at;
}

/* Waits once, with LOCK held, as pthread_cond_wait does; false: it is UNTIL. */
static inline bool timed_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                              const struct timespec *until)
{
    int rc = pthread_cond_timedwait(cond, lock, until);
    assert(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

#endif
