/* A finding of posternctl db check: something that the server has, or has not as it should.
 *
 * Threading: one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_SCHEMA_ROW_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_SCHEMA_ROW_H

#include "common/postgres/session.h"
#include "workers/journal/postgres/schema.h"

/* SQL gives one row: whether it is good, and what there is, as a text. */
typedef struct {
    const char *what, *sql, *todo;
    bool warns;      /* a process starts without it */
    unsigned copies; /* postgres.copies from which on it counts; 0: any */
} schema_row_t;

/* IS: what there is, in CLUSTER. */
void schema_row_say(const schema_row_t *row, bool good, slice_t is, const char *cluster,
                    schema_found_fn found);
/* Asks by SQL, which may be the row's with something filled in, and tells what it found. Whether a
 * process would start in spite of it. */
bool schema_row_look(const schema_row_t *row, const char *sql, session_t *session,
                     const char *cluster, schema_found_fn found);

#endif
