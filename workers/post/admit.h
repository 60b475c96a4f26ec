/* Whether an event of a sender is let in: the sources of its target, which came with the request,
 * verify it, and a handshake is answered. Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_POST_ADMIT_H
#define POSTERN_WORKERS_POST_ADMIT_H

#include "workers/post/drain.h"

/* True: the event goes on. Otherwise the job is answered (a handshake) or refused: with 401
 * invalid_signature where a source that is required finds no signature, or any of them a wrong one;
 * one source that has signed it is enough. */
bool admit(job_t *job);

#endif
