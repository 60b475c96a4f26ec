/* The thread that stores: a submission costs one hand-over to it and one wakeup back. */
#include "workers/journal/postgres/items.h"

#include "common/base/timed.h"
#include "common/log/log.h"
#include "workers/journal/submission.h"

#include <assert.h>
#include <stdlib.h>

enum { ROLL_MS = 60000, ROOM_MS = 1000 };

struct writer {
    journal_t *journal;
    journal_clock_fn clock;
    pthread_t thread;
    submission_t submission;
    bool stop;  /* under its lock */
    bool noted; /* likewise: there are notes that it does not know of */
};

writer_t *writer_new(journal_t *journal)
{
    writer_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->journal = journal;
    submission_open(&self->submission);
    return self;
}

/* The lock is held. */
static void s_work(writer_t *self)
{
    self->submission.given = false;
    pthread_mutex_unlock(&self->submission.lock);
    if (self->submission.count > 0)
        journal_append(self->journal, self->submission.entries, self->submission.count,
                       self->clock());
    else
        journal_tend(self->journal, self->clock());
    submission_done(&self->submission);
    pthread_mutex_lock(&self->submission.lock);
}

/* What waits for room is tried again each second. The lock is held. */
static void s_note(writer_t *self)
{
    self->noted = false;
    pthread_mutex_unlock(&self->submission.lock);
    noting_turn(self->journal, self->clock());
    pthread_mutex_lock(&self->submission.lock);
}

static bool s_has_more(const writer_t *self)
{
    journal_t *journal = self->journal;
    return journal->delivers && (notes_wait(&journal->notes) || atomic_load(&journal->full));
}

/* A segment ends by its age, too, where nothing comes that would end it. The lock is held. */
static void s_wait(writer_t *self)
{
    bool more = s_has_more(self);
    struct timespec until = timed_after(more ? ROOM_MS : ROLL_MS);
    if (timed_wait(&self->submission.wake, &self->submission.lock, &until))
        return;
    if (more) {
        self->noted = true;
        return;
    }
    pthread_mutex_unlock(&self->submission.lock);
    tables_roll_on(self->journal, running_at(self->journal, self->clock()));
    pthread_mutex_lock(&self->submission.lock);
}

void writer_nudge(writer_t *self)
{
    pthread_mutex_lock(&self->submission.lock);
    self->noted = true;
    pthread_cond_signal(&self->submission.wake);
    pthread_mutex_unlock(&self->submission.lock);
}

static void *s_run(void *arg)
{
    writer_t *self = arg;
    pthread_mutex_lock(&self->submission.lock);
    while (!self->stop || self->submission.given) {
        if (self->submission.given)
            s_work(self);
        else if (!self->noted)
            s_wait(self);
        if (self->noted)
            s_note(self);
    }
    pthread_mutex_unlock(&self->submission.lock);
    return NULL;
}

void journal_start(journal_t *journal, journal_clock_fn clock)
{
    writer_t *self = journal->writer;
    assert(!self->submission.started);
    self->clock = clock;
    int rc = pthread_create(&self->thread, NULL, s_run, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "journal.writer", "errno=%d", rc);
    self->submission.started = true;
    keeper_start(journal->keeper, clock);
}

void writer_destroy(writer_t **self_p)
{
    writer_t *self = *self_p;
    if (!self)
        return;
    if (self->submission.started) {
        pthread_mutex_lock(&self->submission.lock);
        self->stop = true;
        pthread_cond_signal(&self->submission.wake);
        pthread_mutex_unlock(&self->submission.lock);
        pthread_join(self->thread, NULL);
    }
    submission_close(&self->submission);
    free(self);
    *self_p = NULL;
}

bool journal_store(journal_t *journal, journal_entry_t **entries, size_t count)
{
    (void)journal, (void)entries, (void)count;
    return false; /* the server is waited for */
}

submission_t *journal_submission(const journal_t *self)
{
    return &self->writer->submission;
}
