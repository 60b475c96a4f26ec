#include "gateway/stream/several_self.h"

#include <stdlib.h>

/* Of the whole stream: its token, or what it may at all. */
static bool s_ends_all(unsigned error)
{
    return error == ERROR_invalid_token || error == ERROR_token_expired ||
           error == ERROR_address_not_allowed;
}

static const error_row_t *s_error(unsigned error)
{
    const error_row_t *row = error_find(error);
    return row ? row : error_find(ERROR_not_allowed);
}

void several_end(stream_t *stream, unsigned error)
{
    const error_row_t *row = s_error(error);
    if (stream->state == STREAM_OPENING) {
        streams_reject(stream, row->code, NULL);
        return;
    }
    notice_t *end = notice_end(stream->options.format, slice("", 0), row->name, row->message, 0);
    stream_put(stream, &end);
    stream_finish(stream);
}

void several_expire(stream_t *stream, int64_t wall_ms)
{
    int64_t ends_ms = stream->several->ends_ms;
    if (ends_ms > 0 && wall_ms >= ends_ms && stream->state < STREAM_ENDING)
        several_end(stream, ERROR_token_expired);
}

static void s_remove_strand(streams_t *self, strand_t *strand)
{
    stream_t *stream = strand->stream;
    op_owner_t owner = strand->owner;
    bool placed = strand->placed;
    paging_unask(self, strand);
    strand_destroy(&strand);
    if (!placed && --stream->several->unplaced[owner] == 0)
        several_placed(self, stream, owner);
}

/* The others go on. */
static void s_lose(streams_t *self, member_t *member, unsigned error)
{
    strand_t *strand = member->strand;
    stream_t *stream = strand->stream;
    const error_row_t *row = s_error(error);
    if (stream->state == STREAM_OPEN) {
        notice_t *end =
            notice_end(stream->options.format, several_label(member), row->name, row->message, 0);
        stream_put(stream, &end);
    }
    feeds_leave(member);
    strand_drop(member);
    HASH_DEL(stream->members, member);
    member_destroy(&member);
    self->members--;
    if (strand->len == 0)
        s_remove_strand(self, strand);
    else if (strand->state == STRAND_PAGES && streams_is_asked(self, strand->page)) {
        paging_unask(self, strand);
        streams_page(self, strand);
    }
}

void several_refuse(streams_t *self, member_t *member, unsigned error)
{
    stream_t *stream = member->strand->stream;
    bool named = !stream->several->all, last = HASH_COUNT(stream->members) == 1 && named;
    if (stream->state >= STREAM_ENDING)
        return;
    if (s_ends_all(error) || (named && stream->state == STREAM_OPENING)) {
        several_end(stream, error);
        return;
    }
    s_lose(self, member, error);
    if (last)
        several_end(stream, error);
}

void several_refused(streams_t *self, strand_t *strand, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    member_t **refused = calloc(found->count, sizeof(member_t *));
    unsigned *why = calloc(found->count, sizeof *why);
    uint32_t index, at = 0, count = 0;
    unsigned error = 0;
    stream_t *stream = strand->stream;
    if (!refused || !why)
        abort();
    bool more = refused_read(&in, &index, &error), all = false;
    for (member_t *member = NULL; more && (member = strand_next(strand, member)); at++) {
        if (at != index)
            continue;
        refused[count] = member;
        why[count++] = error;
        all |= s_ends_all(error) || count == HASH_COUNT(stream->members);
        more = refused_read(&in, &index, &error);
    }
    unsigned before = self->len;
    streams_page(self, strand);
    if (all && count > 0 && (s_ends_all(why[0]) || !stream->several->all))
        several_end(stream, why[0]);
    else
        for (uint32_t i = 0; i < count && self->len == before; i++)
            several_refuse(self, refused[i], why[i]);
    free(refused);
    free(why);
}
