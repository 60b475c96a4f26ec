/* Callers of events that wait for the handler's answer. Each event with such a caller is a wait,
 * from the store of the event until its delivery has ended or the wait's time is up; all callers
 * who ask for the same event, by the same id or the same key, join its wait. At the end each caller
 * is sent its reply, with the handler's answer or {}.
 *
 * The handler's answer is kept for WAITS_KEPT_MS after the end of the wait, until the journal can
 * be read for it.
 *
 * Threading: the worker's main thread. Times are clock_ms (). */
#ifndef POSTERN_WORKERS_DELIVERY_WAITS_H
#define POSTERN_WORKERS_DELIVERY_WAITS_H

#include "workers/message/json_out.h"
#include "workers/post/drain.h"

typedef struct waits waits_t;

enum {
    WAITS_CALLERS = 4096, /* most callers who wait; further ones are answered {} */
    WAITS_KEPT_MS = 5000,
    WAITS_MARGIN_MS = 1000, /* how much time a caller has left when it is answered {} */
};

waits_t *waits_new(void);
void waits_destroy(waits_t **self_p);

/* Begins the wait for the event at LOG, which JOB has just stored, for at most WAIT_MS. False when
 * the caller does not wait: it has too little time left, or WAITS_CALLERS wait already. */
bool waits_begin(waits_t *self, const drain_batch_t *from, const job_t *job, int64_t wait_ms,
                 int64_t now_ms);

typedef enum { WAIT_NONE, WAIT_JOINED, WAIT_ANSWERED } wait_join_t;
/* Another caller, or another attempt of one, for the event of job->entry.answer: joins the event's
 * wait, or WAIT_ANSWERED with the answer in OUT, which stays empty for {}. */
wait_join_t waits_join(waits_t *self, const drain_batch_t *from, const job_t *job, int64_t now_ms,
                       json_out_t *out);

/* The delivery of the event at LOG has ended: sends JSON (as answer_say_text takes it), or {} when
 * JSON is empty, to all callers of its wait. */
void waits_end(waits_t *self, uint64_t log, slice_t json, int64_t now_ms);

/* The same with what the journal has kept of an event that ended a while ago, or has not ended: the
 * wait is over and the answer is not kept. */
void waits_give(waits_t *self, uint64_t log, slice_t json);

/* Answers the callers whose time is up; ALL: every caller. */
void waits_turn(waits_t *self, int64_t now_ms, bool all);
/* How long until the next turn is due; INT_MAX: nothing is. */
int waits_due_ms(const waits_t *self, int64_t now_ms);
/* Nobody waits. */
bool waits_is_empty(const waits_t *self);

#endif
