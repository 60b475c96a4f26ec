/* Retentions of targets in a pass (workers/journal/retention.h). What they remove needs no
 * durability of its own: it is removed again.
 *
 * The bytes of a target are counted when its retention first asks for them, a stride of records at
 * a time, and from then on kept in its row, which is changed in the transaction that stores or
 * removes. Threading: the transaction's; load and forget: the main one's, without others. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_RETAINED_H
#define POSTERN_WORKERS_JOURNAL_LMDB_RETAINED_H

#include "workers/journal/lmdb/outbox_rows.h"

/* retention.c: removes RECORD, which stands at LOG, where pass->log is, and is its target's oldest.
 */
int retention_remove(pass_t *pass, uint64_t log, const record_t *record);
/* Looks at STEPS targets at most, in turn, and removes or counts as many records; adds to
 * pass->removed. */
int retained_step(pass_t *pass, size_t steps);
/* A record of the target was removed, or has shrunk, by SIZE. */
int retained_lost(pass_t *pass, const uuid_t7 *target, uint64_t sequence, uint64_t size);
/* Of targets that nobody owns (unowned.c). A record of OP is the only one of its target: */
int unowned_enter(pass_t *pass, const uuid_t7 *target, unsigned op);
/* Looks at a few of the targets that were there before; adds to pass->removed. */
int unowned_survey(pass_t *pass);
/* Brings a row up to the options. True: it has changed. */
bool unowned_renew(const journal_t *journal, retained_row_t *row);

/* Carries out a NOTE_RETENTION. */
int retained_apply(pass_t *pass, const journal_note_t *note);

/* Reads what was told before. 0 or an LMDB error. */
int retained_load(journal_t *self, MDB_txn *txn);
void retained_forget(journal_t *self);

#endif
