/* What becomes of an item of the outbox: the rules alone. An engine reads the item, asks here, and
 * writes what it is told. Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_JOURNAL_OUTBOX_NEXT_H
#define POSTERN_WORKERS_JOURNAL_OUTBOX_NEXT_H

#include "workers/journal/outbox.h"

/* What changes of an item. Times are those of the running clock. */
typedef struct {
    outbox_state_t state;
    unsigned made;     /* attempts since it was stored or revived, up to 65,535 */
    unsigned attempts; /* since ever; the number of the last */
    uint64_t order;    /* its place among the pending ones of its target */
    uint64_t due_ms;   /* PENDING */
    uint64_t first_ms; /* when it was tried first; only with made > 0 */
    uint64_t done_ms;  /* else: when it ended */
} outbox_course_t;

/* Just stored. */
outbox_course_t outbox_first(uint64_t now_ms);
/* After a NOTE_OUTCOME, whose attempt, if one was made, has the number of .attempts, or a
 * NOTE_REVIVE. */
outbox_course_t outbox_next(const outbox_course_t *item, const journal_note_t *note);

#endif
