/* A journal of the LMDB engine read as it lies, without a clock and without writing: what
 * journal_census.c and journal_reshard.c share. Nobody else includes it. */
#ifndef POSTERN_WORKERS_STORE_JOURNAL_SOURCE_H
#define POSTERN_WORKERS_STORE_JOURNAL_SOURCE_H

#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/store/journal_reshard.h"

typedef struct {
    char path[1024];
    store_t *store;
    MDB_dbi table[TABLES];
    MDB_txn *txn;
    journal_facts_t facts;
    state_t state;
} source_t;

/* 0, or -1 with the reason in err; to be closed in both cases. */
int source_open(source_t *self, const char *path, char *err, size_t err_size);
void source_close(source_t *self);
/* Says what rc means; returns -1. */
int source_say(const source_t *self, int rc, char *err, size_t err_size);

/* The next record: rc of LMDB. */
int source_next(source_t *self, MDB_cursor *cursor, uint64_t *log, record_t *record);
/* The public number of a record, and of an answer. */
uint64_t source_number(const source_t *self, uint64_t log, const record_t *record);
uint64_t source_answered(const source_t *self, uint64_t log);

/* Adds the hash of a key row to a sum. */
void source_sum_key(const source_t *self, slice_t name, const key_row_t *row, uint64_t sum[2]);

#endif
