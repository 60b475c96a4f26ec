/* The requests of a lane that look at the health of the ring: authd says who may, then they wait
 * for the watch, and not for long, whatever stands still. Threading: the lane's. */
#ifndef POSTERN_GATEWAY_LOOKS_H
#define POSTERN_GATEWAY_LOOKS_H

#include "gateway/health/series.h"
#include "gateway/health/watch.h"
#include "gateway/ring/inflight.h"
#include "gateway/ring/reply.h"

/* How long authd may take; with the watch's time and a tick of the lane it makes less than 2 s. */
enum { LOOKS_JUDGE_MS = 700, LOOKS_MOST = 64 };

typedef struct looks looks_t;

/* JSON: NULL: authd has not said in time whether the sender may see it. The callee removes the
 * slot. */
typedef void looks_end_fn(void *arg, slot_t *slot, const char *json);

looks_t *looks_new(inflight_t *inflight, watch_t *watch, looks_end_fn *end, void *arg);

/* Whether there are less than LOOKS_MOST. */
bool looks_has_room(const looks_t *self);
/* A request has come; there has to be room. */
void looks_add(looks_t *self, slot_t *slot);
/* authd lets it. */
void looks_judged(looks_t *self, slot_t *slot);
/* Several times a second. */
void looks_tick(looks_t *self, int64_t now_ms);

/* Answers a request for the health: JSON: NULL: authd has not judged its sender in time. */
void looks_answer(h2o_req_t *req, const uuid_t7 *id, const char *json);
/* Answers a request for the series, whose sender authd lets: JUDGED: its word. */
void looks_series(series_t *series, h2o_req_t *req, const uuid_t7 *id, zmq_msg_t *judged);

#endif
