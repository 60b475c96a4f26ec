#include "common/stream/found.h"

#include "common/stream/hint.h"

enum { FOUND_VERSION = 1 };

void found_write(const found_t *found, bytes_t *out)
{
    bytes_number(out, FOUND_VERSION, 1);
    bytes_number(out, found->kind, 1);
    bytes_number(out, found->more, 1);
    bytes_number(out, found->reset, 1);
    bytes_number(out, found->generation, 4);
    bytes_uuid(out, &found->journal);
    bytes_number(out, found->shard, 4);
    bytes_number(out, found->shards, 4);
    bytes_number(out, found->after, 8);
    bytes_number(out, found->upto, 8);
    bytes_number(out, found->position.sequence, 8);
    bytes_number(out, found->position.tag, 4);
    bytes_number(out, found->position.tagged | found->mark << 1, 1);
    bytes_number(out, found->count, 4);
    bytes_put(out, found->rows.data, found->rows.len);
}

/* A frame's JSON goes out within the lines of a stream. */
static bool s_is_line(slice_t json)
{
    return json.len == 0 ||
           (!memchr(json.data, '\n', json.len) && !memchr(json.data, '\r', json.len));
}

static bool s_check_row(const found_t *found, bytes_in_t *in)
{
    frame_t frame;
    listed_t listed;
    uint32_t index;
    unsigned error;
    hint_t hint;
    if (found->kind == FOUND_REFUSED)
        return refused_read(in, &index, &error);
    if (found->kind == FOUND_HINTS)
        return hint_read(in, &hint);
    if (found->kind == FOUND_LISTED || found->kind == FOUND_NAMES)
        return listed_read(in, &listed);
    bool read = frame_read(in, &frame);
    return read &&
           (found->kind == FOUND_LOG ? frame.json.len >= sizeof "{}" - 1 : s_is_line(frame.json));
}

static bool s_check_rows(const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    standing_t standing;
    for (uint32_t i = 0; i < found->count; i++)
        if (!s_check_row(found, &in))
            return false;
    while (found->kind == FOUND_SPAN && in.left > 0)
        if (!standing_read(&in, &standing))
            return false;
    return in.left == 0;
}

static void s_take_mark(uint64_t bits, found_t *found)
{
    found->position.tagged = bits & 1;
    found->mark = (mark_t)(bits >> 1);
}

bool found_read(slice_t body, found_t *found)
{
    bytes_in_t in = {body.data, body.len, false};
    uint64_t version = bytes_take_number(&in, 1);
    found->kind = (found_kind_t)bytes_take_number(&in, 1);
    found->more = bytes_take_number(&in, 1) != 0;
    found->reset = (reset_t)bytes_take_number(&in, 1);
    found->generation = (uint32_t)bytes_take_number(&in, 4);
    bytes_take_uuid(&in, &found->journal);
    found->shard = (uint32_t)bytes_take_number(&in, 4);
    found->shards = (uint32_t)bytes_take_number(&in, 4);
    found->after = bytes_take_number(&in, 8);
    found->upto = bytes_take_number(&in, 8);
    found->position.sequence = bytes_take_number(&in, 8);
    found->position.tag = (uint32_t)bytes_take_number(&in, 4);
    s_take_mark(bytes_take_number(&in, 1), found);
    found->count = (uint32_t)bytes_take_number(&in, 4);
    found->rows = slice(in.at, in.left);
    return !in.failed && version == FOUND_VERSION && found->kind >= FOUND_FRAMES &&
           found->kind < FOUND_KINDS && found->mark < MARK_KINDS && s_check_rows(found);
}

void frame_write(const frame_t *frame, bytes_t *out)
{
    bytes_number(out, frame->sequence, 8);
    bytes_number(out, frame->log, 8);
    bytes_number(out, frame->tag, 4);
    bytes_uuid(out, &frame->target);
    bytes_number(out, frame->kind + frame->json.len, 4);
    bytes_put(out, "  ", frame->kind);
    bytes_put(out, frame->json.data, frame->json.len);
}

bool frame_read(bytes_in_t *in, frame_t *frame)
{
    frame->sequence = bytes_take_number(in, 8);
    frame->log = bytes_take_number(in, 8);
    frame->tag = (uint32_t)bytes_take_number(in, 4);
    bytes_take_uuid(in, &frame->target);
    frame->json = bytes_take(in, bytes_take_number(in, 4));
    frame->kind = FRAME_MESSAGE;
    while (frame->kind < FRAME_KINDS - 1 && frame->json.len > 0 && frame->json.data[0] == ' ') {
        frame->kind++;
        frame->json = slice(frame->json.data + 1, frame->json.len - 1);
    }
    return !in->failed;
}

void standing_write(const standing_t *standing, bytes_t *out)
{
    bytes_number(out, standing->position.sequence, 8);
    bytes_number(out, standing->position.tag, 4);
    bytes_number(out, standing->position.tagged, 1);
    bytes_number(out, standing->reset, 1);
}

bool standing_read(bytes_in_t *in, standing_t *standing)
{
    standing->position.sequence = bytes_take_number(in, 8);
    standing->position.tag = (uint32_t)bytes_take_number(in, 4);
    standing->position.tagged = bytes_take_number(in, 1) != 0;
    standing->reset = (reset_t)bytes_take_number(in, 1);
    return !in->failed;
}

void listed_write(const listed_t *listed, bytes_t *out)
{
    grant_write(&listed->grant, out);
    bytes_number(out, listed->label.len, 2);
    bytes_put(out, listed->label.data, listed->label.len);
}

bool listed_read(bytes_in_t *in, listed_t *listed)
{
    bool granted = grant_read(in, &listed->grant);
    listed->label = bytes_take(in, bytes_take_number(in, 2));
    return granted && !in->failed && hint_is_line(listed->label, LISTED_LABEL);
}

void refused_write(uint32_t index, unsigned error, bytes_t *out)
{
    bytes_number(out, index, 4);
    bytes_number(out, error, 2);
}

bool refused_read(bytes_in_t *in, uint32_t *index, unsigned *error)
{
    *index = (uint32_t)bytes_take_number(in, 4);
    *error = (unsigned)bytes_take_number(in, 2);
    return !in->failed;
}

void frame_flatten(char *json, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (json[i] == '\r' || json[i] == '\n')
            json[i] = ' ';
}
