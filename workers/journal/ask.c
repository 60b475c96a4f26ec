#include "workers/journal/ask.h"

#include "common/base/turning.h"
#include "common/base/wake.h"
#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

typedef struct ask {
    STAILQ_ENTRY(ask) next;
    journal_query_fn query;
    journal_done_fn done;
    void *arg;
    journal_asked_t how;
    journal_reader_t *reader;
} ask_t;

typedef STAILQ_HEAD(, ask) asks_t;

struct asking {
    journal_reader_t *reader; /* the thread's */
    turning_t *turning;
    bool started, stopped; /* the main thread's, with COUNT */
    unsigned count;
    int fd;               /* readable: ANY */
    atomic_bool any;      /* something is in CARRIED_OUT, or the journal's tip has risen */
    atomic_bool watched;  /* the main thread is to be woken when the tip rises */
    pthread_mutex_t lock; /* of what follows */
    asks_t waiting, carried_out;
};

asking_t *asking_new(journal_reader_t *reader)
{
    asking_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->reader = reader;
    self->fd = wake_new();
    if (self->fd < 0)
        log_fatal(EXIT_FAULT, "journal.ask", "errno=%d", errno);
    pthread_mutex_init(&self->lock, NULL);
    self->turning = turning_new();
    STAILQ_INIT(&self->waiting);
    STAILQ_INIT(&self->carried_out);
    return self;
}

static void s_query(void *arg)
{
    ask_t *ask = arg;
    ask->query(ask->arg, ask->reader);
}

/* The lock is held. */
static void s_ring(asking_t *self)
{
    if (!atomic_exchange(&self->any, true))
        wake_ring(self->fd);
}

void asking_rose(asking_t *self)
{
    if (!atomic_load(&self->watched))
        return;
    pthread_mutex_lock(&self->lock);
    s_ring(self);
    pthread_mutex_unlock(&self->lock);
}

void journal_watch(journal_t *self, bool on)
{
    atomic_store(&journal_asking(self)->watched, on);
}

static ask_t *s_take(asking_t *self)
{
    pthread_mutex_lock(&self->lock);
    ask_t *ask = STAILQ_FIRST(&self->waiting);
    if (ask)
        STAILQ_REMOVE_HEAD(&self->waiting, next);
    pthread_mutex_unlock(&self->lock);
    return ask;
}

static bool s_carry_out(void *arg)
{
    asking_t *self = arg;
    ask_t *ask = s_take(self);
    if (!ask)
        return false;
    ask->reader = self->reader;
    ask->how = journal_try(self->reader, s_query, ask) ? JOURNAL_READ : journal_tried(self->reader);
    pthread_mutex_lock(&self->lock);
    STAILQ_INSERT_TAIL(&self->carried_out, ask, next);
    s_ring(self);
    bool more = !STAILQ_EMPTY(&self->waiting);
    pthread_mutex_unlock(&self->lock);
    return more;
}

static bool s_is_started(asking_t *self)
{
    if (self->started || self->stopped)
        return self->started;
    int rc = turning_start(self->turning, TURNING_RUNG, s_carry_out, self);
    self->started = rc == 0;
    if (rc != 0)
        log_error("journal.ask", "errno=%d err=%s", rc, LOG_Q("there is no thread for reading"));
    return self->started;
}

bool journal_ask(journal_t *journal, journal_query_fn query, journal_done_fn done, void *arg)
{
    asking_t *self = journal_asking(journal);
    if (self->count == JOURNAL_ASKED || !s_is_started(self))
        return false;
    ask_t *ask = malloc(sizeof *ask);
    if (!ask)
        abort();
    *ask = (ask_t){.query = query, .done = done, .arg = arg};
    self->count++;
    pthread_mutex_lock(&self->lock);
    STAILQ_INSERT_TAIL(&self->waiting, ask, next);
    pthread_mutex_unlock(&self->lock);
    turning_ring(self->turning);
    return true;
}

unsigned journal_asked(const journal_t *self)
{
    return journal_asking(self)->count;
}

int journal_fd(const journal_t *self)
{
    return journal_asking(self)->fd;
}

static void s_finish(asking_t *self, asks_t *asks)
{
    for (ask_t *ask; (ask = STAILQ_FIRST(asks));) {
        STAILQ_REMOVE_HEAD(asks, next);
        self->count--;
        ask->done(ask->arg, self->stopped ? JOURNAL_DROPPED : ask->how);
        free(ask);
    }
}

void journal_turn(journal_t *journal)
{
    asking_t *self = journal_asking(journal);
    asks_t carried_out = STAILQ_HEAD_INITIALIZER(carried_out);
    if (!atomic_load(&self->any))
        return;
    pthread_mutex_lock(&self->lock);
    STAILQ_CONCAT(&carried_out, &self->carried_out);
    atomic_store(&self->any, false);
    bool rung = wake_silence(self->fd);
    assert(rung);
    pthread_mutex_unlock(&self->lock);
    s_finish(self, &carried_out);
}

static void s_stop(asking_t *self)
{
    turning_stop(self->turning);
    self->started = false;
    self->stopped = true;
    s_finish(self, &self->carried_out);
    s_finish(self, &self->waiting);
}

void journal_stop(journal_t *self)
{
    s_stop(journal_asking(self));
}

void asking_destroy(asking_t **self_p)
{
    asking_t *self = *self_p;
    if (!self)
        return;
    s_stop(self);
    turning_destroy(&self->turning);
    close(self->fd);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}
