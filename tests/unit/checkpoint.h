/* A checkpoint of a journal whose writer is one thread. */
#ifndef POSTERN_CHECKPOINT_H
#define POSTERN_CHECKPOINT_H

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
