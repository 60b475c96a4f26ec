#include "workers/delivery_lane.h"

#include "common/monitor/monitor.h"

enum {
    STEP_ROWS = 2000, /* most rows that a step looks at */
    APART_MS = 1000,  /* between two counts */
};

static bool s_count(void *arg, const outbox_due_t *due)
{
    tally_t *self = arg;
    if (self->rows == STEP_ROWS) {
        self->at = due->place;
        self->ended = false;
        return false;
    }
    self->rows++;
    self->delayed += due->due_ms > self->now_ms;
    if (due->stored_ms < self->oldest_ms)
        self->oldest_ms = due->stored_ms;
    return true;
}

void tally_step(tally_t *self, journal_t *journal, int64_t now_ms, uint64_t running_ms)
{
    if (now_ms < self->next_ms)
        return;
    if (self->ended || self->now_ms == 0)
        *self = (tally_t){.now_ms = running_ms, .oldest_ms = running_ms};
    self->rows = 0;
    self->ended = true;
    journal_due(journal_reader(journal), &self->at, s_count, self);
    if (!self->ended)
        return;
    outbox_counts_t counts = journal_outbox_counts(journal_reader(journal));
    uint64_t delayed = self->delayed < counts.pending ? self->delayed : counts.pending;
    metric_set(METRIC_deliveries_due, (int64_t)(counts.pending - delayed));
    metric_set(METRIC_deliveries_delayed, (int64_t)delayed);
    metric_set(METRIC_deliveries_dead, (int64_t)counts.dead);
    metric_set(METRIC_delivery_oldest_seconds, (int64_t)(running_ms - self->oldest_ms));
    self->next_ms = now_ms + APART_MS;
}

void tally_attempt(const call_t *call, bool good)
{
    metric_observe_us(METRIC_delivery_seconds, call->duration_us);
    if (good)
        metric_add(METRIC_delivered_total, 1);
    else if (call->outcome == CALL_ANSWERED)
        metric_add(METRIC_delivery_refused_total, 1);
    else
        metric_add(METRIC_delivery_failed_total, 1);
}
