/* The lease of a shard: who should try to have it. Who has it is the fence's to say (postgres.h),
 * so no clock of another host counts, and a lease that two believe to have does no harm.
 *
 * The holder raises the lease's beat twice a second, by a session of its own. Another process
 * watches it, and takes a lease whose beat has stood still for LEASE_MS of its own monotonic clock;
 * LEASE_LOST_MS longer where its connection was lost, so that after a failover holders come first.
 * It takes a lease at once that was handed over, or that a process of its own home holds: that has
 * ended, because the home's lock is this process's.
 *
 * Threading: the beat has a thread of its own from lease_start on; the rest is for the opening and
 * the closing. */
#ifndef POSTERN_POSTGRES_LEASE_H
#define POSTERN_POSTGRES_LEASE_H

#include "common/postgres/session.h"
#include "common/postgres/watch.h"

#include "common/base/uuid.h"

enum { LEASE_BEAT_MS = 500 };

typedef struct lease lease_t;

/* WHAT as 'channel/0'; HOME names what this process's lock is in, and ME the process. SEEN: what it
 * has seen of the lease, or NULL. */
lease_t *lease_new(const char *what, const char *home, const uuid_t7 *me, const watch_t *seen);
void lease_destroy(lease_t **self_p);

/* Looks once, by SESSION, and takes the lease where it may. OK: it is this process's; AGAIN:
 * another holds it, and lease_holder says who; else as session_exchange. */
session_outcome_t lease_claim(lease_t *self, session_t *session);
/* The home and process that held it when it was looked at, "" for none. */
const char *lease_holder(const lease_t *self);
/* How this process is named as a holder. */
const char *lease_me(const lease_t *self);
/* Whom the lease was taken from, a process of another home that had not handed it over; "" where it
 * was nobody. */
const char *lease_former(const lease_t *self);
/* The connection of who watches was lost. */
void lease_lost_sight(lease_t *self);

/* Beats by a connection of CONNECTION (borrowed), named NAME. LOST (on the lease's thread) is
 * called when another holds it. */
void lease_start(lease_t *self, const char *connection, const char *name, void (*lost)(void *arg),
                 void *arg);
/* Ends the beat; then hands the lease over, where SESSION is open: whoever waits takes it at once.
 */
void lease_stop(lease_t *self);
void lease_leave(lease_t *self, session_t *session);

/* What this host is called in leases: its name, and the id in FILE, which is made where it is not
 * there. -1 with the reason in err. */
int lease_home(const char *file, char home[LEASE_HOLDER], char *err, size_t err_size);

#endif
