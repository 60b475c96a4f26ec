/* posternctl restart: asks the running `up` to restart processes, one after another. */
#include "common/life/path.h"
#include "common/life/trust.h"
#include "ctl/command.h"
#include "ctl/host/doorbell.h"
#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int s_unreachable(ctl_t *ctl, int error)
{
    if (error == ENOENT || error == ECONNREFUSED)
        ctl_error(ctl, "unavailable",
                  "no posternctl up runs %s on this host; where something else started the "
                  "processes (systemd, containers), restart them by that",
                  ctl_conf_path(ctl));
    else
        ctl_error(ctl, "failed", "cannot reach the running posternctl up: %s", strerror(error));
    return CTL_REFUSED;
}

static void s_tell(const ctl_t *ctl, json_t *packet, json_t *rows)
{
    if (!ctl_json(ctl)) {
        printf("%s is ready as pid %lld after %.2f s\n",
               json_string_value(json_object_get(packet, "process")),
               (long long)json_integer_value(json_object_get(packet, "pid")),
               (double)json_integer_value(json_object_get(packet, "ms")) / 1000);
        fflush(stdout);
    }
    json_array_append(rows, packet);
}

/* Reads the news until the end; the exit status. */
static int s_follow(ctl_t *ctl, int fd, json_t *rows)
{
    for (json_t *packet; (packet = doorbell_hear(fd)); json_decref(packet)) {
        const char *code = json_string_value(json_object_get(packet, "code"));
        if (!code && !json_object_get(packet, "done")) {
            s_tell(ctl, packet, rows);
            continue;
        }
        if (code)
            ctl_error(ctl, code, "%s", json_string_value(json_object_get(packet, "message")));
        json_decref(packet);
        return code ? CTL_REFUSED : CTL_OK;
    }
    ctl_error(ctl, "failed", "posternctl up ended before the restart was done");
    return CTL_REFUSED;
}

int restart_run(ctl_t *ctl)
{
    const char *wanted = ctl_argument(ctl, 0) ? ctl_argument(ctl, 0) : "all";
    char err[PATH_ERROR];
    const char *sockets = conf_text(ctl_conf(ctl), SET_data_sockets);
    if (trust_check(ctl_conf(ctl), sockets, err, sizeof err) != 0) {
        ctl_error(ctl, "failed", "%s", err);
        return CTL_REFUSED;
    }
    int fd = doorbell_ring(sockets, wanted);
    if (fd < 0)
        return s_unreachable(ctl, errno);
    json_t *rows = json_array();
    int status = s_follow(ctl, fd, rows);
    if (ctl_json(ctl) && status == CTL_OK) {
        json_t *all = json_pack("{s:O}", "restarted", rows);
        table_json(all);
        json_decref(all);
    }
    json_decref(rows);
    close(fd);
    return status;
}
