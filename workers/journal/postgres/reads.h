/* What reads are made of. The reader's thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_READS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_READS_H

#include "workers/journal/postgres/postgres.h"

enum {
    READS_CHUNK = 32,  /* rows that are read at once */
    READS_MOST = 1024, /* likewise, of a long read */
    READS_TRIES = 3,   /* of a read whose table, or connection, is lost on the way */
};

/* One statement, on a connection that is made again where it was lost: a read can be done again. */
session_outcome_t reads_ask(journal_reader_t *self, statement_t *ask);
/* A record that was read; REFUSED with the reason in the session's text where it is damaged. */
session_outcome_t reads_record(journal_reader_t *self, uint64_t log, slice_t bytes,
                               record_t *record);
/* A read that failed: says so. */
void reads_failed(journal_reader_t *self);

/* outbox.c. A statement of the outbox, which waits for the server where that is away. */
session_outcome_t reads_wait(journal_reader_t *self, statement_t *ask);
/* A read of it that failed: says so, and ends the process where nobody else could know. */
void reads_lost(journal_reader_t *self);
/* READ with what tables there are, anew where one of them went meanwhile: it had nothing that is
 * seen. */
typedef session_outcome_t (*reads_fn)(journal_reader_t *self, const tables_t *tables, void *arg);
void reads_with_tables(journal_reader_t *self, reads_fn read, void *arg);
/* As the columns of PostgreSQL have it. */
static inline uint64_t reads_number(uint64_t number)
{
    return number < INT64_MAX ? number : INT64_MAX;
}

/* due.c. The record at LOG as it was read along; false: it was not, or is damaged. */
bool reads_ahead(journal_reader_t *self, uint64_t log, record_t *record);
void reads_ahead_end(journal_reader_t *self);

/* At most one record, from FROM on. */
void reads_one(journal_reader_t *self, const uuid_t7 *target, uint64_t from, journal_each_fn each,
               void *arg);

#endif
