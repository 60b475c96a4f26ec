/* What reads are made of. The reader's thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_READS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_READS_H

#include "workers/journal/postgres/postgres.h"

enum {
    READS_CHUNK = 32, /* rows that are read at once */
    READS_TRIES = 3,  /* of a read whose table, or connection, is lost on the way */
};

/* One statement, on a connection that is made again where it was lost: a read can be done again. */
session_outcome_t reads_ask(journal_reader_t *self, statement_t *ask);
/* A record that was read; REFUSED with the reason in the session's text where it is damaged. */
session_outcome_t reads_record(journal_reader_t *self, uint64_t log, slice_t bytes,
                               record_t *record);
/* A read that failed: says so. */
void reads_failed(journal_reader_t *self);
/* At most one record, from FROM on. */
void reads_one(journal_reader_t *self, const uuid_t7 *target, uint64_t from, journal_each_fn each,
               void *arg);

#endif
