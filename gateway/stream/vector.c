#include "gateway/stream/vector.h"

#include "common/stream/position.h"

#include <stdio.h>

void vector_make(vector_t *self, op_owner_t kind, unsigned shards)
{
    free(self->place[kind]);
    self->shards[kind] = shards;
    self->place[kind] = calloc(shards, sizeof *self->place[kind]);
    if (!self->place[kind])
        abort();
}

void vector_free(vector_t *self)
{
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        free(self->place[kind]);
    *self = (vector_t){.shards = {0}};
}

static void s_write_place(const vector_place_t *place, bytes_t *out)
{
    char text[POSITION_TEXT];
    size_t len =
        position_text(&(position_t){place->log, place->tag, place->mark != MARK_NONE}, text);
    char *dash = memchr(text, '-', len);
    if (dash && place->mark == MARK_MOVED)
        *dash = '_';
    bytes_put(out, text, len);
}

void vector_write(const vector_t *self, bytes_t *out)
{
    char head[16];
    size_t before = out->len;
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++) {
        if (self->shards[kind] == 0)
            continue;
        int len = snprintf(head, sizeof head, "~%c%u", *op_owner_name(kind), self->shards[kind]);
        bytes_put(out, head, (size_t)len);
        for (unsigned i = 0; i < self->shards[kind]; i++) {
            bytes_put(out, ".", 1);
            if (self->place[kind][i].there)
                s_write_place(&self->place[kind][i], out);
        }
    }
    bytes_put(out, "~", out->len == before);
}

/* Cuts off what stands before END, and END. */
static slice_t s_cut(slice_t *text, char end)
{
    const char *at = memchr(text->data, end, text->len);
    size_t len = at ? (size_t)(at - text->data) : text->len;
    slice_t part = slice(text->data, len);
    len += at != NULL;
    *text = slice(text->data + len, text->len - len);
    return part;
}

static bool s_read_place(slice_t text, vector_place_t *place)
{
    char plain[POSITION_TEXT];
    position_t position;
    if (text.len == 0)
        return true;
    if (text.len > sizeof plain)
        return false;
    memcpy(plain, text.data, text.len);
    char *mark = memchr(plain, '_', text.len);
    if (mark)
        *mark = '-';
    if (!position_read(slice(plain, text.len), &position))
        return false;
    *place = (vector_place_t){.there = true,
                              .log = position.sequence,
                              .tag = position.tag,
                              .mark = !position.tagged ? MARK_NONE
                                      : mark           ? MARK_MOVED
                                                       : MARK_STORED};
    return true;
}

static bool s_read_kind(slice_t text, vector_t *self)
{
    slice_t head = s_cut(&text, '.');
    position_t count;
    unsigned kind = 0;
    while (kind < WORKER_KINDS && (head.len < 2 || *head.data != *op_owner_name(kind)))
        kind++;
    if (kind == WORKER_KINDS || self->shards[kind] ||
        !position_read(slice(head.data + 1, head.len - 1), &count) || count.tagged ||
        count.sequence < 1 || count.sequence > VECTOR_SHARDS)
        return false;
    vector_make(self, kind, (unsigned)count.sequence);
    for (unsigned i = 0; i < self->shards[kind]; i++) {
        slice_t place = s_cut(&text, '.');
        if (!s_read_place(place, &self->place[kind][i]))
            return false;
    }
    return text.len == 0;
}

bool vector_read(slice_t text, vector_t *self)
{
    *self = (vector_t){.shards = {0}};
    if (text.len == 0 || *text.data != '~')
        return false;
    s_cut(&text, '~');
    while (text.len > 0)
        if (!s_read_kind(s_cut(&text, '~'), self)) {
            vector_free(self);
            return false;
        }
    return true;
}
