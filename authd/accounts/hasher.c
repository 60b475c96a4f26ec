#include "authd/accounts/hasher.h"

#include "common/base/clock.h"
#include "common/base/wake.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>
#include <unistd.h>

enum { MAGIC = 0x48415348, DUMMY = 32, SHARER = 256 };

struct hash_job {
    STAILQ_ENTRY(hash_job) link;
    void *owner;
    char *given, *fresh; /* sodium_malloc'ed; NULL: nothing to check, or to make */
    char stored[PASSWORD_HASH], made[PASSWORD_HASH];
    password_words_t words;
    bool matched, weak;
    char account[SHARER], network[SHARER]; /* the same from new to destroy */
};

typedef STAILQ_HEAD(, hash_job) jobs_t;

struct hasher {
    unsigned magic;
    password_cost_t cost;
    char dummy[PASSWORD_HASH]; /* of a password that nobody has; the thread's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t come;
    jobs_t waiting, done;
    const hash_job_t *given[HASHER_JOBS]; /* and not yet taken; the caller's side */
    unsigned jobs;
    bool stop;
    int fd;
};

static hash_job_t *s_first(jobs_t *jobs)
{
    hash_job_t *job = STAILQ_FIRST(jobs);
    if (job)
        STAILQ_REMOVE_HEAD(jobs, link);
    return job;
}

/* A locked copy that sodium_free wipes; empty when TEXT is none that a password could be. */
static char *s_keep(slice_t text)
{
    char *copy = sodium_malloc(PASSWORD_MOST + 1);
    if (!copy)
        abort();
    size_t len = text.len > PASSWORD_MOST ? 0 : text.len;
    if (len)
        memcpy(copy, text.data, len);
    copy[len] = '\0';
    return copy;
}

hash_job_t *hash_job_new(slice_t account, const char *network)
{
    hash_job_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    snprintf(self->account, sizeof self->account, "%.*s", SLICE_ARG(account));
    snprintf(self->network, sizeof self->network, "%s", network);
    return self;
}

void hash_job_destroy(hash_job_t **self_p)
{
    hash_job_t *self = *self_p;
    if (!self)
        return;
    sodium_free(self->given);
    sodium_free(self->fresh);
    sodium_memzero(self, sizeof *self);
    free(self);
    *self_p = NULL;
}

void hash_job_check(hash_job_t *self, slice_t given, slice_t stored)
{
    assert(!self->given && stored.len < sizeof self->stored);
    self->given = s_keep(given);
    if (stored.len)
        memcpy(self->stored, stored.data, stored.len);
}

void hash_job_make(hash_job_t *self, slice_t fresh, const password_words_t *words)
{
    assert(!self->fresh && fresh.len >= 1 && fresh.len <= PASSWORD_MOST);
    self->fresh = s_keep(fresh);
    self->words = *words;
}

bool hash_job_matched(const hash_job_t *self)
{
    return self->matched;
}

bool hash_job_weak(const hash_job_t *self)
{
    return self->weak;
}

const char *hash_job_stored(const hash_job_t *self)
{
    return self->stored;
}

const char *hash_job_made(const hash_job_t *self)
{
    return self->made;
}

static void s_make(const hasher_t *self, hash_job_t *job, const char *password)
{
    if (password_hash(&self->cost, password, job->made) == 0)
        return;
    job->made[0] = '\0';
    log_error("hasher.memory", "memory_kib=%llu err=%s", (unsigned long long)self->cost.memory_kib,
              LOG_Q("no memory for a hash: lower authd.password_memory_kib"));
}

static void s_check(const hasher_t *self, hash_job_t *job)
{
    bool there = job->stored[0] != '\0';
    job->matched = password_matches(there ? job->stored : self->dummy, job->given) && there;
    if (job->matched && !job->fresh && password_is_dated(job->stored, &self->cost))
        s_make(self, job, job->given);
}

static void s_do(const hasher_t *self, hash_job_t *job)
{
    int64_t began_us = clock_us();
    job->matched = true;
    if (job->given)
        s_check(self, job);
    if (job->fresh && job->matched) {
        job->weak = password_is_weak(job->fresh, &job->words);
        if (!job->weak)
            s_make(self, job, job->fresh);
    }
    metric_observe_us(METRIC_hash_seconds, clock_us() - began_us);
}

static void s_make_dummy(hasher_t *self)
{
    char random[DUMMY + 1];
    randombytes_buf(random, DUMMY);
    for (unsigned i = 0; i < DUMMY; i++)
        random[i] |= 1; /* no NUL among them */
    random[DUMMY] = '\0';
    if (password_hash(&self->cost, random, self->dummy) != 0)
        log_error("hasher.memory", "err=%s",
                  LOG_Q("no memory for a hash: lower authd.password_memory_kib"));
}

static void *s_main(void *arg)
{
    hasher_t *self = arg;
    assert(self->magic == MAGIC);
    s_make_dummy(self);
    pthread_mutex_lock(&self->mutex);
    while (!self->stop) {
        hash_job_t *job = s_first(&self->waiting);
        if (!job) {
            pthread_cond_wait(&self->come, &self->mutex);
            continue;
        }
        pthread_mutex_unlock(&self->mutex);
        s_do(self, job);
        pthread_mutex_lock(&self->mutex);
        STAILQ_INSERT_TAIL(&self->done, job, link);
        wake_ring(self->fd);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

hasher_t *hasher_new(const password_cost_t *cost)
{
    hasher_t *self = calloc(1, sizeof *self);
    if (!self || sodium_init() < 0)
        abort();
    self->magic = MAGIC;
    self->cost = *cost;
    STAILQ_INIT(&self->waiting);
    STAILQ_INIT(&self->done);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->come, NULL);
    self->fd = wake_new();
    if (self->fd < 0 || pthread_create(&self->thread, NULL, s_main, self) != 0)
        log_fatal(EXIT_FAULT, "hasher.thread", "err=%s", LOG_Q("cannot start a thread"));
    metric_set(METRIC_hash_jobs, 0);
    return self;
}

static void s_drop(jobs_t *jobs)
{
    for (hash_job_t *job; (job = s_first(jobs));)
        hash_job_destroy(&job);
}

void hasher_destroy(hasher_t **self_p)
{
    hasher_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    pthread_mutex_lock(&self->mutex);
    self->stop = true;
    pthread_cond_signal(&self->come);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    s_drop(&self->waiting);
    s_drop(&self->done);
    pthread_cond_destroy(&self->come);
    pthread_mutex_destroy(&self->mutex);
    close(self->fd);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

/* Whether JOB's account or network has its share of the jobs. */
static bool s_has_share(const hasher_t *self, const hash_job_t *job)
{
    unsigned account = 0, network = 0;
    for (unsigned i = 0; i < self->jobs; i++) {
        const hash_job_t *other = self->given[i];
        account += job->account[0] && strcasecmp(job->account, other->account) == 0;
        network += job->network[0] && strcmp(job->network, other->network) == 0;
    }
    return account >= HASHER_SHARE || network >= HASHER_SHARE;
}

hasher_submit_t hasher_submit(hasher_t *self, hash_job_t **job_p, void *owner)
{
    assert(self->magic == MAGIC);
    if (self->jobs == HASHER_JOBS)
        return HASHER_FULL;
    hash_job_t *job = *job_p;
    if (s_has_share(self, job))
        return HASHER_SHARE_FULL;
    self->given[self->jobs++] = job;
    metric_set(METRIC_hash_jobs, self->jobs);
    job->owner = owner;
    *job_p = NULL;
    pthread_mutex_lock(&self->mutex);
    STAILQ_INSERT_TAIL(&self->waiting, job, link);
    pthread_cond_signal(&self->come);
    pthread_mutex_unlock(&self->mutex);
    return HASHER_TAKEN;
}

int hasher_fd(const hasher_t *self)
{
    return self->fd;
}

static void s_forget(hasher_t *self, const hash_job_t *job)
{
    unsigned at = 0;
    while (self->given[at] != job)
        at++;
    self->given[at] = self->given[--self->jobs];
    metric_set(METRIC_hash_jobs, self->jobs);
}

hash_job_t *hasher_take(hasher_t *self, void **owner)
{
    assert(self->magic == MAGIC);
    pthread_mutex_lock(&self->mutex);
    hash_job_t *job = s_first(&self->done);
    if (STAILQ_EMPTY(&self->done))
        wake_silence(self->fd);
    pthread_mutex_unlock(&self->mutex);
    if (job) {
        s_forget(self, job);
        *owner = job->owner;
    }
    return job;
}
