/* How a process stands, from the answers of its monitor. Threading: any thread. */
#ifndef POSTERN_HEALTH_CONDITION_H
#define POSTERN_HEALTH_CONDITION_H

#include "common/health/monitors.h"

typedef struct {
    /* "ready", "degraded" (it serves), "not ready", "hanging" (/healthz is red), "stopped",
     * "absent" (monitors_silence) or "foreign" (monitors_foreign) */
    const char *state;
    bool alive, ready, degraded;
    char reasons[512]; /* of each check that is not good "name state: reason", or why there is no
                          answer */
    json_t *readiness; /* what /readyz said; NULL: nothing, or somebody else did */
} condition_t;

/* HEALTH and READINESS: of /healthz and /readyz. INSTALLATION: as conf_installation has it. Ends
 * with condition_clear. */
void condition_read(condition_t *self, const station_t *station, const char *installation,
                    const ask_reply_t *health, const ask_reply_t *readiness);
void condition_clear(condition_t *self);

#endif
