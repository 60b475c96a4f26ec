/* When a journal's pass is to be committed. Messages wait for the core and the disk that a commit
 * has, so that many short commits delay fewer of them than a few long ones; but each writes whole
 * pages, and a page that the next one changes again is written twice.
 *
 * Threading: the journal's lock is held. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_DUE_H
#define POSTERN_WORKERS_JOURNAL_LMDB_DUE_H

#include "workers/journal/lmdb/lmdb.h"

enum {
    DUE_FULL_MS = 1000,  /* between two tries while there is no room */
    DUE_BYTES = 1 << 20, /* of the write-ahead file are worth a short commit */
    DUE_REST = 40,       /* times what the last one has taken it may have begun before */
};

bool due_is(const journal_t *self, int64_t now_ms);

#endif
