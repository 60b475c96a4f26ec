#include "workers/journal/lmdb/writer.h"

#include "common/base/clock.h"
#include "common/base/timed.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "workers/journal/lmdb/lmdb.h"
#include "workers/journal/submission.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    WRITERS = 2,
    TEND_MS = 1000,
    INSPECT_MS = 10000,
    SLIGHT = 4, /* most entries that the main thread stores itself, */
    SLIGHT_BYTES = 64 << 10,
    SLIGHT_US = 2000, /* on a disk that takes no longer */
};

struct writer {
    journal_t *journal;
    journal_clock_fn clock;
    pthread_t threads[WRITERS];
    submission_t submission; /* its condition wakes the one that leads */
    pthread_cond_t free;     /* nobody leads */
    bool stop;               /* under the submission's lock from here */
    bool led;                /* a thread leads: all that the journal is asked comes from it */
    bool nudged;             /* notes wait for it, or a commit has ended */
    bool more;               /* from here the leading thread's: there is more to tend */
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
    struct timespec until =
        timed_after(journal_is_saved(self->journal) ? TEND_MS : JOURNAL_CHECKPOINT_MS);
    while (!self->submission.given && !self->nudged && !self->stop && !self->more &&
           timed_wait(&self->submission.wake, &self->submission.lock, &until))
        ;
    self->nudged = false;
    return self->submission.given;
}

/* One of nothing is completed when what is due was done. */
static bool s_work(writer_t *self, bool given)
{
    bool stores = given && self->submission.count > 0;
    if (stores) {
        journal_append(self->journal, self->submission.entries, self->submission.count,
                       self->clock());
        submission_done(&self->submission);
    }
    bool begun = journal_checkpoint_begin(self->journal, self->clock());
    if (!stores && !begun)
        self->more = journal_tend(self->journal, self->clock());
    if (given && !stores)
        submission_done(&self->submission);
    return begun;
}

/* Leads until a commit has begun, which is then this thread's; false when it is time to stop. The
 * lock is held. */
static bool s_lead(writer_t *self)
{
    bool begun = false;
    while (!begun && (!self->stop || self->submission.given)) {
        bool given = s_wait(self);
        self->submission.given = false;
        pthread_mutex_unlock(&self->submission.lock);
        begun = s_work(self, given);
        bool takes_more = journal_takes_notes(self->journal, self->clock());
        s_inspect(self, clock_ms());
        pthread_mutex_lock(&self->submission.lock);
        self->nudged |= takes_more;
    }
    return begun;
}

/* Two threads take turns: while one waits for a commit, the other leads. */
static void *s_run(void *arg)
{
    writer_t *self = arg;
    bool begun = true;
    pthread_mutex_lock(&self->submission.lock);
    while (begun) {
        while (self->led)
            pthread_cond_wait(&self->free, &self->submission.lock);
        self->led = true;
        begun = s_lead(self);
        if (!begun)
            journal_finish(self->journal);
        self->led = false;
        pthread_cond_signal(&self->free);
        if (begun) {
            pthread_mutex_unlock(&self->submission.lock);
            journal_checkpoint_end(self->journal, self->clock());
            pthread_mutex_lock(&self->submission.lock);
            self->nudged = true; /* what was stored meanwhile is to be applied */
            pthread_cond_signal(&self->submission.wake);
        }
    }
    pthread_mutex_unlock(&self->submission.lock);
    return NULL;
}

writer_t *writer_new(journal_t *journal)
{
    writer_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->journal = journal;
    submission_open(&self->submission);
    pthread_cond_init(&self->free, NULL);
    return self;
}

void writer_start(writer_t *self, journal_clock_fn clock)
{
    int rc = 0;
    assert(!self->submission.started);
    self->clock = clock;
    self->nudged = true; /* what was noted before */
    for (unsigned i = 0; i < WRITERS && rc == 0; i++)
        rc = pthread_create(&self->threads[i], NULL, s_run, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "journal.writer", "errno=%d", rc);
    self->submission.started = true;
}

static void s_join(writer_t *self)
{
    pthread_mutex_lock(&self->submission.lock);
    self->stop = true;
    pthread_cond_signal(&self->submission.wake);
    pthread_mutex_unlock(&self->submission.lock);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(self->threads[i], NULL);
}

void writer_destroy(writer_t **self_p)
{
    writer_t *self = *self_p;
    if (!self)
        return;
    if (self->submission.started)
        s_join(self);
    pthread_cond_destroy(&self->free);
    submission_close(&self->submission);
    free(self);
    *self_p = NULL;
}

void writer_nudge(writer_t *self)
{
    pthread_mutex_lock(&self->submission.lock);
    self->nudged = true;
    pthread_cond_signal(&self->submission.wake);
    pthread_mutex_unlock(&self->submission.lock);
}

void journal_start(journal_t *journal, journal_clock_fn clock)
{
    writer_start(journal->writer, clock);
}

/* Few, short, and none that somebody waits for with the next commit. */
static bool s_are_slight(journal_entry_t **entries, size_t count)
{
    size_t bytes = 0;
    bool awaited = false;
    for (size_t i = 0; i < count && i < SLIGHT; i++) {
        bytes += record_size(&entries[i]->record);
        awaited |= (entries[i]->record.flags & (RECORD_DELIVER | RECORD_REPLY)) != 0;
    }
    return count <= SLIGHT && bytes <= SLIGHT_BYTES && !awaited;
}

bool journal_store(journal_t *journal, journal_entry_t **entries, size_t count)
{
    writer_t *self = journal->writer;
    assert(self->submission.started && !self->submission.busy);
    return atomic_load(&journal->append_us) < SLIGHT_US && s_are_slight(entries, count) &&
           journal_append_beside(journal, entries, count, self->clock());
}

submission_t *journal_submission(const journal_t *self)
{
    return &self->writer->submission;
}
