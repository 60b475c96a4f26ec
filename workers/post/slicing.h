/* Readings that may take long, and are done in slices: the journal's thread is asked for one slice
 * at a time, in turn, so that another reading waits behind one slice and no more, and all of them
 * get on.
 *
 * Limit: SLICING_MOST of them in a worker; past it 503 overloaded.
 *
 * Threading: the main thread's. */
#ifndef POSTERN_WORKERS_POST_SLICING_H
#define POSTERN_WORKERS_POST_SLICING_H

#include <stdbool.h>
#include <sys/queue.h>

enum { SLICING_MOST = 64 };

struct reading;
typedef STAILQ_HEAD(, reading) slicing_queue_t;

typedef struct {
    slicing_queue_t waiting;
    unsigned len; /* with the one that is asked for */
    bool asked;
} slicing_t;

void slicing_open(slicing_t *self);

/* The last in turn from here on; false: there are too many. */
bool slicing_add(slicing_t *self, struct reading *reading);
/* The one whose slice is to be asked for; NULL: another one's is, or none waits. */
struct reading *slicing_take(slicing_t *self);
/* A slice is over, that of READING: with MORE it is the last in turn again, else it is gone. */
void slicing_over(slicing_t *self, struct reading *reading, bool more);

#endif
