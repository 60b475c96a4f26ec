/* The writer of a journal: the thread that appends, and another one that takes its place while the
 * first waits for a commit of the engine. The main thread appends a few entries itself where the
 * writer is at nothing (journal_store). A submission costs one hand-over to the writer and one
 * wakeup back, whatever the number of entries; between them the writer expires and retires rows.
 *
 * Threading: made, asked and destroyed by the main thread. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_WRITER_H
#define POSTERN_WORKERS_JOURNAL_LMDB_WRITER_H

#include "workers/journal/lmdb/writing.h"

typedef struct writer writer_t;

/* The threads start with writer_start. */
writer_t *writer_new(journal_t *journal);
void writer_start(writer_t *self, journal_clock_fn clock);
/* Finishes what was submitted and all notes, and joins. */
void writer_destroy(writer_t **self_p);
/* Wakes it for the notes that wait. */
void writer_nudge(writer_t *self);

#endif
