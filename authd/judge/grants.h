/* The rights of live streams (common/stream/ask.h): given when a stream is opened, and judged again
 * with each feed or page that is asked for it, so that who lost the right gets nothing more however
 * long the stream is open already.
 *
 * Threading: the main thread's, in a renewed view. */
#ifndef POSTERN_AUTHD_JUDGE_GRANTS_H
#define POSTERN_AUTHD_JUDGE_GRANTS_H

#include "authd/judge/verdict.h"
#include "common/stream/ask.h"

/* Writes the grant of an accepted request to open a stream. ASKED: its target as it was asked for;
 * of an extension its app-id. */
void grants_give(const uint8_t key[GRANT_KEY], const wire_request_t *request, slice_t asked,
                 bytes_t *out);

/* Judges what a lane asks for its streams by BODY, and fills the principal by which it is placed.
 * Where a grant is none any more, ANSWER gets the body of the answer, which says which; where a
 * list is asked for, the list. Else the request is the worker's. An error: it is malformed, or
 * could not be judged. */
error_code_t grants_judge(judge_t *judge, view_t *view, const uint8_t key[GRANT_KEY],
                          wire_request_t *request, slice_t body, int64_t wall_ms, bytes_t *answer);

#endif
