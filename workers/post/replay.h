/* Events of a channel that a format failed at, and that are kept for it: made messages of once
 * more, by the formats as they are by then.
 *
 * A replay is a reading that stores: the journal's thread finds the events, turns of the main
 * thread make messages of them, REPLAY_TURN_US at a time, which are stored with the requests that
 * arrive meanwhile, and the reading is answered when all are durable. A message has a key of its
 * event, so that no event is replayed twice within JOURNAL_KEY_MS, and it names the event, so that
 * it is not where its message stands among the REPLAY_LOOKED records that are looked at.
 *
 * Limits, past each of which the answer says where to go on: REPLAY_EVENTS, REPLAY_BYTES of events,
 * REPLAY_LOOKED records.
 *
 * Threading: the main thread's, but the look of its reading. */
#ifndef POSTERN_WORKERS_POST_REPLAY_H
#define POSTERN_WORKERS_POST_REPLAY_H

#include "workers/post/answer.h"
#include "workers/post/post.h"

enum {
    REPLAY_EVENTS = 64,
    REPLAY_BYTES = 8 << 20,
    REPLAY_LOOKED = 100000,
    REPLAY_SLICE = 2000,   /* records of a slice (slicing.h) */
    REPLAY_TURN_US = 2000, /* and one event more */
};

/* The verb. Parameters: from (a sequence), since (a time), limit, dry_run. */
void post_replay(post_t *post, job_t *job);

/* Whether a replay has something to do that is not the journal's. */
bool replay_waits(const answering_t *with);
/* Goes on with those that are under way: adds jobs to FILLING, answers what is done. */
void replay_turn(answering_t *with, post_t *post, drain_t *filling);
/* The journal has finished with a drain: takes the outcomes of the jobs that are a replay's. */
void replay_stored(drain_t *done);

#endif
