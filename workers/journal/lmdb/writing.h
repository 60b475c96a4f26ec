/* What the LMDB engine's writer does with its journal beside what writing.h has: for writer.c,
 * which does it in threads of its own, and for tests and tools that do it by hand, on a journal
 * that was not started. journal_tend makes a whole checkpoint; it is to be called each
 * JOURNAL_CHECKPOINT_MS while not all is saved.
 *
 * A record is durable when it stands in the write-ahead file (wal.h); the engine's own commit, a
 * checkpoint, follows: JOURNAL_CHECKPOINT_MS later where somebody waits for it (deliveries are read
 * as they are committed) or the write-ahead file is half full, a little later where it has enough
 * for a short one, else at most JOURNAL_LATEST_MS later, because each checkpoint writes whole
 * pages. When the process dies before the checkpoint, the next journal_open applies the frames of
 * the write-ahead file.
 *
 * Threading: one thread at a time, the writer, beside the main thread, and journal_finish last.
 * Another thread can become the writer between journal_checkpoint_begin and
 * journal_checkpoint_end. now_ms: the journal's clock, clock_ms (). */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_WRITING_H
#define POSTERN_WORKERS_JOURNAL_LMDB_WRITING_H

#include "workers/journal/writing.h"

enum { JOURNAL_CHECKPOINT_MS = 100, JOURNAL_LATEST_MS = 1000 };

/* Takes the notes over that journal_note has queued, and commits what only the write-ahead file
 * has, when it is time: call it after appends, when they are answered. Where a commit lacks room
 * new messages are refused, and the commit is tried again each second. True when a commit has
 * begun, which takes some ten milliseconds at full load: this thread must end it by
 * journal_checkpoint_end. Between the two calls another thread can be the writer, and appends go
 * on. An append that needs the tables waits: one of an id or key that may have been stored since
 * the last commit. */
bool journal_checkpoint_begin(journal_t *self, int64_t now_ms);
void journal_checkpoint_end(journal_t *self, int64_t now_ms);
/* False while the write-ahead file has what the engine has not committed. Any thread. */
bool journal_is_saved(const journal_t *self);

/* journal_append of a few entries by a thread that is not the writer, usually the main thread:
 * false, and nothing is done, where it would have to wait for the writer, or to begin or to end a
 * pass. Not beside an append of the writer's. */
bool journal_append_beside(journal_t *self, journal_entry_t **entries, size_t count,
                           int64_t now_ms);

/* Whether notes wait that journal_checkpoint_begin would take over now. Any thread. */
bool journal_takes_notes(journal_t *self, int64_t now_ms);

/* The writer's last call: commits the rest. journal_close does the same where journal_finish was
 * not called. */
void journal_finish(journal_t *self);

#endif
