/* Asks one monitor for its /healthz again and again, without ever waiting: for a loop that has
 * other things to do. Threading: one thread; opens descriptors with close-on-exec. */
#ifndef POSTERN_CTL_HOST_PROBE_H
#define POSTERN_CTL_HOST_PROBE_H

#include <poll.h>
#include <stdint.h>

typedef struct probe probe_t;

/* How often a probe asks, and how long the monitor may be silent. */
enum { PROBE_EVERY_MS = 1000, PROBE_SILENT_MS = 2000 };

typedef enum {
    PROBE_NEW,    /* nothing heard yet */
    PROBE_WELL,   /* 200 */
    PROBE_HANGS,  /* another status: the main loop does not turn */
    PROBE_SILENT, /* no whole answer for PROBE_SILENT_MS */
} probe_state_t;

/* ADDRESS: numeric host:port, copied. */
probe_t *probe_new(const char *address);
void probe_destroy(probe_t **self_p);

/* Forgets the answers so far: the process is another one now, or none. */
void probe_reset(probe_t *self);

/* What to poll for; the fd is -1 between two questions. */
struct pollfd probe_poll(const probe_t *self);
/* When probe_turn is to be called at the latest, on clock_ms. */
int64_t probe_due(const probe_t *self);
/* Asks, reads or gives up, whichever is due; to be called after poll, whatever its result. */
probe_state_t probe_turn(probe_t *self);

#endif
