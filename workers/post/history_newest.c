/* A page that begins with the newest message. The journal is read forward, so it is read in chunks
 * from the end on, each of which is turned around. */
#include "workers/post/history.h"

enum { CHUNK = 16, EMPTY_CHUNKS = JOURNAL_SKIPPED / CHUNK };

/* A chunk as it was read: oldest first. */
typedef struct {
    const shard_t *shard;
    json_out_t *rows;
    size_t ends[CHUNK]; /* of each row in the text */
    uint64_t sequence[CHUNK], last;
    unsigned len;
} chunk_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    chunk_t *chunk = arg;
    if (record->sequence > chunk->last || chunk->len == CHUNK)
        return false;
    history_row(chunk->rows, chunk->shard, log, record);
    chunk->sequence[chunk->len] = record->sequence;
    chunk->ends[chunk->len++] = chunk->rows->len;
    return record->sequence < chunk->last;
}

typedef struct {
    json_out_t *out;
    unsigned rows;    /* messages on the page */
    unsigned left;    /* that it still takes */
    uint64_t oldest;  /* sequence of the last one on it; 0: there is none */
    unsigned empty;   /* chunks in a row that had none */
    uint64_t further; /* where such a row has ended the page; 0: none has */
    bool full;
} page_t;

static void s_turn(page_t *page, const chunk_t *chunk)
{
    for (unsigned i = chunk->len; i > 0 && !page->full; i--) {
        size_t from = i > 1 ? chunk->ends[i - 2] : 0;
        slice_t row = slice(chunk->rows->data + from, chunk->ends[i - 1] - from);
        page->full = page->oldest && page->out->len + row.len > HISTORY_BYTES;
        if (page->full)
            return;
        json_lit(page->out, page->oldest ? "," : "");
        json_raw(page->out, row);
        page->oldest = chunk->sequence[i - 1];
        page->rows++;
        page->full = --page->left == 0;
    }
}

/* How many more there is likely to be room for: what does not fit is read and written in vain. */
static uint64_t s_likely(const page_t *page)
{
    size_t len = page->out->len, most = page->left < CHUNK ? page->left : CHUNK;
    if (page->rows == 0 || len >= HISTORY_BYTES)
        return 1;
    size_t fit = (HISTORY_BYTES - len) / (len / page->rows) + 1;
    return fit < most ? fit : most;
}

/* The newest first, from LAST down to FIRST, or to where nothing can be read. */
static void s_fill(page_t *page, reading_t *self, journal_reader_t *reader, uint64_t first,
                   uint64_t last)
{
    journal_range_t range;
    journal_view_t view = self->history.view;
    chunk_t chunk = {.shard = &self->shard, .rows = &self->rows};
    while (!page->full && !page->further && last >= first && last > 0) {
        uint64_t count = s_likely(page), from = last - first >= count ? last - count + 1 : first;
        chunk.len = 0;
        chunk.last = last;
        json_reset(chunk.rows);
        view.before = last + 1;
        journal_read_messages(reader, &self->target, from, &view, &range, s_each, &chunk);
        s_turn(page, &chunk);
        last = from > 0 ? from - 1 : 0;
        page->empty = chunk.len > 0 ? 0 : page->empty + 1;
        if (page->empty == EMPTY_CHUNKS && last >= first)
            page->further = from;
    }
    json_free(chunk.rows);
}

void history_look_newest(reading_t *self, journal_reader_t *reader)
{
    journal_range_t range;
    page_t page = {.out = &self->body, .left = self->history.limit};
    history_bounds_t bounds;
    if (!history_find_thread(self, reader))
        return;
    history_bounds(self, reader, &bounds);
    journal_range(reader, &self->target, &range);
    uint64_t first = bounds.from > range.first ? bounds.from : range.first;
    uint64_t last = bounds.before <= range.last ? bounds.before - 1 : range.last;
    json_lit(page.out, "{\"messages\":[");
    s_fill(&page, self, reader, first, last);
    json_lit(page.out, "],\"next\":");
    if (page.further)
        json_uint(page.out, page.further);
    else if (page.full && page.oldest > first)
        json_uint(page.out, page.oldest);
    else
        json_lit(page.out, "null");
    json_lit(page.out, "}");
}
