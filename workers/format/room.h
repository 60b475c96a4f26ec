/* The memory of one rendering, and its budget: both are the room's, taken together and given back
 * together.
 *
 * Each thing that costs takes steps: a value looked at, 64 bytes read or written. A rendering that
 * has none left fails; so no format and no event holds up its thread.
 *
 * Threading: an object belongs to one thread. Running out of memory aborts. */
#ifndef POSTERN_WORKERS_FORMAT_ROOM_H
#define POSTERN_WORKERS_FORMAT_ROOM_H

#include "common/base/slice.h"

enum {
    ROOM_STEPS = 20000,
    ROOM_STEP_BYTES = 64,
    ROOM_TEXT = 64 << 10, /* longest text in the making */
};

struct room_block;

/* Zero-initialised is empty and valid. */
typedef struct {
    struct room_block *blocks; /* the newest first */
    size_t used;               /* of the newest */
    unsigned steps;            /* left */
    bool spent;                /* more was wanted than is left */
    bool flat;                 /* what is written now is for a field without markup */
} room_t;

/* Gives all memory back to the room, and begins a new budget. */
void room_reset(room_t *self);
void room_close(room_t *self);

/* SIZE bytes, aligned, valid until room_reset. */
void *room_take(room_t *self, size_t size);

/* A copy of TEXT. */
slice_t room_copy(room_t *self, slice_t text);

/* Takes COUNT steps, or those of BYTES; false when the budget is spent. */
bool room_step(room_t *self, unsigned count);
bool room_step_bytes(room_t *self, size_t bytes);

/* A text in the making, in the room's memory: what would be past ROOM_TEXT is left out. */
typedef struct {
    room_t *room;
    char *data;
    size_t len, cap;
} text_t;

void text_append(text_t *self, slice_t bytes); /* that are not empty */
static inline void text_add(text_t *self, slice_t bytes)
{
    if (bytes.len > 0)
        text_append(self, bytes);
}
void text_lit(text_t *self, const char *bytes);
void text_char(text_t *self, char c);
static inline slice_t text_of(const text_t *self)
{
    return slice(self->len ? self->data : "", self->len);
}

#endif
