#include "common/base/clock.h"
#include "common/stream/hint.h"
#include "gateway/stream/hints.h"
#include "gateway/stream/several_self.h"

#include <stdlib.h>

static void s_add(streams_t *self, stream_t *stream, const listed_t *listed)
{
    member_t *member;
    op_owner_t owner = op_find(listed->grant.op)->owner;
    HASH_FIND(hh, stream->members, &listed->grant.target, UUID_BYTES, member);
    if (member) {
        member_rename(member, listed->label);
        return;
    }
    if (HASH_COUNT(stream->members) == LISTED_MOST || self->members == ASK_GRANTS) {
        stream->several->full = true;
        return;
    }
    member = member_new(listed);
    member->late = stream->state != STREAM_OPENING;
    HASH_ADD(hh, stream->members, grant.target, UUID_BYTES, member);
    self->members++;
    strand_t *strand = several_strand_of(self, stream, owner, &member->grant.target);
    strand_take(strand, member);
    several_unplace(self, strand);
    streams_page(self, strand);
}

static void s_take_row(streams_t *self, stream_t *stream, const listed_t *listed)
{
    const op_t *op = op_find(listed->grant.op);
    several_t *several = stream->several;
    if (op && op->owner != OWNER_AUTHD && op->deed == DOES_STREAM) {
        hints_take_row(stream->hints, listed);
        if (stream->options.events & 1u << EVENT_message)
            s_add(self, stream, listed);
    } else if (op && op->deed == DOES_STREAM && !several->right) {
        several->all = true;
        several->right = member_new(listed);
    }
}

bool several_open(streams_t *self, stream_t *stream, slice_t list)
{
    found_t found;
    listed_t listed;
    if (!found_read(list, &found) || found.kind != FOUND_LISTED)
        return false;
    several_t *several = stream->several = calloc(1, sizeof *several);
    if (!several)
        abort();
    several->stream = stream;
    several->digest = found.after;
    several->ends_ms = (int64_t)found.upto;
    several->listed_ms = clock_ms();
    several->listed_wall_ms = clock_wall_ms() - SEVERAL_SLACK_MS;
    stream->hints = hints_new(stream);
    if (stream->options.vector.len > 0)
        vector_read(stream->options.vector, &several->since);
    bytes_in_t in = {found.rows.data, found.rows.len, false};
    for (uint32_t i = 0; i < found.count && listed_read(&in, &listed); i++) {
        if (i == 0)
            stream->token = listed.grant.token;
        s_take_row(self, stream, &listed);
    }
    return found.count > 0 && (several->right || !hints_need_right(stream->hints));
}

void several_write_by_right(const stream_t *stream, ask_t *ask, bytes_t *out)
{
    bytes_t rows = {0};
    const grant_t *right = &stream->several->right->grant;
    grant_write(right, &rows);
    ask->target = right->target;
    ask->grants = 1;
    ask->rows = bytes_slice(&rows);
    out->len = 0;
    ask_write(ask, out);
    bytes_free(&rows);
}

static void s_ask_list(streams_t *self, stream_t *stream)
{
    several_t *several = stream->several;
    ask_t ask = {.kind = ASK_LIST, .after = several->digest};
    several_write_by_right(stream, &ask, &several->ask);
    several->listed_ms = self->now_ms;
    several->asked_wall_ms = clock_wall_ms();
    streams_ask(self, OWNER_CHANNEL, SLOT_LIST, stream, bytes_slice(&several->ask), &several->list);
    self->lists += streams_is_asked(self, several->list);
}

void several_turn(streams_t *self)
{
    while (!h2o_linklist_is_empty(&self->listing) && self->lists < SEVERAL_LISTS) {
        several_t *several = H2O_STRUCT_FROM_MEMBER(several_t, in_listing, self->listing.next);
        if (self->now_ms - several->listed_ms < SEVERAL_LIST_MS)
            return;
        h2o_linklist_unlink(&several->in_listing);
        h2o_linklist_insert(&self->listing, &several->in_listing);
        if (!streams_is_asked(self, several->list))
            s_ask_list(self, several->stream);
        else
            several->listed_ms = self->now_ms;
    }
}

bool several_read_by_right(stream_t *stream, const wire_reply_t *reply, slice_t body,
                           found_t *found)
{
    uint32_t index;
    unsigned error = ERROR_not_allowed;
    if (!reply || reply->status != 200 || !found_read(body, found))
        return false;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    if (found->kind != FOUND_REFUSED)
        return true;
    if (refused_read(&in, &index, &error))
        several_end(stream, error);
    return false;
}

static void s_take_list(streams_t *self, stream_t *stream, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    listed_t listed;
    stream->several->digest = found->after;
    for (uint32_t i = 0; i < found->count && listed_read(&in, &listed); i++)
        s_take_row(self, stream, &listed);
}

void several_listed(streams_t *self, stream_t *stream, const wire_reply_t *reply, slice_t body)
{
    found_t found;
    self->lists--;
    stream->several->list = (slot_ref_t){0, 0};
    if (!several_read_by_right(stream, reply, body, &found))
        return;
    if (found.kind == FOUND_LISTED && found.more)
        s_take_list(self, stream, &found);
    else if (found.kind == FOUND_LISTED)
        stream->several->listed_wall_ms = stream->several->asked_wall_ms - SEVERAL_SLACK_MS;
}
