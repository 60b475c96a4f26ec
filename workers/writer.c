#include "workers/writer.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { TEND_MS = 1000, INSPECT_MS = 10000, MS_NS = 1000000, S_NS = 1000000000 };

struct writer {
    journal_t *journal;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int fd;
    bool busy;   /* main thread's: a drain is out */
    bool stop;   /* under the lock from here */
    bool given;  /* entries wait for the thread */
    bool nudged; /* notes do */
    journal_entry_t **entries;
    size_t count;
    int64_t inspected_ms; /* the thread's */
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
    metric_set(METRIC_journal_map_bytes, (int64_t)state.map_bytes);
    metric_set(METRIC_disk_free_bytes, (int64_t)state.disk_free_bytes);
    metric_set(METRIC_reader_lag, (int64_t)state.reader_lag);
    metric_add(METRIC_retired_total, (int64_t)(state.retired - self->retired));
    self->retired = state.retired;
}

/* Waits for a drain; false when there is none and the journal is to be tended, at once when there
 * is more of that. The lock is held. */
static bool s_wait(writer_t *self, bool at_once)
{
    struct timespec until;
    int64_t wait_ms = journal_is_saved(self->journal) ? TEND_MS : JOURNAL_CHECKPOINT_MS;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + wait_ms * MS_NS;
    until.tv_sec += ns / S_NS;
    until.tv_nsec = ns % S_NS;
    int rc = 0;
    while (!self->given && !self->nudged && !self->stop && !at_once && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&self->wake, &self->lock, &until);
    self->nudged = false;
    return self->given;
}

static void *s_run(void *arg)
{
    writer_t *self = arg;
    bool more = false;
    pthread_mutex_lock(&self->lock);
    while (!self->stop || self->given) {
        if (s_wait(self, more)) {
            self->given = false;
            pthread_mutex_unlock(&self->lock);
            journal_append(self->journal, self->entries, self->count, clock_ms());
            uint64_t one = 1;
            if (write(self->fd, &one, sizeof one) != sizeof one)
                log_fatal(EXIT_FAULT, "writer.wake", "errno=%d", errno);
            journal_checkpoint(self->journal, clock_ms());
        } else if (!self->stop) {
            pthread_mutex_unlock(&self->lock);
            more = journal_tend(self->journal, clock_ms());
        } else {
            break;
        }
        s_inspect(self, clock_ms());
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    journal_finish(self->journal);
    return NULL;
}

writer_t *writer_new(journal_t *journal)
{
    writer_t *self = calloc(1, sizeof *self);
    pthread_condattr_t attributes;
    if (!self)
        abort();
    self->journal = journal;
    self->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (self->fd < 0 || pthread_create(&self->thread, NULL, s_run, self) != 0)
        log_fatal(EXIT_FAULT, "writer.start", "errno=%d", errno);
    return self;
}

void writer_destroy(writer_t **self_p)
{
    writer_t *self = *self_p;
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    close(self->fd);
    free(self);
    *self_p = NULL;
}

void writer_start(writer_t *self, journal_entry_t **entries, size_t count)
{
    assert(!self->busy);
    self->busy = true;
    pthread_mutex_lock(&self->lock);
    self->entries = entries;
    self->count = count;
    self->given = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

bool writer_is_idle(const writer_t *self)
{
    return !self->busy;
}

int writer_fd(const writer_t *self)
{
    return self->fd;
}

void writer_nudge(writer_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->nudged = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

bool writer_finished(writer_t *self)
{
    uint64_t drains;
    if (!self->busy || read(self->fd, &drains, sizeof drains) != sizeof drains)
        return false;
    self->busy = false;
    return true;
}
