/* posternctl health: asks every process's monitor. */
#include "ctl/command.h"
#include "ctl/host/interval.h"
#include "ctl/host/monitors.h"
#include "ctl/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEALTH_WATCH_S = 2 };

/* "name: reason" of each check that is not good; those of a process that does not answer: why. */
static void s_reasons(const json_t *checks, char *text, size_t size)
{
    size_t i, len = 0;
    json_t *check;
    text[0] = '\0';
    json_array_foreach (checks, i, check) {
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

/* In a word; *reason says more where /readyz did not. */
static const char *s_state(const http_reply_t *health, const http_reply_t *readiness, bool degraded,
                           char *reason, size_t size)
{
    const http_reply_t *silent = readiness->mute || health->status ? readiness : health;
    const char *silence = monitors_silence(silent);
    if (silence) {
        snprintf(reason, size, "no answer: %s%s", silent->error,
                 silent->mute ? "; it stands still, or another process has its address "
                                "(event=monitor.busy in its log)"
                              : "");
        return silence;
    }
    if (health->status != 200) {
        const char *body = health->body ? health->body : "";
        snprintf(reason, size, "%.*s", (int)strcspn(body, "\n"), body);
        return "hanging";
    }
    if (readiness->status != 200)
        return "not ready";
    return degraded ? "degraded" : "ready";
}

static json_t *s_row(const station_t *station, const char *installation, const http_reply_t *health,
                     const http_reply_t *readiness, bool *ready)
{
    char reasons[512];
    json_t *body =
        readiness->body ? json_loadb(readiness->body, readiness->body_len, 0, NULL) : NULL;
    bool degraded = json_is_true(json_object_get(body, "degraded"));
    s_reasons(json_object_get(body, "checks"), reasons, sizeof reasons);
    bool foreign =
        monitors_foreign(station, readiness, body, installation, reasons, sizeof reasons);
    bool alive = health->status == 200 && !foreign;
    degraded = degraded && !foreign;
    *ready = alive && readiness->status == 200;
    const char *state =
        foreign ? "foreign" : s_state(health, readiness, degraded, reasons, sizeof reasons);
    if (foreign)
        json_object_del(body, "checks");
    json_t *row = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:o, s:O?}", "process", station->name,
                            "monitor", station->monitor, "state", state, "alive", alive, "ready",
                            *ready, "degraded", degraded, "reasons", table_string(reasons),
                            "checks", json_object_get(body, "checks"));
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

static bool s_round(ctl_t *ctl, const fleet_t *fleet)
{
    static const char *const paths[] = {"/healthz", "/readyz"};
    bool all = true, ready;
    unsigned len = fleet_len(fleet);
    json_t *rows = json_array();
    char installation[CONF_INSTALLATION];
    conf_installation(ctl_conf_plain(ctl), installation);
    bool *wanted = calloc(len, sizeof *wanted);
    http_reply_t *replies = calloc(2 * (size_t)len, sizeof *replies);
    assert(wanted && replies);
    for (unsigned i = 0; i < len; i++)
        wanted[i] = s_is_wanted(ctl, fleet_at(fleet, i));
    monitors_ask(fleet, wanted, paths, 2, replies);
    for (unsigned i = 0; i < len; i++) {
        if (!wanted[i])
            continue;
        json_array_append_new(rows, s_row(fleet_at(fleet, i), installation, &replies[2 * i],
                                          &replies[2 * i + 1], &ready));
        all = all && ready;
        http_reply_clear(&replies[2 * i]);
        http_reply_clear(&replies[2 * i + 1]);
    }
    s_show(ctl, rows, all);
    free(wanted);
    free(replies);
    json_decref(rows);
    return all;
}

int health_run(ctl_t *ctl)
{
    const conf_t *conf = ctl_conf(ctl);
    unsigned gateways = (unsigned)ctl_number(ctl, "--gateways", ctl_gateways(ctl), 1, 64);
    unsigned interval = (unsigned)ctl_number(ctl, "--interval", HEALTH_WATCH_S, 1, 3600);
    fleet_t *fleet = fleet_new(conf, gateways);
    if (!s_has_any(ctl, fleet)) {
        ctl_error(ctl, "unknown_process",
                  "%s is no process of this configuration; posternctl health lists them",
                  ctl_argument(ctl, 0));
        fleet_destroy(&fleet);
        return CTL_REFUSED;
    }
    if (ctl_option(ctl, "--watch"))
        interval_begin();
    bool ready = s_round(ctl, fleet);
    while (ctl_option(ctl, "--watch") && !interval_wait(interval))
        ready = s_round(ctl, fleet);
    fleet_destroy(&fleet);
    return ready ? CTL_OK : CTL_REFUSED;
}
