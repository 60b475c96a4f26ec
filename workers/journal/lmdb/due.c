#include "workers/journal/lmdb/due.h"

#include "workers/journal/lmdb/writing.h"

static int64_t s_rest_ms(const journal_t *self)
{
    int64_t rest_ms = DUE_REST * self->commit_ms;
    return rest_ms < JOURNAL_CHECKPOINT_MS ? JOURNAL_CHECKPOINT_MS
           : rest_ms < JOURNAL_LATEST_MS   ? rest_ms
                                           : JOURNAL_LATEST_MS;
}

/* After one that failed it is tried again no earlier than a look for room. */
bool due_is(const journal_t *self, int64_t now_ms)
{
    size_t used = wal_used(self->wal);
    bool soon = self->pass.awaited || used >= wal_size(self->wal) / 2;
    int64_t apart_ms = atomic_load(&self->full) ? DUE_FULL_MS
                       : soon                   ? JOURNAL_CHECKPOINT_MS
                       : used >= DUE_BYTES      ? s_rest_ms(self)
                                                : JOURNAL_LATEST_MS;
    return atomic_load(&self->unsaved) && now_ms - self->begun_ms >= apart_ms;
}
