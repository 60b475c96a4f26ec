#include "common/base/turning.h"

#include "common/base/timed.h"

#include <stdlib.h>

struct turning {
    turning_fn turn;
    void *arg;
    int64_t period_ms;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool rung, stop;
};

turning_t *turning_new(void)
{
    turning_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    pthread_mutex_init(&self->lock, NULL);
    timed_init(&self->wake);
    return self;
}

void turning_destroy(turning_t **self_p)
{
    turning_t *self = *self_p;
    if (!self)
        return;
    turning_stop(self);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

/* The lock is held. */
static void s_wait(turning_t *self)
{
    struct timespec until = timed_after(self->period_ms < 0 ? 0 : self->period_ms);
    bool due = false;
    while (!self->stop && !self->rung && !due)
        if (self->period_ms < 0)
            pthread_cond_wait(&self->wake, &self->lock);
        else
            due = !timed_wait(&self->wake, &self->lock, &until);
    self->rung = false;
}

static void *s_run(void *arg)
{
    turning_t *self = arg;
    bool more = false;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        if (!more)
            s_wait(self);
        if (self->stop)
            break;
        pthread_mutex_unlock(&self->lock);
        more = self->turn(self->arg);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

int turning_start(turning_t *self, int64_t period_ms, turning_fn turn, void *arg)
{
    assert(!self->started);
    self->period_ms = period_ms;
    self->turn = turn;
    self->arg = arg;
    int rc = pthread_create(&self->thread, NULL, s_run, self);
    self->started = rc == 0;
    return rc;
}

void turning_stop(turning_t *self)
{
    if (!self->started)
        return;
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    self->started = false;
}

void turning_ring(turning_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->rung = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}
