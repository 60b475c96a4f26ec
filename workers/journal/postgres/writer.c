/* The thread that stores: a submission costs one hand-over to it and one wakeup back. */
#include "workers/journal/postgres/postgres.h"

#include "common/base/wake.h"
#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROLL_S = 60 };

struct writer {
    journal_t *journal;
    journal_clock_fn clock;
    pthread_t thread;
    bool started, busy; /* the main thread's; busy: a submission is out */
    int fd;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool stop, given;
    journal_entry_t **entries;
    size_t count;
};

writer_t *writer_new(journal_t *journal)
{
    writer_t *self = calloc(1, sizeof *self);
    pthread_condattr_t attributes;
    if (!self)
        abort();
    self->journal = journal;
    self->fd = wake_new();
    if (self->fd < 0)
        log_fatal(EXIT_FAULT, "journal.writer", "errno=%d", errno);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return self;
}

/* The lock is held. */
static void s_work(writer_t *self)
{
    self->given = false;
    pthread_mutex_unlock(&self->lock);
    if (self->count > 0)
        journal_append(self->journal, self->entries, self->count, self->clock());
    else
        journal_tend(self->journal, self->clock());
    wake_ring(self->fd);
    pthread_mutex_lock(&self->lock);
}

/* A segment ends by its age, too, where nothing comes that would end it. The lock is held. */
static void s_wait(writer_t *self)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROLL_S;
    if (pthread_cond_timedwait(&self->wake, &self->lock, &until) != ETIMEDOUT)
        return;
    pthread_mutex_unlock(&self->lock);
    tables_roll_on(self->journal, running_at(self->journal, self->clock()));
    pthread_mutex_lock(&self->lock);
}

static void *s_run(void *arg)
{
    writer_t *self = arg;
    pthread_mutex_lock(&self->lock);
    while (!self->stop || self->given)
        if (self->given)
            s_work(self);
        else
            s_wait(self);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

void journal_start(journal_t *journal, journal_clock_fn clock)
{
    writer_t *self = journal->writer;
    assert(!self->started);
    self->clock = clock;
    int rc = pthread_create(&self->thread, NULL, s_run, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "journal.writer", "errno=%d", rc);
    self->started = true;
    keeper_start(journal->keeper, clock);
}

void writer_destroy(writer_t **self_p)
{
    writer_t *self = *self_p;
    if (!self)
        return;
    if (self->started) {
        pthread_mutex_lock(&self->lock);
        self->stop = true;
        pthread_cond_signal(&self->wake);
        pthread_mutex_unlock(&self->lock);
        pthread_join(self->thread, NULL);
    }
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    close(self->fd);
    free(self);
    *self_p = NULL;
}

void journal_submit(journal_t *journal, journal_entry_t **entries, size_t count)
{
    writer_t *self = journal->writer;
    assert(self->started && !self->busy);
    self->busy = true;
    pthread_mutex_lock(&self->lock);
    self->entries = entries;
    self->count = count;
    self->given = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

bool journal_is_idle(const journal_t *self)
{
    return !self->writer->busy;
}

int journal_submit_fd(const journal_t *self)
{
    return self->writer->fd;
}

bool journal_finished(journal_t *journal)
{
    writer_t *self = journal->writer;
    if (!self->busy || !wake_silence(self->fd))
        return false;
    self->busy = false;
    return true;
}
