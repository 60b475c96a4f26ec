/* What gateways read for streams of several targets (common/stream/ask.h, ASK_SPAN): what the
 * targets of one shard have, each behind a place in its own order, in the order of the log; and
 * where they stand, for one that begins or comes back.
 *
 * A place in the log that a reader comes back with (PAGE_MARK) is kept as log sequence and count of
 * shards, which make the public number of a record that was stored there. A reshard keeps numbers,
 * and they grow with each target's sequence, so the target's place is found by its numbers in a
 * journal of any count of shards. A record that a reshard has moved has a number of before: from
 * such a place (MARK_MOVED) one comes back to the same journal alone.
 *
 * What retention has removed is told by the chain of a target's records. Of a target that has none
 * any more, the journal may know where its last one was; else it is known only that nothing was
 * removed behind the oldest record of the journal.
 *
 * Cost: where a target has nothing new, a look at its range; else some reads, whose number grows
 * with the logarithm of its records where a place is looked for. A page looks at FEED_RECORDS
 * records at most, and passes over a stretch in which no target has one.
 *
 * Threading: as feed.h. */
#ifndef POSTERN_WORKERS_POST_SPAN_H
#define POSTERN_WORKERS_POST_SPAN_H

#include "common/stream/ask.h"
#include "workers/post/reading.h"

/* ASK is the job's body: the job becomes a JOB_READ. */
void span_prepare(job_t *job, const ask_t *ask);

#endif
