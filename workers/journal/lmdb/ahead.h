/* Appends while a checkpoint is under way. The writer's threads. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_AHEAD_H
#define POSTERN_WORKERS_JOURNAL_LMDB_AHEAD_H

#include "workers/journal/lmdb/lmdb.h"

/* What was stored since the last commit. */
void recent_add(recent_t *self, const journal_entry_t *entry);
void recent_clear(recent_t *self);
void recent_free(recent_t *self);
/* Begins to go ahead of the journal's LEAVING, which is closed and not yet ended; 0 or an LMDB
 * error. */
int ahead_begin(journal_t *self);
void ahead_end(journal_t *self);
/* Judges the entries and puts what is new into the frame in the making. False when an entry needs
 * the tables as they will be: nothing counts then until the next pass has begun. */
bool ahead_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms);

#endif
