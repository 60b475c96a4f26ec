#include "workers/journal/submission.h"

#include "common/base/timed.h"
#include "common/base/wake.h"
#include "common/log/log.h"

#include <assert.h>
#include <stdlib.h>

void submission_open(submission_t *self)
{
    *self = (submission_t){.fd = wake_new()};
    if (self->fd < 0)
        log_fatal(EXIT_FAULT, "journal.writer", "errno=%d", errno);
    pthread_mutex_init(&self->lock, NULL);
    timed_init(&self->wake);
}

void submission_close(submission_t *self)
{
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    close(self->fd);
}

void submission_done(submission_t *self)
{
    wake_ring(self->fd);
}

void journal_submit(journal_t *journal, journal_entry_t **entries, size_t count)
{
    submission_t *self = journal_submission(journal);
    assert(self->started && !self->busy);
    self->busy = true;
    pthread_mutex_lock(&self->lock);
    self->entries = entries;
    self->count = count;
    self->given = true;
    pthread_mutex_unlock(&self->lock);
    pthread_cond_signal(&self->wake); /* who wakes finds the lock free */
}

bool journal_is_idle(const journal_t *self)
{
    return !journal_submission(self)->busy;
}

int journal_submit_fd(const journal_t *self)
{
    return journal_submission(self)->fd;
}

bool journal_finished(journal_t *journal)
{
    submission_t *self = journal_submission(journal);
    if (!self->busy || !wake_silence(self->fd))
        return false;
    self->busy = false;
    return true;
}
