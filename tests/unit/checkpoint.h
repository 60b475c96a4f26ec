/* A checkpoint of a journal whose writer is one thread. */
#ifndef POSTERN_CHECKPOINT_H
#define POSTERN_CHECKPOINT_H

#ifdef JOURNAL_POSTGRES
#include "workers/journal/writing.h"

/* What is stored is committed. */
enum { JOURNAL_LATEST_MS = 1000 };
static inline void checkpoint(journal_t *journal, int64_t now_ms)
{
    (void)journal, (void)now_ms;
}
#else
#include "workers/journal/lmdb/writing.h"

/* When one is due. After one without room the journal is as it was before. */
static inline void checkpoint(journal_t *journal, int64_t now_ms)
{
    if (!journal_checkpoint_begin(journal, now_ms))
        return;
    journal_checkpoint_end(journal, now_ms);
    assert_false(journal_checkpoint_begin(journal, now_ms));
}
#endif

#endif
