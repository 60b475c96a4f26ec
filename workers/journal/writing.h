/* Storing by hand, on a journal that was not started: for an engine's writer, which does it in
 * threads of its own, and for tests.
 *
 * Threading: one thread at a time, the writer, beside the main thread. now_ms: the journal's clock,
 * clock_ms (). */
#ifndef POSTERN_WORKERS_JOURNAL_WRITING_H
#define POSTERN_WORKERS_JOURNAL_WRITING_H

#include "workers/journal/journal.h"

/* journal_submit, which returns when what was stored is durable: how many were. */
size_t journal_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms);

/* Expires and retires rows as journal_append does on its way, and makes all durable that is not
 * yet, for a writer without work: call it each second, or sooner where the engine says so. True
 * when there is more to do at once. */
bool journal_tend(journal_t *self, int64_t now_ms);

#endif
