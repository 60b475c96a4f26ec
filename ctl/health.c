/* posternctl health: asks every process's monitor. */
#include "ctl/command.h"
#include "ctl/fleet.h"
#include "ctl/http.h"
#include "ctl/table.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEALTH_TIMEOUT_MS = 2000, HEALTH_WATCH_S = 2 };

/* What a process's monitor said. */
typedef struct {
    http_reply_t health, readiness;
} answers_t;

/* "name: reason" of each check that is not good; those of a process that does not answer: why. */
static void s_reasons(const json_t *checks, char *text, size_t size)
{
    size_t i, len = 0;
    json_t *check;
    text[0] = '\0';
    json_array_foreach(checks, i, check)
    {
        const char *state = json_string_value(json_object_get(check, "state"));
        const char *name = json_string_value(json_object_get(check, "name"));
        const char *reason = json_string_value(json_object_get(check, "reason"));
        if (!state || strcmp(state, "ok") == 0 || len >= size)
            continue;
        len += (size_t)snprintf(text + len, size - len, "%s%s %s%s%s", len ? "; " : "",
                                name ? name : "?", state, reason && *reason ? ": " : "",
                                reason ? reason : "");
    }
}

/* In a word; *reason says more where /readyz did not. "stopped": the kernel takes connections for
 * it, but nobody answers them (SIGSTOP, a debugger, a frozen container). */
static const char *s_state(const answers_t *answers, bool degraded, char *reason, size_t size)
{
    const http_reply_t *mute = answers->health.mute ? &answers->health : &answers->readiness;
    if (mute->mute) {
        snprintf(reason, size, "no answer: %s", mute->error);
        return "stopped";
    }
    if (answers->health.status == 0 || answers->readiness.status == 0) {
        snprintf(reason, size, "no answer: %s",
                 answers->health.status == 0 ? answers->health.error : answers->readiness.error);
        return "absent";
    }
    if (answers->health.status != 200) {
        snprintf(reason, size, "%.*s", (int)strcspn(answers->health.body, "\n"),
                 answers->health.body);
        return "hanging";
    }
    if (answers->readiness.status != 200)
        return "not ready";
    return degraded ? "degraded" : "ready";
}

static json_t *s_row(const station_t *station, const answers_t *answers, bool *ready)
{
    char reasons[512];
    const http_reply_t *readiness = &answers->readiness;
    bool alive = answers->health.status == 200;
    *ready = alive && readiness->status == 200;
    json_t *body =
        readiness->body ? json_loadb(readiness->body, readiness->body_len, 0, NULL) : NULL;
    bool degraded = json_is_true(json_object_get(body, "degraded"));
    s_reasons(json_object_get(body, "checks"), reasons, sizeof reasons);
    const char *state = s_state(answers, degraded, reasons, sizeof reasons);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:O?}", "process", station->name, "monitor",
                  station->monitor, "state", state, "alive", alive, "ready", *ready, "degraded",
                  degraded, "reasons", reasons, "checks", json_object_get(body, "checks"));
    json_decref(body);
    return row;
}

static bool s_is_wanted(const ctl_t *ctl, const station_t *station)
{
    const char *only = ctl_argument(ctl, 0);
    return !only || strcmp(only, station->name) == 0;
}

static bool s_has_any(const ctl_t *ctl, const fleet_t *fleet)
{
    for (unsigned i = 0; i < fleet_len(fleet); i++)
        if (s_is_wanted(ctl, fleet_at(fleet, i)))
            return true;
    return false;
}

/* Asks all that are wanted at the same time: however many are silent, it takes one timeout. */
static void s_ask(const ctl_t *ctl, const fleet_t *fleet, answers_t *answers)
{
    unsigned len = fleet_len(fleet), n = 0;
    char(*urls)[320] = calloc(2 * len, sizeof *urls);
    http_request_t *requests = calloc(2 * len, sizeof *requests);
    http_reply_t *replies = calloc(2 * len, sizeof *replies);
    assert(urls && requests && replies);
    for (unsigned i = 0; i < len; i++)
        for (unsigned page = 0; page < 2 && s_is_wanted(ctl, fleet_at(fleet, i)); page++) {
            snprintf(urls[n], sizeof *urls, "http://%s%s", fleet_at(fleet, i)->monitor,
                     page ? "/readyz" : "/healthz");
            requests[n] =
                (http_request_t){.method = "GET", .url = urls[n], .timeout_ms = HEALTH_TIMEOUT_MS};
            n++;
        }
    http_request_all(requests, replies, n);
    for (unsigned i = 0, at = 0; i < len; i++)
        if (s_is_wanted(ctl, fleet_at(fleet, i))) {
            answers[i] = (answers_t){.health = replies[at], .readiness = replies[at + 1]};
            at += 2;
        }
    free(urls);
    free(requests);
    free(replies);
}

static void s_show(const ctl_t *ctl, json_t *rows, bool ready)
{
    if (ctl_option(ctl, "--watch") && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    if (ctl_json(ctl)) {
        json_t *reply = json_pack("{s:b, s:O}", "ready", ready, "processes", rows);
        table_json(reply);
        json_decref(reply);
    } else {
        table_rows(rows, "process monitor state reasons");
    }
    fflush(stdout);
}

static bool s_round(const ctl_t *ctl, const fleet_t *fleet)
{
    bool all = true, ready;
    json_t *rows = json_array();
    answers_t *answers = calloc(fleet_len(fleet), sizeof *answers);
    assert(answers);
    s_ask(ctl, fleet, answers);
    for (unsigned i = 0; i < fleet_len(fleet); i++) {
        if (!s_is_wanted(ctl, fleet_at(fleet, i)))
            continue;
        json_array_append_new(rows, s_row(fleet_at(fleet, i), &answers[i], &ready));
        all = all && ready;
        http_reply_clear(&answers[i].health);
        http_reply_clear(&answers[i].readiness);
    }
    s_show(ctl, rows, all);
    free(answers);
    json_decref(rows);
    return all;
}

/* Waits; true when Ctrl-C or SIGTERM came, also during the last look. */
static bool s_is_told_to_end(const sigset_t *ends, unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};
    int got;
    while ((got = sigtimedwait(ends, NULL, &left)) < 0 && errno == EINTR) {
    }
    return got > 0;
}

int health_run(ctl_t *ctl)
{
    const conf_t *conf = ctl_conf(ctl);
    unsigned gateways = (unsigned)ctl_number(ctl, "--gateways", ctl_gateways(ctl), 1, 64);
    unsigned interval = (unsigned)ctl_number(ctl, "--interval", HEALTH_WATCH_S, 1, 3600);
    fleet_t *fleet = fleet_new(conf, gateways);
    sigset_t ends;
    if (!s_has_any(ctl, fleet)) {
        ctl_error(ctl, "unknown_process",
                  "%s is no process of this configuration; posternctl health lists them",
                  ctl_argument(ctl, 0));
        fleet_destroy(&fleet);
        return CTL_REFUSED;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    if (ctl_option(ctl, "--watch"))
        sigprocmask(SIG_BLOCK, &ends, NULL);
    bool ready = s_round(ctl, fleet);
    while (ctl_option(ctl, "--watch") && !s_is_told_to_end(&ends, interval))
        ready = s_round(ctl, fleet);
    fleet_destroy(&fleet);
    return ready ? CTL_OK : CTL_REFUSED;
}
