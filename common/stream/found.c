#include "common/stream/found.h"

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
    bytes_number(out, found->position.tagged, 1);
    bytes_number(out, found->count, 4);
    bytes_put(out, found->rows.data, found->rows.len);
}

static bool s_check_rows(const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    frame_t frame;
    uint32_t index;
    unsigned error;
    for (uint32_t i = 0; i < found->count; i++)
        if (!(found->kind == FOUND_REFUSED ? refused_read(&in, &index, &error)
                                           : frame_read(&in, &frame)))
            return false;
    return in.left == 0;
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
    found->position.tagged = bytes_take_number(&in, 1) != 0;
    found->count = (uint32_t)bytes_take_number(&in, 4);
    found->rows = slice(in.at, in.left);
    return !in.failed && version == FOUND_VERSION && found->kind >= FOUND_FRAMES &&
           found->kind < FOUND_KINDS && s_check_rows(found);
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
