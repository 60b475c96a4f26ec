/* The writer: the thread that appends to the journal, and another one that takes its place while
 * the first waits for a commit of the engine. A drain costs one hand-over to the writer and one
 * wakeup back, whatever the number of entries; between drains the writer expires and retires rows.
 *
 * Threading: made, used and destroyed by the main thread. */
#ifndef POSTERN_WORKERS_LOOP_WRITER_H
#define POSTERN_WORKERS_LOOP_WRITER_H

#include "workers/journal/journal.h"

typedef struct writer writer_t;

/* Starts the thread on a journal that the caller keeps open. */
writer_t *writer_new(journal_t *journal);
/* Finishes the present drain and joins. */
void writer_destroy(writer_t **self_p);

/* Hands the entries over; they belong to the writer until writer_finished. Only when the writer is
 * idle. */
void writer_start(writer_t *self, journal_entry_t **entries, size_t count);
bool writer_is_idle(const writer_t *self);
/* Wakes the writer for the notes that journal_note has queued. */
void writer_nudge(writer_t *self);

/* Readable when a drain is finished. */
int writer_fd(const writer_t *self);
/* True once for each finished drain, whose entries are the caller's again. */
bool writer_finished(writer_t *self);

#endif
