/* The time between two looks of a command that goes on until it is told to end (Ctrl-C, SIGTERM, a
 * closed terminal). Threading: a process of one thread. */
#ifndef POSTERN_CTL_HOST_INTERVAL_H
#define POSTERN_CTL_HOST_INTERVAL_H

#include <stdbool.h>

/* From now on these signals end interval_wait, and nothing else: a look that has begun is
 * finished. */
void interval_begin(void);
/* Waits; true when a signal has told the command to end, also before the call. */
bool interval_wait(unsigned seconds);

#endif
