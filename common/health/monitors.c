#include "common/health/monitors.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void monitors_ask(const fleet_t *fleet, const bool *wanted, const char *const *paths,
                  unsigned pages, int64_t timeout_ms, ask_reply_t *replies)
{
    unsigned len = fleet_len(fleet), n = 0;
    inquiry_t *asks = calloc((size_t)len * pages, sizeof *asks);
    ask_reply_t *got = calloc((size_t)len * pages, sizeof *got);
    assert(asks && got);
    for (unsigned i = 0; i < len; i++)
        for (unsigned page = 0; page < pages && (!wanted || wanted[i]); page++)
            asks[n++] = (inquiry_t){fleet_at(fleet, i)->monitor, paths[page]};
    ask_all(asks, got, n, timeout_ms);
    memset(replies, 0, (size_t)len * pages * sizeof *replies);
    for (unsigned i = 0, at = 0; i < len; i++)
        for (unsigned page = 0; page < pages && (!wanted || wanted[i]); page++)
            replies[i * pages + page] = got[at++];
    free(asks);
    free(got);
}

const char *monitors_silence(const ask_reply_t *reply)
{
    return reply->status ? NULL : reply->mute ? "stopped" : "absent";
}

/* Ports of a host are its own; what listens on another one is not known by its directories. */
static bool s_is_here(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0 ||
           strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
}

bool monitors_foreign(const station_t *station, const ask_reply_t *reply, const json_t *readiness,
                      const char *installation, char *reason, size_t size)
{
    const char *process = json_string_value(json_object_get(readiness, "process"));
    const char *theirs = json_string_value(json_object_get(readiness, "installation"));
    unsigned index = (unsigned)json_integer_value(json_object_get(readiness, "index"));
    if (reply->status && !json_is_array(json_object_get(readiness, "checks"))) {
        snprintf(reason, size,
                 "what answers at this address is no process of Postern's: its own does not run, "
                 "or cannot be asked until the address is free (event=monitor.busy in its log)");
        return true;
    }
    if (!process || !theirs)
        return false;
    bool other = s_is_here(station->monitor) && strcmp(theirs, installation) != 0;
    const char *kind = strncmp(process, "postern-", 8) == 0 ? process + 8 : process;
    bool same = index == station->index || station->index >= CONF_ANY;
    if (!other && strcmp(kind, station->section) == 0 && same)
        return false;
    snprintf(reason, size,
             "%s-%u%s answers at this address: its own process does not run, or cannot be asked "
             "until the address is free (event=monitor.busy in its log)",
             kind, index, other ? " of another installation" : "");
    return true;
}
