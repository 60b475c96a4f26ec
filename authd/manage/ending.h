/* Counts the tokens that end soon, for postern_tokens_ending: a walk through all tokens, some at
 * each call, so that no turn of the loop is long. Threading: one thread. */
#ifndef POSTERN_AUTHD_MANAGE_ENDING_H
#define POSTERN_AUTHD_MANAGE_ENDING_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define ENDING_SOON_MS (UINT64_C(14) * 86400 * 1000)

enum { ENDING_LOOK = 250 };

typedef struct {
    uuid_t7 last; /* where the last look ended; nil: at the beginning */
    uint64_t found;
} ending_t;

/* Looks at the next ENDING_LOOK tokens in VIEW, which is live; at the end of the walk sets the
 * metric, and returns false. */
bool ending_look(ending_t *self, view_t *view, uint64_t now_ms);

#endif
