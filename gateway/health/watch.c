#include "gateway/health/watch.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "gateway/health/report.h"
#include "gateway/health/sentence.h"

#include <assert.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STALE_MS = 3 * WATCH_KEPT_MS /* a look that nobody begins with */ };

struct watch {
    look_t *look; /* the thread's */
    char name[64];
    pthread_mutex_t lock;
    pthread_cond_t asked;
    bool wanted;
    char *report; /* of the last look; NULL: none */
    int64_t ended_ms;
    char *standing;   /* what watch_changed tells */
    unsigned changes; /* of it, from 1 */
    uint64_t digest;  /* the thread's: of the states */
};

watch_t *watch_new(const conf_t *conf, unsigned own, const char *name)
{
    watch_t *self = calloc(1, sizeof *self);
    assert(self);
    self->look = look_new(conf, own);
    snprintf(self->name, sizeof self->name, "%s", name);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->asked, NULL);
    return self;
}

static void s_await(watch_t *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->wanted)
        pthread_cond_wait(&self->asked, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

/* FNV-1a of the states, and of the counts of restarts. */
static uint64_t s_digest(const look_t *look)
{
    uint64_t digest = 14695981039346656037u;
    for (unsigned i = 0; i < look_len(look); i++) {
        const seen_t *seen = look_at(look, i);
        digest = (digest ^ (seen->shown + 2 * seen->restarts + 1)) * 1099511628211u;
        for (const char *at = seen->state; *at; at++)
            digest = (digest ^ (unsigned char)*at) * 1099511628211u;
    }
    return digest;
}

static char *s_standing(const look_t *look)
{
    char text[SENTENCE];
    sentence_write(look, text);
    json_t *json = json_pack("{s:s}", "sentence", text);
    char *standing = json_dumps(json, JSON_COMPACT);
    assert(standing);
    json_decref(json);
    return standing;
}

/* NULL: they are as they were. */
static char *s_news(watch_t *self)
{
    uint64_t digest = s_digest(self->look);
    if (self->standing && digest == self->digest)
        return NULL;
    self->digest = digest;
    return s_standing(self->look);
}

static void s_publish(watch_t *self, char *report)
{
    char *news = s_news(self);
    pthread_mutex_lock(&self->lock);
    if (news) {
        free(self->standing);
        self->standing = news;
        self->changes++;
    }
    free(self->report);
    self->report = report;
    self->ended_ms = clock_ms();
    self->wanted = false;
    pthread_mutex_unlock(&self->lock);
}

static void *s_run(void *arg)
{
    watch_t *self = arg;
    for (;;) {
        s_await(self);
        look_round(self->look);
        s_publish(self, report_json(self->look, self->name));
    }
    return NULL;
}

void watch_start(watch_t *self)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, s_run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "gateway.watch", "err=%s", LOG_Q(strerror(rc)));
    pthread_detach(thread);
}

/* Whether the last look is new; else another one is asked for. The caller has the lock. */
static bool s_is_fresh(watch_t *self)
{
    bool fresh = self->report && clock_ms() - self->ended_ms <= WATCH_KEPT_MS;
    if (!fresh && !self->wanted) {
        self->wanted = true;
        pthread_cond_signal(&self->asked);
    }
    return fresh;
}

char *watch_report(watch_t *self)
{
    pthread_mutex_lock(&self->lock);
    char *report = s_is_fresh(self) ? strdup(self->report) : NULL;
    pthread_mutex_unlock(&self->lock);
    return report;
}

char *watch_changed(watch_t *self, unsigned *seen)
{
    pthread_mutex_lock(&self->lock);
    s_is_fresh(self);
    bool stale = !self->report || clock_ms() - self->ended_ms > STALE_MS;
    bool news = *seen ? *seen != self->changes : !stale;
    char *standing = news ? strdup(self->standing) : NULL;
    if (news)
        *seen = self->changes;
    pthread_mutex_unlock(&self->lock);
    return standing;
}
