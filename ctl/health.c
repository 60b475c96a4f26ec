/* posternctl health: asks every process's monitor. */
#include "ctl/command.h"
#include "ctl/fleet.h"
#include "ctl/http.h"
#include "ctl/table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEALTH_TIMEOUT_MS = 2000, HEALTH_WATCH_S = 2 };

static long s_ask(const station_t *station, const char *path, http_reply_t *reply)
{
    char url[320];
    snprintf(url, sizeof url, "http://%s%s", station->monitor, path);
    http_request_t request = {.method = "GET", .url = url, .timeout_ms = HEALTH_TIMEOUT_MS};
    http_request(&request, reply);
    return reply->status;
}

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

static json_t *s_station(const station_t *station, bool *ready)
{
    http_reply_t health, readiness;
    char reasons[512];
    bool alive = s_ask(station, "/healthz", &health) == 200;
    *ready = s_ask(station, "/readyz", &readiness) == 200;
    json_t *body = readiness.body ? json_loadb(readiness.body, readiness.body_len, 0, NULL) : NULL;
    bool degraded = json_is_true(json_object_get(body, "degraded"));
    s_reasons(json_object_get(body, "checks"), reasons, sizeof reasons);
    if (readiness.status == 0)
        snprintf(reasons, sizeof reasons, "no answer: %s", readiness.error);
    *ready = *ready && alive;
    json_t *row =
        json_pack("{s:s, s:s, s:b, s:b, s:b, s:s, s:O?}", "process", station->name, "monitor",
                  station->monitor, "alive", alive, "ready", *ready, "degraded", degraded,
                  "reasons", reasons, "checks", json_object_get(body, "checks"));
    json_decref(body);
    http_reply_clear(&health);
    http_reply_clear(&readiness);
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

static bool s_round(const ctl_t *ctl, const fleet_t *fleet)
{
    bool all = true, ready;
    json_t *rows = json_array();
    for (unsigned i = 0; i < fleet_len(fleet); i++) {
        if (!s_is_wanted(ctl, fleet_at(fleet, i)))
            continue;
        json_array_append_new(rows, s_station(fleet_at(fleet, i), &ready));
        all = all && ready;
    }
    if (ctl_option(ctl, "--watch") && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    if (ctl_json(ctl)) {
        json_t *reply = json_pack("{s:b, s:O}", "ready", all, "processes", rows);
        table_json(reply);
        json_decref(reply);
    } else {
        table_rows(rows, "process monitor alive ready degraded reasons");
    }
    fflush(stdout);
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
