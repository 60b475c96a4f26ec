/* Targets that nobody owns (workers/journal/unowned.h): those that are there already are found a
 * few at a time after each opening, those that come when a record of theirs is stored.
 *
 * Threading: the survey is the keeper's. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_UNOWNED_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_UNOWNED_H

#include "workers/journal/postgres/postgres.h"

/* RECORD is to be stored: by the writer. */
void unowned_enter(journal_t *self, const record_t *record);

/* Looks at the next targets that there are. *MORE: there are more. */
session_outcome_t unowned_survey(journal_t *self, session_t *session, const tables_t *tables,
                                 bool *more);

#endif
