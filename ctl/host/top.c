/* posternctl top: how much goes through each process, from the difference of two looks at its
 * /metrics. */
#include "common/base/clock.h"
#include "common/health/flows.h"
#include "common/health/monitors.h"
#include "common/health/sample.h"
#include "ctl/command.h"
#include "ctl/host/interval.h"
#include "ctl/host/part.h"
#include "ctl/table.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOP_INTERVAL_S = 2, TOP_SILENT_MS = 2500 };
/* What each monitor is asked for. */
enum { METRICS, READINESS, PAGES };

typedef struct {
    ctl_t *ctl;
    fleet_t *fleet;
    sample_t **before, **now; /* a process each; NULL: no answer */
    ask_reply_t *replies;     /* PAGES of each */
    bool *foreign;            /* somebody else answers at its address */
    int64_t before_ms, now_ms;
    char installation[CONF_INSTALLATION];
} top_t;

static const ask_reply_t *s_reply(const top_t *self, unsigned i, unsigned page)
{
    return &self->replies[i * PAGES + page];
}

static void s_clear_replies(top_t *self)
{
    for (unsigned i = 0; i < PAGES * fleet_len(self->fleet); i++)
        ask_reply_clear(&self->replies[i]);
}

static bool s_is_foreign(const top_t *self, unsigned i)
{
    char who[256];
    const ask_reply_t *readiness = s_reply(self, i, READINESS);
    json_t *body =
        readiness->body ? json_loadb(readiness->body, readiness->body_len, 0, NULL) : NULL;
    bool foreign = monitors_foreign(fleet_at(self->fleet, i), readiness, body, self->installation,
                                    who, sizeof who);
    json_decref(body);
    return foreign;
}

static void s_look(top_t *self)
{
    static const char *const paths[PAGES] = {[METRICS] = "/metrics", [READINESS] = "/readyz"};
    unsigned len = fleet_len(self->fleet);
    s_clear_replies(self);
    for (unsigned i = 0; i < len; i++) {
        sample_destroy(&self->before[i]);
        self->before[i] = self->now[i];
        self->now[i] = NULL;
    }
    self->before_ms = self->now_ms;
    monitors_ask(self->fleet, NULL, paths, PAGES, MONITORS_TIMEOUT_MS, self->replies);
    self->now_ms = clock_ms();
    for (unsigned i = 0; i < len; i++) {
        const ask_reply_t *metrics = s_reply(self, i, METRICS);
        self->foreign[i] = s_is_foreign(self, i);
        if (metrics->status == 200 && metrics->body && !self->foreign[i])
            self->now[i] = sample_parse(metrics->body, metrics->body_len);
    }
}

static const char *s_state(const ask_reply_t *reply, const sample_t *now, bool foreign)
{
    const char *silence = monitors_silence(reply);
    if (silence)
        return silence;
    if (foreign)
        return "foreign";
    if (!now)
        return "unknown";
    if (sample_sum(now, "main_loop_silent_seconds") * 1e3 > TOP_SILENT_MS)
        return "hanging";
    if (!(sample_sum(now, "ready") > 0))
        return "not ready";
    return sample_sum(now, "degraded") > 0 ? "degraded" : "ready";
}

static double s_of(double (*get)(const sample_t *, const char *), const sample_t *now,
                   const char *name)
{
    return name ? get(now, name) : NAN;
}

/* NAN is null: there is no such thing here, or nothing has happened. */
static void s_set(json_t *row, const char *key, double value)
{
    json_object_set_new(row, key, isnan(value) ? json_null() : json_real(value));
}

/* What is counted in whole ones. */
static void s_set_whole(json_t *row, const char *key, double value)
{
    json_object_set_new(row, key, isnan(value) ? json_null() : json_integer((json_int_t)value));
}

static void s_fill(const top_t *self, json_t *row, unsigned i)
{
    const sample_t *now = self->now[i], *before = self->before[i];
    const flow_t *flow = flow_of(fleet_at(self->fleet, i)->section);
    double seconds = (double)(self->now_ms - self->before_ms) / 1e3;
    if (before && sample_sum(now, "process_start_time_seconds") >
                      sample_sum(before, "process_start_time_seconds") + 0.5)
        before = NULL; /* another process: its counters began anew */
    double batches = sample_growth(now, before, flow->batches);
    double commits = sample_growth(now, before, "commit_seconds_count");
    double committing = sample_growth(now, before, "commit_seconds_sum");
    s_set(row, "in_per_s", sample_growth(now, before, flow->in) / seconds);
    s_set(row, "out_per_s", sample_growth(now, before, flow->out) / seconds);
    s_set(row, "batches_per_s", batches / seconds);
    s_set(row, "batch_entries",
          batches > 0 ? sample_growth(now, before, flow->filled) / batches : NAN);
    s_set_whole(row, "queue_entries", s_of(sample_sum, now, flow->queue));
    s_set(row, "queue_oldest_s", s_of(sample_most, now, flow->oldest));
    s_set(row, "p50_s", sample_quantile(now, before, flow->time, 0.5));
    s_set(row, "p99_s", sample_quantile(now, before, flow->time, 0.99));
    s_set(row, "commits_per_s", commits / seconds);
    s_set(row, "commit_s", commits > 0 ? committing / commits : NAN);
    s_set(row, "cpu", sample_growth(now, before, "process_cpu_seconds_total") / seconds);
    s_set_whole(row, "rss_bytes", sample_sum(now, "process_resident_memory_bytes"));
}

static json_t *s_rows(const top_t *self)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < fleet_len(self->fleet); i++) {
        json_t *row = json_pack("{s:s, s:s}", "process", fleet_at(self->fleet, i)->name, "state",
                                s_state(s_reply(self, i, METRICS), self->now[i], self->foreign[i]));
        if (self->now[i])
            s_fill(self, row, i);
        json_array_append_new(rows, row);
    }
    return rows;
}

/* How a column shows its number. */
typedef enum { SHOW_COUNT, SHOW_SECONDS, SHOW_PERCENT, SHOW_BYTES } show_t;

static const struct {
    const char *key, *heading;
    show_t show;
} s_columns[] = {
    {"in_per_s", "in/s", SHOW_COUNT},
    {"out_per_s", "out/s", SHOW_COUNT},
    {"batches_per_s", "batches/s", SHOW_COUNT},
    {"batch_entries", "size", SHOW_COUNT},
    {"queue_entries", "queue", SHOW_COUNT},
    {"queue_oldest_s", "oldest", SHOW_SECONDS},
    {"p50_s", "p50", SHOW_SECONDS},
    {"p99_s", "p99", SHOW_SECONDS},
    {"commits_per_s", "commits/s", SHOW_COUNT},
    {"commit_s", "commit", SHOW_SECONDS},
    {"cpu", "cpu", SHOW_PERCENT},
    {"rss_bytes", "rss", SHOW_BYTES},
};

static json_t *s_text(const json_t *value, show_t show)
{
    char text[32];
    double number = json_number_value(value);
    if (!json_is_number(value))
        return json_string("-");
    if (show == SHOW_SECONDS && number < 1)
        snprintf(text, sizeof text, "%.2f ms", number * 1e3);
    else if (show == SHOW_SECONDS)
        snprintf(text, sizeof text, "%.2f s", number);
    else if (show == SHOW_PERCENT)
        snprintf(text, sizeof text, "%.0f %%", number * 100);
    else if (show == SHOW_BYTES)
        snprintf(text, sizeof text, "%.1f MiB", number / (1 << 20));
    else
        snprintf(text, sizeof text, "%.*f", number > 0 && number < 10 ? 1 : 0, number);
    return json_string(text);
}

static void s_show_table(const json_t *rows)
{
    size_t i;
    json_t *row, *shown = json_array();
    json_array_foreach (rows, i, row) {
        json_t *texts = json_pack("{s:O, s:O}", "process", json_object_get(row, "process"), "state",
                                  json_object_get(row, "state"));
        for (size_t c = 0; c < sizeof s_columns / sizeof *s_columns; c++)
            json_object_set_new(texts, s_columns[c].heading,
                                s_text(json_object_get(row, s_columns[c].key), s_columns[c].show));
        json_array_append_new(shown, texts);
    }
    table_rows(shown, "process state in/s out/s batches/s size queue oldest p50 p99 commits/s "
                      "commit cpu rss");
    json_decref(shown);
}

static void s_show(const top_t *self)
{
    json_t *rows = s_rows(self);
    if (ctl_json(self->ctl)) {
        json_t *reply =
            json_pack("{s:f, s:O}", "seconds", (double)(self->now_ms - self->before_ms) / 1e3,
                      "processes", rows);
        table_json(reply);
        json_decref(reply);
    } else {
        s_show_table(rows);
    }
    json_decref(rows);
}

/* The terminal's other screen, without cursor and without wrapping; back at the end. */
static void s_screen(bool on)
{
    fputs(on ? "\033[?1049h\033[?25l\033[?7l" : "\033[?7h\033[?25h\033[?1049l", stdout);
    fflush(stdout);
}

static void s_watch(top_t *self, unsigned interval)
{
    s_screen(true);
    do {
        fputs("\033[H", stdout);
        s_show(self);
        fputs("\033[J\n\"-\": nothing of the kind, or not yet. Ctrl-C ends.\n", stdout);
        fflush(stdout);
        if (interval_wait(interval))
            break;
        s_look(self);
    } while (!ferror(stdout));
    s_screen(false);
}

static void s_free(top_t *self)
{
    for (unsigned i = 0; i < fleet_len(self->fleet); i++) {
        sample_destroy(&self->before[i]);
        sample_destroy(&self->now[i]);
    }
    s_clear_replies(self);
    free(self->foreign);
    free(self->before);
    free(self->now);
    free(self->replies);
    fleet_destroy(&self->fleet);
}

int top_run(ctl_t *ctl)
{
    const conf_t *conf = ctl_conf(ctl);
    fleet_part_t part;
    part_read(ctl, true, &part);
    unsigned interval = (unsigned)ctl_number(ctl, "--interval", TOP_INTERVAL_S, 1, 3600);
    bool once = ctl_option(ctl, "--once") || ctl_json(ctl) || !isatty(STDOUT_FILENO);
    top_t self = {.ctl = ctl, .fleet = fleet_new(conf, &part)};
    unsigned len = fleet_len(self.fleet);
    self.before = calloc(len, sizeof(sample_t *));
    self.now = calloc(len, sizeof(sample_t *));
    self.replies = calloc(PAGES * (size_t)len, sizeof *self.replies);
    self.foreign = calloc(len, sizeof *self.foreign);
    assert(self.before && self.now && self.replies && self.foreign);
    conf_installation(ctl_conf_plain(ctl), self.installation);
    interval_begin();
    s_look(&self);
    if (!once) {
        s_watch(&self, interval);
    } else if (!interval_wait(interval)) {
        s_look(&self);
        s_show(&self);
    }
    fflush(stdout);
    s_free(&self);
    return CTL_OK;
}
