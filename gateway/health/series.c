#include "gateway/health/series.h"

#include "common/base/clock.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    int64_t at_ms;    /* its end, on the wall clock */
    int64_t requests; /* answered */
    int64_t errors;
    double p50_us, p99_us; /* -1: nothing was answered */
    unsigned queue;        /* at its end */
    unsigned length_ms;
} step_t;
_Static_assert(sizeof(step_t) == 48, "series.h names the bytes");

struct series {
    char name[64];
    int64_t begun_ms; /* of the step under way */
    int64_t requests, errors;
    metric_buckets_t times;
    pthread_mutex_t lock; /* of the rest */
    step_t steps[SERIES_STEPS];
    unsigned count; /* taken so far; the next goes to count % SERIES_STEPS */
};

static void s_begin(series_t *self, int64_t now_ms)
{
    self->begun_ms = now_ms;
    self->requests = metric_get(METRIC_http_requests_total);
    self->errors = metric_get(METRIC_http_errors_total);
    self->times = metric_buckets(METRIC_http_request_seconds);
}

series_t *series_new(const char *name)
{
    series_t *self = calloc(1, sizeof *self);
    assert(self);
    snprintf(self->name, sizeof self->name, "%s", name);
    pthread_mutex_init(&self->lock, NULL);
    s_begin(self, clock_ms());
    return self;
}

void series_tick(series_t *self, int64_t now_ms, unsigned queue)
{
    if (now_ms - self->begun_ms < SERIES_STEP_S * 1000)
        return;
    metric_buckets_t times = metric_buckets(METRIC_http_request_seconds);
    step_t step = {
        .at_ms = clock_wall_ms(),
        .requests = metric_get(METRIC_http_requests_total) - self->requests,
        .errors = metric_get(METRIC_http_errors_total) - self->errors,
        .p50_us = metric_quantile_us(&times, &self->times, 0.5),
        .p99_us = metric_quantile_us(&times, &self->times, 0.99),
        .queue = queue,
        .length_ms = (unsigned)(now_ms - self->begun_ms),
    };
    pthread_mutex_lock(&self->lock);
    self->steps[self->count++ % SERIES_STEPS] = step;
    pthread_mutex_unlock(&self->lock);
    s_begin(self, now_ms);
}

static json_t *s_ms(double us)
{
    return us < 0 ? json_null() : json_real(us / 1e3);
}

static json_t *s_step(const step_t *step)
{
    char at[CLOCK_TEXT];
    double seconds = step->length_ms / 1e3;
    clock_text(step->at_ms, at);
    return json_pack("{s:s, s:f, s:f, s:f, s:o, s:o, s:i}", "at", at, "seconds", seconds, "rate",
                     (double)step->requests / seconds, "errors", (double)step->errors / seconds,
                     "p50_ms", s_ms(step->p50_us), "p99_ms", s_ms(step->p99_us), "queue",
                     (int)step->queue);
}

unsigned series_minutes(slice_t judged)
{
    json_t *said = json_loadb(judged.data, judged.len, 0, NULL);
    json_int_t minutes = json_integer_value(json_object_get(said, "minutes"));
    json_decref(said);
    return minutes >= 1 && minutes <= SERIES_MINUTES ? (unsigned)minutes : SERIES_MINUTES;
}

char *series_json(series_t *self, unsigned minutes)
{
    assert(minutes >= 1 && minutes <= SERIES_MINUTES);
    unsigned most = minutes * 60 / SERIES_STEP_S;
    json_t *steps = json_array();
    pthread_mutex_lock(&self->lock);
    unsigned len = self->count < most ? self->count : most;
    for (unsigned i = self->count - len; i < self->count; i++)
        json_array_append_new(steps, s_step(&self->steps[i % SERIES_STEPS]));
    pthread_mutex_unlock(&self->lock);
    json_t *series =
        json_pack("{s:s, s:i, s:o}", "by", self->name, "step_s", SERIES_STEP_S, "steps", steps);
    char *text = json_dumps(series, JSON_COMPACT);
    json_decref(series);
    assert(text);
    return text;
}
