#include "gateway/lane_state.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/monitor/monitor.h"

void lane_state_publish(lane_state_t *self, const bridge_state_t *bridge, inflight_t *inflight,
                        bool failing, int64_t now_ms)
{
    int64_t before = atomic_load(&self->inflight), len = inflight_len(inflight);
    atomic_store(&self->authds, bridge->authds);
    atomic_store(&self->authds_alive, bridge->authds_alive);
    atomic_store(&self->routers, bridge->routers);
    atomic_store(&self->routers_alive, bridge->routers_alive);
    atomic_store(&self->inflight, (unsigned)len);
    atomic_store(&self->waiting, inflight_pending_len(inflight));
    atomic_store(&self->waiting_bytes, (int64_t)inflight_pending_bytes(inflight));
    atomic_store(&self->oldest_ms, bridge->oldest_ms);
    atomic_store(&self->failing, failing);
    if (bridge->authds_alive)
        atomic_store(&self->authd_ms, now_ms);
    atomic_store(&self->ticked_ms, now_ms);
    metric_add(METRIC_inflight, len - before);
}

/* The disk is full, or nothing was heard. */
void lane_state_note_behind(lane_state_t *self, unsigned error)
{
    if (error != ERROR_storage_full && error != ERROR_unavailable && error != ERROR_not_confirmed)
        return;
    atomic_store(&self->behind_error, error);
    atomic_store(&self->behind_ms, clock_ms());
}
