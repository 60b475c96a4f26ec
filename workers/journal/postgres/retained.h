/* What targets keep by themselves (retention.h): in the table retained, and in memory. Records that
 * are due are deleted row by row, with what belongs to them; segments go whole, as before. The
 * newest record of the open segment stays until another one is behind it: where the log goes on is
 * read from there. What targets keep that nobody owns (unowned.h) is in memory alone.
 *
 * Threading: journal_retain is the main thread's, the rest the keeper's; a lock guards what they
 * share. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_RETAINED_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_RETAINED_H

#include "workers/journal/postgres/postgres.h"

retained_t *retained_new(void);
void retained_destroy(retained_t **self_p);

/* Reads what was told before. A database without the table has none: journal_retain is unable. */
session_outcome_t retained_read(journal_t *self, session_t *session);

/* Saves what was told, and removes what is due: some of it. *MORE: there may be more at once. A
 * fence that fails is FENCED. */
session_outcome_t retained_step(journal_t *self, session_t *session, const tables_t *tables,
                                uint64_t running_ms, bool *more);

/* TARGET, which nobody owns, keeps as much from here on. Any thread. */
void retained_enter(retained_t *self, const uuid_t7 *target, const journal_unowned_t *unowned);

/* Contents were erased: what was counted of bytes is too much. Any thread. */
void retained_erased(retained_t *self);

#endif
