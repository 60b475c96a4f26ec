#include "gateway/health/watch.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "gateway/health/report.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct watch {
    look_t *look; /* the thread's */
    char name[64];
    pthread_mutex_t lock;
    pthread_cond_t asked;
    bool wanted;
    char *report; /* of the last look; NULL: none */
    int64_t ended_ms;
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

static void s_publish(watch_t *self, char *report)
{
    pthread_mutex_lock(&self->lock);
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

char *watch_report(watch_t *self)
{
    char *report = NULL;
    pthread_mutex_lock(&self->lock);
    if (self->report && clock_ms() - self->ended_ms <= WATCH_KEPT_MS)
        report = strdup(self->report);
    else if (!self->wanted) {
        self->wanted = true;
        pthread_cond_signal(&self->asked);
    }
    pthread_mutex_unlock(&self->lock);
    return report;
}
