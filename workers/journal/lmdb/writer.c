#include "workers/journal/lmdb/writer.h"

#include "common/base/clock.h"
#include "common/base/wake.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "workers/journal/lmdb/lmdb.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WRITERS = 2, TEND_MS = 1000, INSPECT_MS = 10000, MS_NS = 1000000, S_NS = 1000000000 };

struct writer {
    journal_t *journal;
    journal_clock_fn clock;
    bool started;
    pthread_t threads[WRITERS];
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the one that leads */
    pthread_cond_t free; /* nobody leads */
    int fd;
    bool busy;   /* main thread's: a submission is out */
    bool stop;   /* under the lock from here */
    bool led;    /* a thread leads: all that the journal is asked comes from it */
    bool given;  /* entries wait for it */
    bool nudged; /* notes do, or a commit has ended */
    journal_entry_t **entries;
    size_t count;
    bool more; /* from here the leading thread's: there is more to tend */
    int64_t inspected_ms;
    uint64_t retired;
};

static void s_inspect(writer_t *self, int64_t now_ms)
{
    journal_state_t state;
    if (self->inspected_ms && now_ms - self->inspected_ms < INSPECT_MS)
        return;
    self->inspected_ms = now_ms;
    journal_inspect(self->journal, &state);
    metric_set(METRIC_journal_rows, (int64_t)state.records);
    metric_set(METRIC_journal_used_bytes, (int64_t)state.used_bytes);
    metric_set(METRIC_journal_room_bytes, (int64_t)state.room_bytes);
    metric_add(METRIC_retired_total, (int64_t)(state.retired - self->retired));
    self->retired = state.retired;
}

/* Waits for a submission; false when there is none and the journal is to be tended, at once when
 * there is more of that. The lock is held. */
static bool s_wait(writer_t *self)
{
    struct timespec until;
    int64_t wait_ms = journal_is_saved(self->journal) ? TEND_MS : JOURNAL_CHECKPOINT_MS;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait_ms * MS_NS;
    until.tv_sec += ns / S_NS;
    until.tv_nsec = ns % S_NS;
    int rc = 0;
    while (!self->given && !self->nudged && !self->stop && !self->more && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&self->wake, &self->lock, &until);
    self->nudged = false;
    return self->given;
}

/* One of nothing is completed when what is due was done. */
static bool s_work(writer_t *self, bool given)
{
    bool stores = given && self->count > 0;
    if (stores) {
        journal_append(self->journal, self->entries, self->count, self->clock());
        wake_ring(self->fd);
    }
    bool begun = journal_checkpoint_begin(self->journal, self->clock());
    if (!stores && !begun)
        self->more = journal_tend(self->journal, self->clock());
    if (given && !stores)
        wake_ring(self->fd);
    return begun;
}

/* Leads until a commit has begun, which is then this thread's; false when it is time to stop. The
 * lock is held. */
static bool s_lead(writer_t *self)
{
    bool begun = false;
    while (!begun && (!self->stop || self->given)) {
        bool given = s_wait(self);
        self->given = false;
        pthread_mutex_unlock(&self->lock);
        begun = s_work(self, given);
        bool takes_more = journal_takes_notes(self->journal, self->clock());
        s_inspect(self, clock_ms());
        pthread_mutex_lock(&self->lock);
        self->nudged |= takes_more;
    }
    return begun;
}

/* Two threads take turns: while one waits for a commit, the other leads. */
static void *s_run(void *arg)
{
    writer_t *self = arg;
    bool begun = true;
    pthread_mutex_lock(&self->lock);
    while (begun) {
        while (self->led)
            pthread_cond_wait(&self->free, &self->lock);
        self->led = true;
        begun = s_lead(self);
        if (!begun)
            journal_finish(self->journal);
        self->led = false;
        pthread_cond_signal(&self->free);
        if (begun) {
            pthread_mutex_unlock(&self->lock);
            journal_checkpoint_end(self->journal, self->clock());
            pthread_mutex_lock(&self->lock);
            self->nudged = true; /* what was stored meanwhile is to be applied */
            pthread_cond_signal(&self->wake);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

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
    pthread_cond_init(&self->free, NULL);
    pthread_condattr_destroy(&attributes);
    return self;
}

void writer_start(writer_t *self, journal_clock_fn clock)
{
    int rc = 0;
    assert(!self->started);
    self->clock = clock;
    self->nudged = true; /* what was noted before */
    for (unsigned i = 0; i < WRITERS && rc == 0; i++)
        rc = pthread_create(&self->threads[i], NULL, s_run, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "journal.writer", "errno=%d", rc);
    self->started = true;
}

static void s_join(writer_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(self->threads[i], NULL);
}

void writer_destroy(writer_t **self_p)
{
    writer_t *self = *self_p;
    if (!self)
        return;
    if (self->started)
        s_join(self);
    pthread_cond_destroy(&self->wake);
    pthread_cond_destroy(&self->free);
    pthread_mutex_destroy(&self->lock);
    close(self->fd);
    free(self);
    *self_p = NULL;
}

void writer_nudge(writer_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->nudged = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

void journal_start(journal_t *journal, journal_clock_fn clock)
{
    writer_start(journal->writer, clock);
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
