/* Hints of a stream of all (common/stream/hint.h): what changed in the directory of what its reader
 * may see, and which of the reader's tokens were used.
 *
 * An admin or owner sees each change; another reader its own changes and those of what is its own
 * or where it is among the people. A lane tells up to which row of the audit it knows; one that is
 * too far behind is told to ask for all.
 *
 * Threading: the main thread's, in a renewed view. */
#ifndef POSTERN_AUTHD_JUDGE_HINTS_H
#define POSTERN_AUTHD_JUDGE_HINTS_H

#include "authd/judge/several.h"

enum {
    HINTS_BEHIND = 1000,    /* rows of the audit */
    HINTS_TOKENS = 64,      /* of a reader, that are looked at */
    HINTS_USED_MS = 120000, /* a use is written so much later at most */
};

/* The body of the answer to ASK, whose grant has been judged. */
void hints_answer(const several_t *reader, const ask_t *ask, bytes_t *out);

#endif
