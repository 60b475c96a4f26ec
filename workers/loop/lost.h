/* A shard that another process has taken: the journal finds out in a thread of its own, and the
 * loop says goodbye before the process ends. So the routers send what this one has to the next
 * owner, and count no death. */
#ifndef POSTERN_WORKERS_LOOP_LOST_H
#define POSTERN_WORKERS_LOOP_LOST_H

#include "common/link/link.h"

#include <stdbool.h>

/* The main thread's, once, before the journal is opened. */
void lost_begin(void);
/* Readable, and true, when it is lost. The main thread's. */
int lost_fd(void);
bool lost_is(void);
/* Says goodbye and ends the process; the journal has said why, and its threads are at work: nothing
 * else is closed. */
void lost_leave(link_t **links, unsigned len) __attribute__((noreturn));
/* As journal_options_t.lost: any thread. Gives the loop a second to end the process, and returns
 * where it has not; at once in the main thread. */
void lost_tell(void);

#endif
