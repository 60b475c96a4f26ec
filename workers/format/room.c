#include "workers/format/room.h"

#include <stdlib.h>

enum { BLOCK = 32 << 10, ALIGN = 16 };

typedef struct room_block {
    struct room_block *next;
    size_t size;
    _Alignas(ALIGN) char bytes[];
} block_t;

static void s_add(room_t *self, size_t size)
{
    block_t *block = malloc(sizeof *block + size);
    if (!block)
        abort();
    *block = (block_t){self->blocks, size};
    self->blocks = block;
    self->used = 0;
}

/* Frees all blocks behind the first SPARED. */
static void s_free(room_t *self, bool spare_one)
{
    block_t *block = self->blocks;
    while (block && !(spare_one && !block->next)) {
        block_t *next = block->next;
        free(block);
        block = next;
    }
    self->blocks = block;
}

void room_reset(room_t *self)
{
    s_free(self, true);
    self->used = 0;
    self->steps = ROOM_STEPS;
    self->spent = false;
}

void room_close(room_t *self)
{
    s_free(self, false);
    self->used = 0;
}

void *room_take(room_t *self, size_t size)
{
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (!self->blocks || self->blocks->size - self->used < size)
        s_add(self, size > BLOCK ? size : BLOCK);
    char *taken = self->blocks->bytes + self->used;
    self->used += size;
    return taken;
}

slice_t room_copy(room_t *self, slice_t text)
{
    char *copy = room_take(self, text.len);
    if (text.len)
        memcpy(copy, text.data, text.len);
    return slice(copy, text.len);
}

bool room_step(room_t *self, unsigned count)
{
    if (self->spent || self->steps < count) {
        self->spent = true;
        return false;
    }
    self->steps -= count;
    return true;
}

bool room_step_bytes(room_t *self, size_t bytes)
{
    size_t steps = bytes / ROOM_STEP_BYTES;
    return room_step(self, steps > ROOM_STEPS ? ROOM_STEPS + 1 : (unsigned)steps);
}

static void s_grow(text_t *self, size_t more)
{
    size_t cap = self->cap ? self->cap : 128;
    while (cap < self->len + more)
        cap *= 2;
    if (cap == self->cap)
        return;
    char *data = room_take(self->room, cap);
    if (self->len)
        memcpy(data, self->data, self->len);
    self->data = data;
    self->cap = cap;
}

void text_append(text_t *self, slice_t bytes)
{
    if (bytes.len > ROOM_TEXT - self->len)
        bytes.len = ROOM_TEXT - self->len;
    if (bytes.len == 0)
        return;
    s_grow(self, bytes.len);
    memcpy(self->data + self->len, bytes.data, bytes.len);
    self->len += bytes.len;
}

void text_lit(text_t *self, const char *bytes)
{
    text_add(self, slice_of(bytes));
}

void text_char(text_t *self, char c)
{
    if (self->len == self->cap || self->len == ROOM_TEXT)
        text_append(self, slice(&c, 1));
    else
        self->data[self->len++] = c;
}
