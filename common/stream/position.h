/* A position in a target's order: the sequence of the record after which a reader goes on, and a
 * tag, 32 random bits of that record's id. The tag tells whether the history is still the one that
 * the reader knows: after the restore of an older backup, or an import, another record may have the
 * sequence.
 *
 * As text: "18423-1q3fd9k", the tag as 7 characters of 0-9 and a-v; without a tag "18423".
 * Threading: no state, any thread. */
#ifndef POSTERN_STREAM_POSITION_H
#define POSTERN_STREAM_POSITION_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t sequence; /* 0: before the first */
    uint32_t tag;
    bool tagged;
} position_t;

enum { POSITION_TEXT = 32 };

/* Of the record that has this id. */
uint32_t position_tag(const uuid_t7 *id);

/* Returns the length; ended by a NUL. */
size_t position_text(const position_t *position, char text[POSITION_TEXT]);
/* False: TEXT is no position. */
bool position_read(slice_t text, position_t *position);

#endif
