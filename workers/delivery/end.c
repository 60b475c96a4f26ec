#include "workers/delivery/self.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "workers/delivery/call_trace.h"

enum { HELD_MS = 1000 }; /* without a call, where this process lacks something for it */

static void s_note(delivery_t *self, item_t *item, const journal_note_t *note, slice_t json)
{
    item->note = journal_note(self->options.journal, note);
    news_add(self->news, &note->target, note->log, item->note, note->state,
             delivery_outcome_name(note->attempt.outcome), note->attempt.status);
    delivery_release(self, item);
    item->ended = note->state != OUTBOX_PENDING;
    STAILQ_INSERT_TAIL(&self->unsaved, item, link);
    self->unsaved_len++;
    if (item->ended)
        lane_replay_ended(item->lane, item->due.place.log, note->state == OUTBOX_DEAD);
    if (item->ended && self->options.ended)
        self->options.ended(self->options.arg, item->due.place.log, json);
}

static journal_note_t s_outcome(const item_t *item, uint64_t now_ms)
{
    return (journal_note_t){.kind = NOTE_OUTCOME,
                            .target = item->lane->target,
                            .log = item->due.place.log,
                            .now_ms = now_ms,
                            .attempted = true};
}

void delivery_bury(delivery_t *self, item_t *item, unsigned why, uint64_t now_ms)
{
    journal_note_t note = s_outcome(item, now_ms);
    note.state = OUTBOX_DEAD;
    note.attempt = (outbox_attempt_t){.time_ms = clock_wall_ms(), .outcome = why};
    metric_add(METRIC_delivery_dead_total, 1);
    lane_end_wait(item->lane);
    s_note(self, item, &note, slice("", 0));
}

void delivery_end(delivery_t *self, item_t *item, unsigned why, uint64_t now_ms)
{
    journal_note_t note = s_outcome(item, now_ms);
    note.state = OUTBOX_DELIVERED;
    note.attempt = (outbox_attempt_t){.time_ms = clock_wall_ms(), .outcome = why};
    if (why == DELIVERY_PASSED)
        s_note(self, item, &note, slice("", 0));
    else
        delivery_bury(self, item, why, now_ms);
}

/* This process lacks something for a call: the item is as it was, and for a while no call begins,
 * or none of its lane. */
static void s_put_off(delivery_t *self, item_t *item, const call_t *call, uint64_t now_ms)
{
    if (call->outcome == CALL_NO_PLACE) {
        lane_begin_wait(item->lane, "the look-up of its name has no place", now_ms);
    } else {
        if (now_ms >= self->held_ms)
            log_warn("delivery.starved", "err=%s", LOG_Q(call->reason));
        self->held_ms = now_ms + HELD_MS;
    }
    item->lane->more = true;
    delivery_drop(self, item);
}

static void s_finished(delivery_t *self, call_t *call, uint64_t now_ms)
{
    item_t *item = call->owner;
    lane_t *lane = item->lane;
    const delivery_handler_t *handler = handlers_get(self->options.handlers, &lane->target);
    bool good = call->outcome == CALL_ANSWERED && call->status >= 200 && call->status < 300;
    bool current = handler && handler->version == lane->version;
    bool message = false;
    reply_t reply;
    lane->under_way--;
    owner_ended(&self->owners, item->owner, item->bytes);
    delivery_queue(self, lane);
    if (call->outcome == CALL_STARVED || call->outcome == CALL_NO_PLACE) {
        s_put_off(self, item, call, now_ms);
        return;
    }
    lane_end_wait(lane);
    journal_note_t note = s_outcome(item, now_ms);
    note.whole = good && handler && handler->wait_ms > 0;
    note.attempt = item_attempt(item, call, trace_write(&self->trace, call, item->outlet));
    int64_t delay_ms = good ? 0 : lane_delay_ms(item, handler, call, &self->clock, now_ms);
    note.state = good ? OUTBOX_DELIVERED : delay_ms == SCHEDULE_END ? OUTBOX_DEAD : OUTBOX_PENDING;
    note.due_ms = now_ms + (uint64_t)(delay_ms > 0 ? delay_ms : 0);
    note.keeps_place = handler && handler->ordered;
    slice_t json =
        good ? reply_answer(self->judge, call, note.whole, &self->json, &message) : slice("", 0);
    message = message && handler && !handler->outlet; /* what a service answers is no message */
    if (json.len > 0 && json.data[0] == '"')
        note.attempt.outcome = DELIVERY_ANSWERED_TEXT;
    if (message) {
        reply_make(&reply, self->judge, item, handler, json);
        note.reply = &reply.record;
        note.reply_about = reply.about;
    }
    tally_attempt(call, good);
    if (note.state == OUTBOX_DEAD)
        metric_add(METRIC_delivery_dead_total, 1);
    s_note(self, item, &note, json);
    if (current && (good ? lane_succeeded(lane) : lane_failed(lane, call, &self->clock, now_ms)))
        lane_note_health(lane, self->options.journal);
}

void delivery_take_finished(delivery_t *self, uint64_t now_ms)
{
    call_t *call;
    while ((call = caller_finished(self->caller))) {
        if (!delivery_tried(self, call))
            s_finished(self, call, now_ms);
        call_destroy(&call);
        /* There may be room again for the owners that had none. */
        STAILQ_CONCAT(&self->queue, &self->crowded);
    }
}

void delivery_take_saved(delivery_t *self)
{
    uint64_t noted = journal_noted(self->options.journal);
    for (item_t *item; (item = STAILQ_FIRST(&self->unsaved)) && item->note <= noted;) {
        STAILQ_REMOVE_HEAD(&self->unsaved, link);
        self->unsaved_len--;
        item->lane->more = true;
        delivery_queue(self, item->lane);
        delivery_drop(self, item);
    }
}
