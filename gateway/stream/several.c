#include "gateway/stream/several_self.h"

#include "common/monitor/monitor.h"
#include "common/wire/wire.h"

#include <stdlib.h>

static stream_t *s_stream(const member_t *member)
{
    return member->strand->stream;
}

static strand_t *s_next(const stream_t *stream, const strand_t *after)
{
    const h2o_linklist_t *next = after ? after->in_stream.next : stream->strands.next;
    return next == &stream->strands ? NULL : H2O_STRUCT_FROM_MEMBER(strand_t, in_stream, next);
}

/* The id of an event, now. */
static slice_t s_id(const stream_t *stream, bytes_t *text)
{
    vector_write(&stream->several->vector, text);
    return bytes_slice(text);
}

strand_t *several_strand_of(streams_t *self, stream_t *stream, op_owner_t owner,
                            const uuid_t7 *target)
{
    unsigned shards = self->shards[owner] ? self->shards[owner] : 1;
    for (strand_t *strand = NULL; (strand = s_next(stream, strand));)
        if (strand->owner == owner)
            shards = strand->shards; /* all of a stream are sorted alike */
    unsigned shard = wire_shard(target, shards);
    for (strand_t *strand = NULL; (strand = s_next(stream, strand));)
        if (strand->owner == owner && strand->shard == shard)
            return strand;
    strand_t *strand = strand_new(stream, owner);
    strand->shard = shard;
    strand->shards = shards;
    stream->several->unplaced[owner]++;
    return strand;
}

void several_unplace(streams_t *self, strand_t *strand)
{
    several_t *several = strand->stream->several;
    paging_unask(self, strand);
    several->unplaced[strand->owner] += strand->placed;
    strand->placed = strand->goes_on = false;
    strand->state = STRAND_PAGES;
}

static bool s_is_placed(const stream_t *stream)
{
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        if (stream->several->unplaced[kind] > 0)
            return false;
    return true;
}

/* A target that was asked for by a position which does not hold: what it begins with is said. */
static void s_say_resets(stream_t *stream, const strand_t *strand)
{
    bytes_t id = {0};
    for (member_t *member = NULL; (member = strand_next(strand, member));) {
        if (member->reset == RESET_NONE)
            continue;
        id.len = 0;
        notice_t *reset = notice_reset(stream->options.format, s_id(stream, &id),
                                       several_label(member), &member->position, member->reset);
        stream_put(stream, &reset);
        member->reset = RESET_NONE;
    }
    bytes_free(&id);
}

/* Whether one that was asked for by a parameter cannot be opened as it was. */
static bool s_has_expired(const stream_t *stream)
{
    for (strand_t *strand = NULL; !stream->options.returns && (strand = s_next(stream, strand));)
        for (member_t *member = NULL; (member = strand_next(strand, member));)
            if (member->reset != RESET_NONE)
                return true;
    return false;
}

static void s_begin(streams_t *self, stream_t *stream)
{
    bytes_t id = {0};
    if (s_has_expired(stream)) {
        streams_reject(stream, ERROR_cursor_expired,
                       "The position is not of this history, or messages behind it have been "
                       "removed by retention.");
        return;
    }
    streams_begin(self, stream, s_id(stream, &id));
    bytes_free(&id);
    if (stream->several->all) {
        streams_link(&self->listing, &stream->several->in_listing);
        stream->several->listed_ms = self->now_ms;
    }
    for (strand_t *strand = NULL; (strand = s_next(stream, strand));) {
        s_say_resets(stream, strand);
        streams_page(self, strand);
    }
}

void several_placed(streams_t *self, stream_t *stream, op_owner_t owner)
{
    vector_t *vector = &stream->several->vector;
    bool any = false;
    for (strand_t *strand = NULL; (strand = s_next(stream, strand));) {
        if (strand->owner != owner)
            continue;
        if (!any)
            vector_make(vector, owner, strand->shards);
        any = true;
        vector->place[owner][strand->shard] = strand->place;
    }
    stream->several->moved = true;
    if (stream->state == STREAM_OPENING) {
        if (s_is_placed(stream))
            s_begin(self, stream);
        return;
    }
    for (strand_t *strand = NULL; (strand = s_next(stream, strand));)
        if (strand->owner == owner && strand->state == STRAND_PAGES) {
            s_say_resets(stream, strand);
            streams_page(self, strand);
        }
}

void several_start(streams_t *self, stream_t *stream)
{
    if (s_is_placed(stream))
        s_begin(self, stream);
}

void several_stop(streams_t *self, stream_t *stream)
{
    several_t *several = stream->several;
    if (streams_is_asked(self, several->list))
        self->lists--;
    streams_unask(self, &several->list);
    streams_unlink(&several->in_listing);
}

bool several_may_page(const strand_t *strand)
{
    const several_t *several = strand->stream->several;
    return !several || !strand->placed ||
           (several->unplaced[strand->owner] == 0 && strand->stream->state != STREAM_OPENING);
}

/* Where a member is to begin that has not been placed yet. */
static void s_first(const member_t *member, span_row_t *row)
{
    const stream_t *stream = s_stream(member);
    const vector_t *since = &stream->several->since;
    unsigned kind = member->strand->owner, shards = since->shards[kind];
    row->from = member->late ? PAGE_TIME : stream->options.from;
    if (row->from != PAGE_MARK)
        return;
    row->from = PAGE_NOW;
    if (shards == 0)
        return;
    const vector_place_t *place = &since->place[kind][wire_shard(&member->grant.target, shards)];
    if (!place->there)
        return;
    row->from = PAGE_MARK;
    row->at = place->log;
    row->tag = place->tag;
    row->mark = place->mark;
}

static void s_write_row(const member_t *member, bytes_t *rows)
{
    span_row_t row = {.grant = member->grant};
    if (member->placed) {
        row.from = PAGE_AFTER;
        row.at = member->position.sequence;
        row.tag = member->position.tag;
        row.mark = member->position.tagged ? MARK_STORED : MARK_NONE;
    } else {
        s_first(member, &row);
    }
    span_row_write(&row, rows);
}

void several_write_ask(strand_t *strand)
{
    const stream_t *stream = strand->stream;
    const several_t *several = stream->several;
    bytes_t rows = {0};
    bool opening = stream->state == STREAM_OPENING;
    ask_t ask = {.kind = ASK_SPAN,
                 .bare = !strand->placed,
                 .journal = strand->journal,
                 .after = strand->goes_on ? strand->upto : 0,
                 .from = PAGE_NOW,
                 .count = stream->options.from == PAGE_MARK ? several->since.shards[strand->owner]
                                                            : stream->options.count,
                 .time_ms = opening ? stream->options.time_ms : several->listed_wall_ms,
                 .target = strand_next(strand, NULL)->grant.target,
                 .grants = strand->len};
    for (member_t *member = NULL; (member = strand_next(strand, member));)
        s_write_row(member, &rows);
    ask.rows = bytes_slice(&rows);
    ask_write(&ask, &strand->ask);
    bytes_free(&rows);
}

static void s_move_place(strand_t *strand, uint64_t log, uint32_t tag, mark_t mark)
{
    several_t *several = strand->stream->several;
    if (strand->place.there && log <= strand->place.log)
        return;
    strand->place = (vector_place_t){.there = true, .log = log, .tag = tag, .mark = mark};
    if (several->unplaced[strand->owner] > 0)
        return;
    several->vector.place[strand->owner][strand->shard] = strand->place;
    several->moved = true;
}

static void s_put(stream_t *stream, member_t *member, notice_t *message)
{
    bytes_t id = {0};
    notice_t *notice =
        notice_of(message, stream->options.format, s_id(stream, &id), several_label(member));
    stream_put(stream, &notice);
    stream->several->moved = false;
    bytes_free(&id);
}

/* False: what was between has been removed since the page before. */
static bool s_take_frame(strand_t *strand, const frame_t *frame)
{
    member_t *member = strand_find(strand, &frame->target);
    uint64_t log = frame->log & ~FRAME_MOVED;
    if (!member || frame->sequence <= member->position.sequence)
        return true;
    if (strand->goes_on && frame->sequence != member->position.sequence + 1)
        return false;
    notice_t *message = notice_new(frame);
    member->position = (position_t){frame->sequence, frame->tag, true};
    s_move_place(strand, log, frame->tag, frame->log & FRAME_MOVED ? MARK_MOVED : MARK_STORED);
    if (message->json.len > 0) /* else it is for others */
        s_put(strand->stream, member, message);
    notice_drop(&message);
    return true;
}

static void s_take_standings(strand_t *strand, bytes_in_t *in)
{
    standing_t standing;
    for (member_t *member = NULL; (member = strand_next(strand, member));) {
        if (!standing_read(in, &standing))
            return;
        member->position = standing.position;
        member->reset = standing.reset;
        member->placed = true;
    }
}

static void s_take_placing(streams_t *self, strand_t *strand, const found_t *found, bytes_in_t *in)
{
    several_t *several = strand->stream->several;
    s_take_standings(strand, in);
    strand->placed = true;
    several->unplaced[strand->owner]--;
    uint32_t tag = found->position.tag;
    mark_t mark = found->position.tagged ? found->mark : MARK_NONE;
    if (!strand->place.there || strand->place.log < found->upto)
        strand->place = (vector_place_t){
            .there = true, .log = found->upto, .tag = mark == MARK_NONE ? 0 : tag, .mark = mark};
    if (several->unplaced[strand->owner] == 0)
        several_placed(self, strand->stream, strand->owner);
}

static void s_take_all_standings(strand_t *strand, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    frame_t frame;
    for (uint32_t i = 0; i < found->count; i++)
        frame_read(&in, &frame);
    if (!strand->goes_on)
        s_take_standings(strand, &in);
}

/* As far as the reader takes it. False: the rest is to be asked for again. */
static bool s_take_rows(strand_t *strand, const found_t *found)
{
    stream_t *stream = strand->stream;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    size_t room = stream_room(stream);
    frame_t frame;
    for (uint32_t i = 0; i < found->count && frame_read(&in, &frame); i++) {
        if (!stream_takes(stream, room, frame.json.len))
            return false;
        if (!s_take_frame(strand, &frame)) {
            strand->goes_on = false;
            return false;
        }
        if (strand->goes_on)
            strand->upto = frame.log & ~FRAME_MOVED;
    }
    return true;
}

static void s_take_frames(streams_t *self, strand_t *strand, const found_t *found)
{
    s_take_all_standings(strand, found);
    s_say_resets(strand->stream, strand);
    if (!s_take_rows(strand, found)) {
        streams_page(self, strand);
        return;
    }
    strand->upto = found->upto;
    strand->journal = found->journal;
    strand->goes_on = true;
    s_move_place(strand, found->upto, found->position.tag,
                 found->position.tagged ? found->mark : MARK_NONE);
    if (found->more)
        streams_page(self, strand);
    else
        feeds_join(&self->feeds, strand, found);
}

/* What a strand has is not its shard's: all of the kind is sorted anew, by what was told. */
static void s_sort(streams_t *self, stream_t *stream, op_owner_t owner)
{
    h2o_linklist_t old;
    h2o_linklist_init_anchor(&old);
    strand_t *next;
    for (strand_t *strand = s_next(stream, NULL); strand; strand = next) {
        next = s_next(stream, strand);
        if (strand->owner != owner)
            continue;
        h2o_linklist_unlink(&strand->in_stream);
        h2o_linklist_insert(&old, &strand->in_stream);
    }
    stream->several->unplaced[owner] = 0;
    while (!h2o_linklist_is_empty(&old)) {
        strand_t *strand = H2O_STRUCT_FROM_MEMBER(strand_t, in_stream, old.next);
        paging_unask(self, strand);
        for (member_t *member; (member = strand_next(strand, NULL));) {
            feeds_leave(member);
            strand_take(several_strand_of(self, stream, owner, &member->grant.target), member);
        }
        strand_destroy(&strand);
    }
    for (strand_t *strand = NULL; (strand = s_next(stream, strand));)
        if (strand->owner == owner)
            streams_page(self, strand);
}

static void s_moved(streams_t *self, strand_t *strand, const found_t *found)
{
    bool other =
        found->shards > 0 && found->shards <= VECTOR_SHARDS && found->shards != strand->shards;
    if (!other) {
        paging_again(self, strand);
        return;
    }
    self->shards[strand->owner] = found->shards;
    s_sort(self, strand->stream, strand->owner);
}

/* All targets of a strand may be in the shard that answers although it is another one of another
 * count: the places of ids are of the shard that it is. */
static bool s_is_of(const strand_t *strand, const found_t *found)
{
    return found->shards == strand->shards && found->shard == strand->shard;
}

void several_take(streams_t *self, strand_t *strand, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    if (found->kind == FOUND_REFUSED)
        several_refused(self, strand, found);
    else if (found->kind != FOUND_MOVED && found->kind != FOUND_SPAN)
        paging_again(self, strand);
    else if (found->kind == FOUND_MOVED || !s_is_of(strand, found))
        s_moved(self, strand, found);
    else if (strand->placed)
        s_take_frames(self, strand, found);
    else
        s_take_placing(self, strand, found, &in);
}

void several_deliver(streams_t *self, member_t *member, notice_t *notice)
{
    strand_t *strand = member->strand;
    stream_t *stream = strand->stream;
    position_t *position = &member->position;
    if (notice->sequence <= position->sequence)
        return;
    bool narrowed = notice->json.len == 0; /* to some users: each asks for itself */
    bool gap = notice->sequence != position->sequence + 1;
    if (gap)
        metric_add(METRIC_stream_resyncs_total, 1);
    if (gap || narrowed || stream_is_behind(stream, self->now_ms)) {
        strand->goes_on &= !gap;
        streams_page(self, strand);
        return;
    }
    *position = (position_t){notice->sequence, notice->tag, true};
    strand->upto = notice->log;
    s_move_place(strand, notice->log, notice->tag, MARK_STORED);
    s_put(stream, member, notice);
}

notice_t *several_beat(streams_t *self, stream_t *stream)
{
    several_t *several = stream->several;
    bytes_t id = {0};
    for (strand_t *strand = NULL; (strand = s_next(stream, strand));) {
        position_t at = strand->state == STRAND_LIVE ? feeds_at(strand) : (position_t){0};
        if (at.tagged)
            s_move_place(strand, at.sequence, at.tag, MARK_STORED);
    }
    if (!several->moved || stream->options.format != FORMAT_SSE)
        return notice_hold(
            self->heartbeat[stream->options.format][stream->options.event_heartbeat]);
    several->moved = false;
    notice_t *notice = notice_id(s_id(stream, &id));
    bytes_free(&id);
    return notice;
}
