/* A thread that does one thing again and again until it is stopped: after each period, when it is
 * rung, or both. A turn that is under way when it is rung is followed by another one.
 *
 * Threading: turning_ring is for any thread; the rest for the one that made it. The turns are the
 * thread's, one at a time. */
#ifndef POSTERN_TURNING_H
#define POSTERN_TURNING_H

#include <stdbool.h>
#include <stdint.h>

typedef struct turning turning_t;

/* One turn. True: there is more to do, and the next one follows at once. */
typedef bool (*turning_fn)(void *arg);

enum { TURNING_RUNG = -1 }; /* as a period: turns only when it is rung */

turning_t *turning_new(void);
/* Stops it first. */
void turning_destroy(turning_t **self_p);

/* Starts the thread, whose first turn is due after a period of PERIOD_MS. 0, or the errno with
 * which there is no thread. Once. */
int turning_start(turning_t *self, int64_t period_ms, turning_fn turn, void *arg);
/* Waits for the turn that is under way; there is none after it. Without a thread, and again, it
 * does nothing. Not from a turn. */
void turning_stop(turning_t *self);
void turning_ring(turning_t *self);

#endif
