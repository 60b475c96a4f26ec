/* Whose deliveries one may look at together: one's own bots, extensions and outlets, archived ones
 * too, at most LISTED_MOST; or, of whom a role lets see all, those and whatever a shard has,
 * without bodies. Each has a grant, which is judged again when a gateway asks a shard by it.
 *
 * The parameter "target" names one alone: bot:NAME, extension:NAME or APP-ID (by its name both of
 * its apps), outlet:ID.
 * Threading: the main thread's, in a renewed view. */
#ifndef POSTERN_AUTHD_JUDGE_GATHER_H
#define POSTERN_AUTHD_JUDGE_GATHER_H

#include "authd/judge/several.h"

/* Writes the body of the answer: with a reset where there are more than LISTED_MOST. An error, with
 * its DETAIL. TARGET: NULL: all. */
error_code_t gather_answer(const several_t *reader, const slice_t *target, bytes_t *out,
                           char detail[SEVERAL_DETAIL]);
/* Whether the grant is the right to see what a shard has of others, and its user has it. */
bool gather_sees_all(view_t *view, const grant_t *grant);
/* The body of the answer to ASK_NAMES. */
void gather_names(view_t *view, const ask_t *ask, bytes_t *out);

#endif
