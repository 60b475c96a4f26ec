#include "workers/post/search.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "workers/message/phrase.h"
#include "workers/post/history.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHUNK = 64 /* records that the journal reads about as fast as one */, CHUNK_FIRST = 4 };

/* A reading's own. */
typedef struct {
    phrase_t *phrase;         /* NULL: any text */
    char sender[SEARCH_TEXT]; /* an id or a name; empty: anybody's */
    size_t sender_len;
    uuid_t7 user; /* the sender's, when it is an id */

    bool begun, ended;
    uint64_t first, last; /* still to be looked at: none when first > last */
    uint64_t scanned;
    unsigned found;
    int64_t spent_us;
    unsigned chunk; /* how many records to look at next before what was found is taken */
} search_t;

/* What was found among records, oldest first, as they are read. */
typedef struct {
    reading_t *reading;
    uint64_t last, sequence[CHUNK];
    size_t ends[CHUNK]; /* of each row in the reading's rows */
    unsigned len;
    int64_t until_us;
    bool cut; /* it took too long, and is not whole */
} chunk_t;

static void s_drop(void *own)
{
    search_t *search = own;
    phrase_destroy(&search->phrase);
    free(search);
}

static bool s_is_from(const search_t *self, const record_t *record)
{
    slice_t name = record->name;
    if (self->sender_len == 0 || (!uuid_is_nil(&self->user) && uuid_eq(&self->user, &record->user)))
        return true;
    return name.len == self->sender_len && strncasecmp(name.data, self->sender, name.len) == 0;
}

static bool s_is_wanted(search_t *self, const record_t *record)
{
    if (!s_is_from(self, record))
        return false;
    if (!self->phrase)
        return true;
    return record->flags & RECORD_MESSAGE
               ? phrase_is_in_message(self->phrase, utf8_unmarked(record_message(record)))
               : phrase_is_in(self->phrase, record->body);
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    chunk_t *chunk = arg;
    reading_t *reading = chunk->reading;
    if (record->sequence > chunk->last)
        return false;
    if (s_is_wanted(reading->own, record)) {
        history_row(&reading->rows, &reading->shard, log, record);
        chunk->sequence[chunk->len] = record->sequence;
        chunk->ends[chunk->len++] = reading->rows.len;
    }
    chunk->cut = record->sequence < chunk->last && clock_us() >= chunk->until_us;
    return record->sequence < chunk->last && !chunk->cut;
}

/* Takes over what was found, newest first. False: the answer is full, and ends before LAST. */
static bool s_take(reading_t *self, const chunk_t *chunk)
{
    search_t *search = self->own;
    for (unsigned i = chunk->len; i > 0; i--) {
        size_t from = i > 1 ? chunk->ends[i - 2] : 0;
        slice_t row = slice(self->rows.data + from, chunk->ends[i - 1] - from);
        search->last = chunk->sequence[i - 1];
        if (search->found > 0 && self->body.len + row.len > HISTORY_BYTES)
            return false;
        json_lit(&self->body, search->found > 0 ? "," : "");
        json_raw(&self->body, row);
        search->last--;
        if (++search->found == self->history.limit)
            return false;
    }
    return true;
}

/* Looks at a few records. What took longer than a slice is looked at again in smaller pieces. */
static void s_look_at_chunk(reading_t *self, journal_reader_t *reader, int64_t until_us)
{
    search_t *search = self->own;
    journal_range_t range;
    journal_view_t view = self->history.view;
    chunk_t chunk = {.reading = self, .last = search->last, .until_us = until_us};
    unsigned count = search->chunk;
    uint64_t from = count < CHUNK ? chunk.last - count + 1 : (chunk.last - 1) / CHUNK * CHUNK + 1;
    if (chunk.last - search->first < count || from < search->first)
        from = search->first;
    json_reset(&self->rows);
    view.before = chunk.last + 1;
    journal_read_messages(reader, &self->target, from, &view, &range, s_each, &chunk);
    if (chunk.cut) {
        search->chunk = 1;
        return;
    }
    search->chunk = count < CHUNK ? 2 * count : CHUNK;
    search->ended = !s_take(self, &chunk);
    if (!search->ended)
        search->last = from - 1;
    search->scanned += chunk.last - search->last;
}

static void s_begin(reading_t *self, journal_reader_t *reader)
{
    search_t *search = self->own;
    journal_range_t range;
    history_bounds_t bounds;
    history_bounds(self, reader, &bounds);
    journal_range(reader, &self->target, &range);
    search->first = bounds.from > range.first ? bounds.from : range.first;
    search->last = bounds.before <= range.last ? bounds.before - 1 : range.last;
    search->begun = true;
    if (!history_find_thread(self, reader))
        return;
    json_lit(&self->body, "{\"messages\":[");
}

static void s_write_end(reading_t *self)
{
    const search_t *search = self->own;
    bool complete = search->first > search->last;
    json_lit(&self->body, "],\"next\":");
    if (complete)
        json_lit(&self->body, "null");
    else
        json_uint(&self->body, search->last + 1);
    json_lit(&self->body, ",\"scanned\":");
    json_uint(&self->body, search->scanned);
    json_lit(&self->body, complete ? ",\"complete\":true}" : ",\"complete\":false}");
}

/* A slice. */
static void s_look(reading_t *self, journal_reader_t *reader)
{
    search_t *search = self->own;
    int64_t began_us = clock_us(), now_us = began_us, until_us = began_us + SEARCH_SLICE_MS * 1000;
    if (!search->begun)
        s_begin(self, reader);
    if (self->error)
        return;
    while (!search->ended && search->first <= search->last && now_us < until_us) {
        s_look_at_chunk(self, reader, until_us);
        now_us = clock_us();
        search->ended |= search->scanned >= SEARCH_RECORDS;
    }
    search->spent_us += now_us - began_us;
    self->more = !search->ended && search->first <= search->last &&
                 search->spent_us < SEARCH_MS * 1000 &&
                 clock_ms() < self->deadline_ms - SEARCH_RETURN_MS;
    if (!self->more)
        s_write_end(self);
}

/* A parameter that has no more than SEARCH_TEXT bytes, and one at least; empty without it. */
static bool s_read_text(job_t *job, const char *name, slice_t *text)
{
    if (!job_param(job, name, text))
        *text = slice("", 0);
    else if (text->len == 0 || text->len > SEARCH_TEXT)
        job_refuse(job, ERROR_invalid_param, "q and sender must each have 1 to 256 bytes.");
    return !job->error;
}

static void s_make(reading_t *reading, slice_t phrase, slice_t sender)
{
    search_t *search = calloc(1, sizeof *search);
    if (!search)
        abort();
    search->phrase = phrase.len > 0 ? phrase_new(phrase) : NULL;
    search->chunk = CHUNK_FIRST;
    search->sender_len = sender.len;
    memcpy(search->sender, sender.data, sender.len);
    if (uuid_parse(sender.data, sender.len, &search->user) != 0)
        search->user = (uuid_t7){{0}};
    reading->own = search;
    reading->drop = s_drop;
    reading->look = s_look;
    reading->sliced = true;
}

void search_prepare(job_t *job)
{
    slice_t phrase, sender, order;
    reading_t *reading = job->reading;
    if (!s_read_text(job, "q", &phrase) || !s_read_text(job, "sender", &sender) ||
        phrase.len + sender.len == 0)
        return;
    if (reading->history.last)
        job_refuse_param(job, "last", "does not go with q and sender: say limit.");
    else if (reading->wait_ms > 0)
        job_refuse_param(job, "wait", "does not go with q and sender.");
    else if (job_param(job, "order", &order) && slice_is(order, "asc"))
        job_refuse(job, ERROR_invalid_param,
                   "A search begins with the newest: leave order=asc out.");
    if (!job->error)
        s_make(reading, phrase, sender);
}
