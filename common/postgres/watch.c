#include "common/postgres/watch.h"

#include "common/base/clock.h"

#include <stdio.h>

void watch_begin(watch_t *self)
{
    *self = (watch_t){.patience_ms = LEASE_MS};
}

bool watch_see(watch_t *self, slice_t holder, uint64_t beat)
{
    int64_t now_ms = clock_ms();
    bool same = self->watching && beat == self->beat && slice_is(holder, self->holder);
    if (same)
        return now_ms - self->since_ms >= self->patience_ms;
    if (self->watching) {
        self->patience_ms = LEASE_MS;
        self->handed_over = holder.len == 0;
    }
    snprintf(self->holder, sizeof self->holder, "%.*s", SLICE_ARG(holder));
    self->beat = beat;
    self->watching = true;
    self->since_ms = now_ms;
    return false;
}

void watch_lost_sight(watch_t *self)
{
    self->patience_ms = LEASE_MS + LEASE_LOST_MS;
    self->watching = self->handed_over = false;
}
