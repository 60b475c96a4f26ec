#include "workers/delivery/lane.h"

#include "common/log/log.h"

#include <endian.h>
#include <sodium.h>

enum {
    OPEN_MS = 30000,
    OPEN_AGAIN_MS = 60000,
    HOUR_MS = 3600000,
    WAIT_SAID_MS = 5000, /* how long a lane waits before the log says it */
};

/* As it lies in the journal; little-endian. */
typedef struct __attribute__((packed)) {
    uint64_t failing_ms, version;
    uint8_t standing;
} health_row_t;

void lane_read_health(lane_t *self, slice_t bytes)
{
    health_row_t row;
    if (bytes.len != sizeof row)
        return;
    memcpy(&row, bytes.data, sizeof row);
    self->version = le64toh(row.version);
    self->failing_ms = le64toh(row.failing_ms);
    self->standing =
        row.standing <= STANDING_FAILING ? (lane_standing_t)row.standing : STANDING_GOOD;
}

void lane_note_health(const lane_t *self, journal_t *journal)
{
    health_row_t row = {htole64(self->failing_ms), htole64(self->version), (uint8_t)self->standing};
    bool good = self->failing_ms == 0 && self->standing == STANDING_GOOD;
    journal_note_t note = {
        .kind = NOTE_HEALTH, .target = self->target, .bytes = slice(&row, good ? 0 : sizeof row)};
    journal_note(journal, &note);
}

bool lane_renew(lane_t *self, uint64_t version)
{
    bool changed = self->failing_ms != 0 || self->standing != STANDING_GOOD;
    self->version = version;
    self->failing_ms = self->closed_ms = 0;
    self->standing = STANDING_GOOD;
    self->failures = 0;
    return changed;
}

bool lane_succeeded(lane_t *self)
{
    bool changed = self->failing_ms != 0;
    self->failing_ms = 0;
    self->failures = 0;
    return changed;
}

outbox_attempt_t item_attempt(const item_t *item, const call_t *call, slice_t trace)
{
    return (outbox_attempt_t){
        .time_ms = item->started_ms,
        .duration_us = (uint64_t)call->duration_us,
        .status = (unsigned)call->status,
        .outcome = call->outcome,
        .trace = trace,
        .answer = slice(call->answer, call->answer ? call->answer_len : 0),
    };
}

int64_t lane_delay_ms(const item_t *item, const delivery_handler_t *handler, const call_t *call,
                      const schedule_t *clock, uint64_t now_ms)
{
    schedule_t schedule = {.strict = handler && handler->ordered,
                           .strict_bound_ms = handler ? handler->bound_ms : 0,
                           .time_scale = clock->time_scale};
    uint64_t first_ms = item->due.made ? item->due.first_ms : now_ms;
    if (call->outcome == CALL_ANSWERED && call->status == 410)
        return SCHEDULE_END;
    return schedule_delay_ms(&schedule, item->due.made + 1, (int64_t)(now_ms - first_ms),
                             call->retry_after_s, randombytes_random());
}

const char *lane_why(const lane_t *self)
{
    switch (self->standing) {
    case STANDING_GONE:
        return "the handler answered 410: set it again to call it again";
    case STANDING_FAILING:
        return "no call of the handler succeeded for 120 h: mend it, then set it again";
    case STANDING_GOOD:
        break;
    }
    return "";
}

void lane_begin_wait(lane_t *self, const char *why, uint64_t now_ms)
{
    if (!self->waits)
        self->waits_ms = now_ms;
    self->waits = why;
}

void lane_wait(lane_t *self, const char *why, uint64_t now_ms)
{
    char target[UUID_TEXT];
    self->waits = why;
    if (self->waits_said || now_ms - self->waits_ms < WAIT_SAID_MS)
        return;
    self->waits_said = true;
    uuid_text(&self->target, target);
    log_warn("delivery.waits", "target=%s since_ms=%llu err=%s", target,
             (unsigned long long)(now_ms - self->waits_ms), LOG_Q(why));
}

void lane_end_wait(lane_t *self)
{
    self->waits = NULL;
    self->waits_said = false;
}

static void s_disable(lane_t *self, lane_standing_t standing)
{
    char target[UUID_TEXT];
    self->standing = standing;
    uuid_text(&self->target, target);
    log_warn("delivery.disabled", "target=%s version=%llu err=%s", target,
             (unsigned long long)self->version, LOG_Q(lane_why(self)));
}

/* An answer of the handler itself, though not the one that was hoped for, closes the breaker. */
static void s_count_failure(lane_t *self, const call_t *call, const schedule_t *clock,
                            uint64_t now_ms)
{
    if (call->outcome == CALL_ANSWERED && call->status < 500 && call->status != 429) {
        self->failures = 0;
        return;
    }
    self->failures++;
    if (self->failures < DELIVERY_BREAKER)
        return;
    int64_t open_ms = self->failures == DELIVERY_BREAKER ? OPEN_MS : OPEN_AGAIN_MS;
    self->closed_ms = now_ms + (uint64_t)schedule_scaled_ms(clock, open_ms);
}

static void s_obey(lane_t *self, const call_t *call, const schedule_t *clock, uint64_t now_ms)
{
    bool asks = call->outcome == CALL_ANSWERED && call->retry_after_s > 0 &&
                (call->status == 429 || call->status == 503);
    uint64_t until_ms =
        asks ? now_ms + (uint64_t)schedule_scaled_ms(clock, call->retry_after_s * 1000) : 0;
    if (until_ms > self->closed_ms)
        self->closed_ms = until_ms;
}

bool lane_failed(lane_t *self, const call_t *call, const schedule_t *clock, uint64_t now_ms)
{
    uint64_t most_ms = (uint64_t)schedule_scaled_ms(clock, (int64_t)DELIVERY_FAILING_H * HOUR_MS);
    bool changed = self->failing_ms == 0;
    if (changed)
        self->failing_ms = now_ms ? now_ms : 1;
    s_count_failure(self, call, clock, now_ms);
    s_obey(self, call, clock, now_ms);
    if (self->standing != STANDING_GOOD)
        return changed;
    if (call->outcome == CALL_ANSWERED && call->status == 410)
        s_disable(self, STANDING_GONE);
    else if (now_ms > self->failing_ms && now_ms - self->failing_ms >= most_ms)
        s_disable(self, STANDING_FAILING);
    return changed || self->standing != STANDING_GOOD;
}
