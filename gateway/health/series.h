/* What this gateway has answered in the last hour, in steps of 10 s, in memory: SERIES_STEPS of 48
 * bytes. Threading: series_tick by one thread, the rest by any. */
#ifndef POSTERN_GATEWAY_HEALTH_SERIES_H
#define POSTERN_GATEWAY_HEALTH_SERIES_H

#include "common/base/slice.h"

#include <stdint.h>

enum {
    SERIES_STEP_S = 10,
    SERIES_MINUTES = 60,
    SERIES_STEPS = SERIES_MINUTES * 60 / SERIES_STEP_S
};

typedef struct series series_t;

/* NAME: of the gateway. */
series_t *series_new(const char *name);

/* Several times a second: takes a step when its time is over. QUEUE: requests that wait for their
 * answer. */
void series_tick(series_t *self, int64_t now_ms, unsigned queue);

/* Of authd's word, {"minutes": N}; all of them where it says none. */
unsigned series_minutes(slice_t judged);

/* The JSON of GET /health/series of the last MINUTES, 1 to SERIES_MINUTES; the caller's to free. */
char *series_json(series_t *self, unsigned minutes);

#endif
