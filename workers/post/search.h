/* Searching a target's messages: from the newest to the oldest, in slices, between which other
 * readings have their turn (slicing.h). A search ends with its limit of messages, at its first
 * sequence, or when it has looked at SEARCH_RECORDS or for SEARCH_MS, and says where to go on.
 *
 * Threading: slices are the journal's thread's, all else is the caller's. */
#ifndef POSTERN_WORKERS_POST_SEARCH_H
#define POSTERN_WORKERS_POST_SEARCH_H

#include "workers/post/reading.h"

enum {
    SEARCH_RECORDS = 20000,
    SEARCH_MS = 50,         /* of the journal's thread */
    SEARCH_SLICE_MS = 4,    /* at once; a record is looked at in one piece */
    SEARCH_RETURN_MS = 500, /* before the deadline: what was found by then is answered */
    SEARCH_TEXT = 256,      /* longest phrase or sender, bytes */
};

/* Reads q and sender out of the job's params (docs/API). Without both nothing is done; else the
 * job's reading, which history_prepare has read the rest of, becomes a search, or is refused. */
void search_prepare(job_t *job);

#endif
