/* A connection for COPY and for statements of any length, whose server may come to stand still: no
 * statement has a deadline, because a large table takes its time, but where nothing comes for
 * BULK_QUIET_MS the server is asked something else, and one that does not answer that stands still.
 *
 * Threading: one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_BULK_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_BULK_H

#include "common/postgres/session.h"

enum { BULK_QUIET_MS = 3000 };

typedef struct {
    session_t session;      /* not in pipeline mode, never blocking */
    const char *name;       /* of the cluster */
    const char *connection; /* may have a password */
    session_t *other;       /* by which the server is asked; opened where it is not */
    const char *what;       /* the shard's lease there */
    bool writes;            /* what is committed here is to have its copy */
    bool still;             /* the server stands still: nothing is sent any more */
    size_t unsent;          /* bytes, about */
} bulk_t;

/* Connects SELF, whose members from name to writes are set. */
session_outcome_t bulk_open(bulk_t *self);
void bulk_close(bulk_t *self);

/* Why it failed last, for an operator. */
const char *bulk_text(const bulk_t *self);

/* Each is NULL, false or less than -1 where the server stands still, or the connection is lost.
 * Results and rows are the caller's (PQclear, PQfreemem). */
PGresult *bulk_ask(bulk_t *self, const char *sql); /* the last one's result; of COPY the first */
bool bulk_send(bulk_t *self, const char *sql);     /* its results are taken by bulk_result */
PGresult *bulk_result(bulk_t *self);               /* NULL: also when there is none any more */
int bulk_row(bulk_t *self, char **row); /* of COPY … TO STDOUT: its length, -1: no more */
bool bulk_put(bulk_t *self, const char *row, int len);
bool bulk_end(bulk_t *self, const char *why); /* WHY not: NULL, all is put */

#endif
