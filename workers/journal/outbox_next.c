#include "workers/journal/outbox_next.h"

#include <assert.h>

outbox_course_t outbox_first(uint64_t now_ms)
{
    return (outbox_course_t){.state = OUTBOX_PENDING, .order = now_ms, .due_ms = now_ms};
}

static outbox_course_t s_revived(const outbox_course_t *item, uint64_t now_ms)
{
    outbox_course_t next = outbox_first(now_ms);
    next.attempts = item->attempts;
    next.done_ms = item->done_ms;
    return next;
}

outbox_course_t outbox_next(const outbox_course_t *item, const journal_note_t *note)
{
    outbox_course_t next = *item;
    assert(note->kind == NOTE_OUTCOME || note->kind == NOTE_REVIVE);
    if (note->kind == NOTE_REVIVE)
        return s_revived(item, note->now_ms);
    if (note->attempted) {
        next.first_ms = item->made == 0 ? note->now_ms : item->first_ms;
        next.made += item->made < UINT16_MAX;
        next.attempts++;
    }
    next.state = note->state;
    if (note->state == OUTBOX_PENDING) {
        next.due_ms = note->due_ms;
        next.order = note->keeps_place ? item->order : note->due_ms;
    } else {
        next.done_ms = note->now_ms;
    }
    return next;
}
