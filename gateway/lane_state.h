/* How a lane stands, for the gateway to sum up. Threading: written by the lane's thread, read by
 * any.
 */
#ifndef POSTERN_GATEWAY_LANE_STATE_H
#define POSTERN_GATEWAY_LANE_STATE_H

#include "gateway/ring/bridge.h"
#include "gateway/ring/inflight.h"

#include <stdatomic.h>

/* Times are clock_ms (). */
typedef struct {
    _Atomic int64_t ticked_ms;
    _Atomic int64_t authd_ms; /* when an authd was last there; the lane's start before that */
    _Atomic unsigned authds, authds_alive, routers, routers_alive, inflight;
    _Atomic int64_t waiting, waiting_bytes; /* to be sent */
    _Atomic int64_t oldest_ms;              /* how long the first of these has waited */
    _Atomic bool failing;                   /* cannot accept */
    _Atomic int64_t behind_ms;              /* when a shard last failed a request; 0: never */
    _Atomic unsigned behind_error;          /* how: the error_code_t that the sender got */
    _Atomic bool drained;
} lane_state_t;

/* FAILING: it cannot accept. */
void lane_state_publish(lane_state_t *self, const bridge_state_t *bridge, inflight_t *inflight,
                        bool failing, int64_t now_ms);
/* What a sender was told: for the check "shards". */
void lane_state_note_behind(lane_state_t *self, unsigned error);

#endif
