/* posternctl health: asks every process's monitor. */
#include "common/health/condition.h"
#include "ctl/command.h"
#include "ctl/host/interval.h"
#include "ctl/host/part.h"
#include "ctl/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEALTH_WATCH_S = 2 };

static json_t *s_row(const station_t *station, const condition_t *condition)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:o, s:O?}", "process", station->name,
                     "monitor", station->monitor, "state", condition->state, "alive",
                     condition->alive, "ready", condition->ready, "degraded", condition->degraded,
                     "reasons", table_string(condition->reasons), "checks",
                     json_object_get(condition->readiness, "checks"));
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
    bool all = true;
    unsigned len = fleet_len(fleet);
    json_t *rows = json_array();
    char installation[CONF_INSTALLATION];
    conf_installation(ctl_conf_plain(ctl), installation);
    bool *wanted = calloc(len, sizeof *wanted);
    ask_reply_t *replies = calloc(2 * (size_t)len, sizeof *replies);
    assert(wanted && replies);
    for (unsigned i = 0; i < len; i++)
        wanted[i] = s_is_wanted(ctl, fleet_at(fleet, i));
    monitors_ask(fleet, wanted, paths, 2, MONITORS_TIMEOUT_MS, replies);
    for (unsigned i = 0; i < len; i++) {
        if (!wanted[i])
            continue;
        condition_t condition;
        condition_read(&condition, fleet_at(fleet, i), installation, &replies[2 * i],
                       &replies[2 * i + 1]);
        json_array_append_new(rows, s_row(fleet_at(fleet, i), &condition));
        all = all && condition.ready;
        condition_clear(&condition);
        ask_reply_clear(&replies[2 * i]);
        ask_reply_clear(&replies[2 * i + 1]);
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
    fleet_part_t part;
    part_read(ctl, true, &part);
    unsigned interval = (unsigned)ctl_number(ctl, "--interval", HEALTH_WATCH_S, 1, 3600);
    fleet_t *fleet = fleet_new(conf, &part);
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
