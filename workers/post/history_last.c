/* Where the newest messages begin: what is shown counts, a revision does not. */
#include "workers/post/history.h"

enum { CHUNK = 256, CHUNK_LEAST = 16 };

typedef struct {
    uint64_t last, sequence[CHUNK];
    unsigned len;
} chunk_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    chunk_t *chunk = arg;
    (void)log;
    if (record->sequence > chunk->last || chunk->len == CHUNK)
        return false;
    chunk->sequence[chunk->len++] = record->sequence;
    return record->sequence < chunk->last;
}

static uint64_t s_likely(uint64_t count)
{
    return count > CHUNK ? CHUNK : count < CHUNK_LEAST ? CHUNK_LEAST : count;
}

uint64_t history_begin(journal_reader_t *reader, const uuid_t7 *target, const journal_view_t *shown,
                       const journal_range_t *among, uint64_t count)
{
    journal_view_t view = *shown;
    journal_range_t range;
    uint64_t last = among->last, looked = 0;
    while (last >= among->first && looked < HISTORY_LOOKED) {
        uint64_t len = s_likely(count), left = last - among->first + 1;
        uint64_t from = left > len ? last - len + 1 : among->first;
        chunk_t chunk = {.last = last};
        view.before = last + 1;
        journal_read_messages(reader, target, from, &view, &range, s_each, &chunk);
        if (chunk.len >= count)
            return chunk.sequence[chunk.len - count];
        count -= chunk.len;
        looked += last - from + 1;
        last = from - 1;
    }
    return last >= among->first + count ? last - count + 1 : among->first;
}
