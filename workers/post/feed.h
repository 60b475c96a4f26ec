/* What gateways read for their live streams (common/stream/ask.h): a feed, all that is stored for a
 * set of targets behind a place in the log; and a page, what one target has behind a position.
 *
 * A feed for which there is nothing is held for FEED_WAIT_MS at most, so that its grants, which
 * authd judges on its way, are never older than that when something is read. A lane has one feed: a
 * newer one takes the place of the one that is held.
 *
 * Threading: what is read is read by the journal's thread, all else is the main thread's. */
#ifndef POSTERN_WORKERS_POST_FEED_H
#define POSTERN_WORKERS_POST_FEED_H

#include "common/stream/found.h"
#include "workers/post/reading.h"

enum {
    FEED_WAIT_MS = 700,
    FEED_BYTES = 1 << 20,
    FEED_RECORDS = 4096,   /* most that are looked at in one go */
    PAGE_BYTES = 64 << 10, /* what a stream's socket takes, about */
    PAGE_FRAMES = 64,
};

/* Reads what is asked out of the job's body: the job becomes a JOB_READ or is refused. */
void feed_prepare(job_t *job);

/* For spans (span.h). Adds the frame of a record to ROWS; MARKED: its log sequence, perhaps with
 * FRAME_MOVED. NARROWED: one without a message, which says that there is a record for others. */
void feed_add_frame(reading_t *reading, uint64_t log, uint64_t marked, const record_t *record,
                    bool narrowed, bytes_t *rows);
/* What a reader sees of RECORD, at LOG, during EACH of a read by READER: of a revision that takes
 * the message from this reader its delete. False: nothing. */
bool feed_shows(const reading_t *reading, journal_reader_t *reader, uint64_t log,
                const record_t *record, record_t *shown);
/* Makes FOUND with ROWS, and what every answer has, the reading's body. */
void feed_answer(reading_t *reading, found_t *found, const bytes_t *rows);

#endif
