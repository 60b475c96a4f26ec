/* Which events of a sender count, by the name of the event and by its branch: lists of globs
 * (common/base/glob.h), as a source keeps them, one a line, or as a request's parameters have them,
 * with commas between. Blanks around a glob are none of it.
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_SOURCE_SELECTION_H
#define POSTERN_SOURCE_SELECTION_H

#include "common/base/slice.h"

#include <stdbool.h>

enum {
    SELECTION_GLOBS = 20, /* most of a list */
    SELECTION_GLOB = 128, /* longest, bytes */
    SELECTION_LIST = SELECTION_GLOBS * (SELECTION_GLOB + 1),
};

/* Empty lists take everything; all zero is valid. */
typedef struct {
    slice_t only;   /* the event is as one of these */
    slice_t except; /* and as none of these */
    slice_t branch; /* and its branch, where it has one, is as one of these */
    char separator; /* '\n' or ',' */
} selection_t;

/* Whether an event counts. A glob that is as the name up to one of its points takes the event, too:
 * "issues" is "issues" and "issues.*". An event without a name is as "*" alone. */
bool selection_takes(const selection_t *self, slice_t event, slice_t branch);

/* What is wrong with a list, for its owner: "has a glob of more than 128 bytes"; NULL: nothing. */
const char *selection_fault(slice_t list, char separator);

#endif
