#include "common/monitor/monitor.h"
#include "gateway/stream/several.h"
#include "gateway/stream/streams_self.h"

#include <stdlib.h>

void streams_page(streams_t *self, strand_t *strand)
{
    const stream_t *stream = strand->stream;
    strand->state = STRAND_PAGES;
    if (!stream->writing && stream->queued == 0 && !streams_is_asked(self, strand->page) &&
        several_may_page(strand))
        streams_link(&self->paging, &strand->in_paging);
}

void paging_unask(streams_t *self, strand_t *strand)
{
    if (streams_is_asked(self, strand->page))
        self->pages--;
    streams_unask(self, &strand->page);
    streams_unlink(&strand->in_paging);
}

void paging_again(streams_t *self, strand_t *strand)
{
    strand->page_ms = self->now_ms + streams_random(FEED_AGAIN_MS, FEED_AGAIN_MS);
    streams_link(&self->paging, &strand->in_paging);
}

/* What the only target has. */
static void s_write_ask(strand_t *strand)
{
    const stream_t *stream = strand->stream;
    const member_t *member = strand_next(strand, NULL);
    bytes_t rows = {0};
    ask_t ask = {.kind = ASK_PAGE,
                 .from = stream->first ? stream->options.from : PAGE_AFTER,
                 .position = stream->first ? stream->options.position : member->position,
                 .count = stream->options.count,
                 .time_ms = stream->options.time_ms,
                 .target = member->grant.target,
                 .grants = 1};
    grant_write(&member->grant, &rows);
    ask.rows = bytes_slice(&rows);
    ask_write(&ask, &strand->ask);
    bytes_free(&rows);
}

static void s_ask(streams_t *self, strand_t *strand)
{
    strand->ask.len = 0;
    if (strand->stream->several)
        several_write_ask(strand);
    else
        s_write_ask(strand);
    streams_ask(self, strand->owner, SLOT_PAGE, strand, bytes_slice(&strand->ask), &strand->page);
    if (!streams_is_asked(self, strand->page)) {
        strand->page_ms = self->now_ms + FEED_AGAIN_MS;
        streams_link(&self->paging, &strand->in_paging);
        return;
    }
    self->pages++;
    metric_add(METRIC_stream_pages_total, 1);
}

void paging_turn(streams_t *self)
{
    h2o_linklist_t *next;
    for (h2o_linklist_t *at = self->paging.next; at != &self->paging && self->pages < STREAMS_PAGES;
         at = next) {
        strand_t *strand = H2O_STRUCT_FROM_MEMBER(strand_t, in_paging, at);
        next = at->next;
        if (strand->page_ms > self->now_ms)
            continue;
        h2o_linklist_unlink(at);
        s_ask(self, strand);
    }
}

/* Where the stream stands before the frames of its first page. */
static position_t s_before(const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    frame_t first;
    if (found->count > 0 && frame_read(&in, &first))
        return (position_t){.sequence = first.sequence - 1};
    return found->position;
}

static void s_begin(streams_t *self, stream_t *stream, const position_t *position)
{
    char id[POSITION_TEXT];
    size_t len = position_text(position, id);
    streams_begin(self, stream, slice(id, len));
}

/* As far as the reader takes it. False: there is more. */
static bool s_take_frames(strand_t *strand, const found_t *found)
{
    stream_t *stream = strand->stream;
    position_t *position = &strand_next(strand, NULL)->position;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    size_t room = stream_room(stream);
    frame_t frame;
    while (in.left > 0 && frame_read(&in, &frame)) {
        if (!stream_takes(stream, room, frame.json.len))
            return false;
        notice_t *notice = notice_new(&frame);
        stream_put(stream, &notice);
        *position = (position_t){frame.sequence, frame.tag, true};
    }
    *position = found->position;
    return !found->more;
}

static void s_take_page(streams_t *self, strand_t *strand, const found_t *found)
{
    stream_t *stream = strand->stream;
    position_t before = s_before(found);
    if (stream->state == STREAM_OPENING) {
        s_begin(self, stream, &before);
        strand_next(strand, NULL)->position = before;
    }
    if (!s_take_frames(strand, found))
        streams_page(self, strand);
    else
        feeds_join(&self->feeds, strand, found);
}

static void s_reset(streams_t *self, strand_t *strand, const found_t *found)
{
    stream_t *stream = strand->stream;
    char id[POSITION_TEXT];
    if (stream->state == STREAM_OPENING && !stream->options.returns) {
        streams_reject(stream, ERROR_cursor_expired,
                       found->reset == RESET_EXPIRED
                           ? "Messages behind this position have been removed by retention."
                           : "This position is not of this history.");
        return;
    }
    if (stream->state == STREAM_OPENING)
        s_begin(self, stream, &found->position);
    size_t len = position_text(&found->position, id);
    notice_t *reset = notice_reset(stream->options.format, slice(id, len), slice("", 0),
                                   &found->position, found->reset);
    stream_put(stream, &reset);
    strand_next(strand, NULL)->position = found->position;
    streams_page(self, strand);
}

static void s_failed(streams_t *self, strand_t *strand, const wire_reply_t *reply)
{
    stream_t *stream = strand->stream;
    bool opening = stream->state == STREAM_OPENING;
    /* What an older process takes for malformed it does not know yet. */
    bool knows = !stream->several || !reply || reply->error != ERROR_invalid_request;
    if (opening && !knows)
        streams_reject(stream, ERROR_unavailable, NULL);
    else if (opening && reply && reply->status < 500)
        streams_reject(stream, error_find(reply->error) ? reply->error : ERROR_internal, NULL);
    else if (opening && (!reply || self->now_ms - stream->born_ms >= STREAMS_OPEN_MS))
        streams_reject(stream, ERROR_unavailable, NULL);
    else
        paging_again(self, strand);
}

static void s_refused(streams_t *self, strand_t *strand, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    uint32_t index;
    unsigned error = ERROR_not_allowed;
    refused_read(&in, &index, &error);
    streams_refuse(self, strand_next(strand, NULL), error);
}

static void s_take(streams_t *self, strand_t *strand, const found_t *found)
{
    if (strand->stream->several)
        several_take(self, strand, found);
    else if (found->kind == FOUND_FRAMES)
        s_take_page(self, strand, found);
    else if (found->kind == FOUND_RESET)
        s_reset(self, strand, found);
    else if (found->kind == FOUND_REFUSED)
        s_refused(self, strand, found);
    else
        s_failed(self, strand, NULL);
}

void paging_answered(streams_t *self, strand_t *strand, const wire_reply_t *reply, slice_t body)
{
    found_t found;
    self->pages--;
    strand->page = (slot_ref_t){0, 0};
    bytes_free(&strand->ask);
    if (!reply || reply->status != 200 || !found_read(body, &found))
        s_failed(self, strand, reply);
    else
        s_take(self, strand, &found);
}
