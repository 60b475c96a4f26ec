/* Health of the ring for pages that look: a thread of its own asks the monitors, once a second at
 * most, and only while somebody looks or waits for a change. Threading: watch_new and watch_start
 * by one thread, the rest by any. */
#ifndef POSTERN_GATEWAY_HEALTH_WATCH_H
#define POSTERN_GATEWAY_HEALTH_WATCH_H

#include "common/conf/conf.h"

enum { WATCH_KEPT_MS = 1000 };

typedef struct watch watch_t;

/* OWN: the index of this gateway, NAME its name. */
watch_t *watch_new(const conf_t *conf, unsigned own, const char *name);
/* Starts the thread, which never ends. */
void watch_start(watch_t *self);

/* The JSON of a look that ended within the last WATCH_KEPT_MS; the caller's to free. NULL: there is
 * none, and one has been asked for, which takes LOOK_MS (look.h) at most. */
char *watch_report(watch_t *self);

/* {"sentence": …} as in the report, the caller's to free, where what state each process is in, or
 * how often it was started, has changed since *SEEN, or *SEEN is 0; else NULL. Raises *SEEN. Keeps
 * the thread looking: call it every second or so. */
char *watch_changed(watch_t *self, unsigned *seen);

#endif
