/* Whether an event of a sender is let in: the sources of its target, which came with the request,
 * verify it, and a handshake is answered. Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_POST_ADMIT_H
#define POSTERN_WORKERS_POST_ADMIT_H

#include "common/source/record.h"
#include "workers/post/drain.h"
#include "workers/post/source_book.h"

/* The sources, whose slices point into the request. */
typedef struct {
    source_record_t record[SOURCE_RECORDS];
    unsigned records;
    const source_record_t *signer; /* the one that has signed the event; NULL: none */
} admitted_t;

/* True: the event goes on. Otherwise the job is answered (a handshake) or refused: with 401
 * invalid_signature where a source that is required finds no signature, or any of them a wrong one;
 * one source that has signed it is enough. What came without a token (op_is_signed) is refused
 * unless one has, whatever the sources say. What is refused is counted, and BOOK keeps why. */
bool admit(job_t *job, source_book_t *book, admitted_t *sources);

/* The same for an event of a bot or of an app: without sources it goes on, and a handshake is
 * answered where one of them has its preset; any other is an event. */
bool admit_event(job_t *job, source_book_t *book, admitted_t *sources);

/* The source that an event is of which was let in: the one that has signed it; else the first whose
 * format is FORMAT, else the first that has none, else the first. NULL: there is no source. */
const source_record_t *admitted_source(const admitted_t *self, slice_t format);

#endif
