/* The copying of a shard's tables from one cluster to another (move.h), by connections that are
 * used for nothing else: COPY, which is a shard's whole content in a few statements.
 *
 * Threading: one thread. Functions return 0, or -1 with the reason in the mover's err. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_MOVE_COPY_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_MOVE_COPY_H

#include "workers/journal/postgres/bulk.h"
#include "workers/journal/postgres/move.h"
#include "workers/journal/postgres/postgres.h"

typedef struct {
    char table[64];
    char mark[192]; /* what the server counted of changes of it before it was compared; "": not all
                       of it was found equal */
    char part[192]; /* likewise of its rows up to UPTO, without those that were added */
    uint64_t upto;  /* 0: none */
} compared_t;

typedef struct {
    bulk_t from, to;
    unsigned kind, shard;
    char own[64];         /* what the shard's own tables are named by, as a regular expression */
    char fence[320];      /* what each transaction there begins with */
    compared_t *compared; /* tables that were found equal */
    size_t compared_len;
    uint64_t rows; /* that were copied */
    schema_said_fn said;
    char *err;
    size_t err_size;
} copying_t;

/* Copies what is there now. FINAL: nobody writes any more; then both have the same, or it fails. */
int copy_all(copying_t *self, bool final);
/* Whether the row there is still this mover's, before anything here is closed. */
int copy_check(copying_t *self);
/* Drops what the shard has at AT, a table a transaction, each behind the fence. */
int copy_drop(copying_t *self, bulk_t *at);
void copy_end(copying_t *self);

#endif
