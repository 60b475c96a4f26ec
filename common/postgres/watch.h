/* What a process that waits for a lease has seen of it: whether its beat stands still, by this
 * process's own monotonic clock, and whether its holder has handed it over.
 *
 * Threading: no state but its own. */
#ifndef POSTERN_POSTGRES_WATCH_H
#define POSTERN_POSTGRES_WATCH_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEASE_MS = 3000, LEASE_LOST_MS = 2000, LEASE_HOLDER = 200 };

typedef struct {
    char holder[LEASE_HOLDER]; /* seen last, with the beat; "" for none */
    uint64_t beat;
    bool watching, handed_over;
    int64_t since_ms, patience_ms;
} watch_t;

void watch_begin(watch_t *self);
/* Notes who holds it now. True when nothing has changed for LEASE_MS, or LEASE_LOST_MS longer after
 * watch_lost_sight. */
bool watch_see(watch_t *self, slice_t holder, uint64_t beat);
/* The connection of who watches was lost. */
void watch_lost_sight(watch_t *self);

#endif
