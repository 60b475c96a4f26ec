/* Which shard a worker of any shard takes (-i any): one that has no live holder. It watches the
 * leases of all of its kind. A lease that was handed over under its eyes is taken at once, and so
 * is one that a worker of any shard on this host held and has left behind; others, also those that
 * nobody has held yet, when they have stood still for as long as lease.h says: a worker of that
 * shard alone that is about to start comes first.
 *
 * On its own host, who has the lock of a shard in data.directory comes first: a shard whose lock
 * another process has is not taken.
 *
 * Threading: one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_PICK_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_PICK_H

#include "workers/journal/postgres/postgres.h"

typedef struct pick pick_t;

/* Of JOURNAL, which has no shard yet and outlives it; by sessions of its own. */
pick_t *pick_new(const journal_t *journal);
void pick_destroy(pick_t **self_p);

/* Looks once, into all clusters that are there. OK: *shard's lock and *lease are this process's,
 * and the caller's; AGAIN: there is none to take now; else as session_exchange. Of a cluster
 * that is not there pick_text says why; else it is "". */
session_outcome_t pick_look(pick_t *self, unsigned *shard, lease_t **lease);
const char *pick_text(const pick_t *self);
/* The connection of who watches was lost. */
void pick_lost_sight(pick_t *self);

#endif
