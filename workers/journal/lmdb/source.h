/* A journal of this engine read as it lies, without a clock and without writing: what export.c and
 * tools.c share. Nobody else but their tests includes it. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_SOURCE_H
#define POSTERN_WORKERS_JOURNAL_LMDB_SOURCE_H

#include "workers/journal/export.h"
#include "workers/journal/lmdb/outbox_rows.h"

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

/* The generation of the frames in the write-ahead file (0: there is none), and the last one that
 * the tables have. Where written is higher, the tables lack messages. */
typedef struct {
    uint64_t written, saved;
} generations_t;
/* Those of the journal at PATH. May be asked beside a running worker, whose tables have what is
 * written now within JOURNAL_LATEST_MS; a busy one has written more by then. 0, or -1 with the
 * reason in err. */
int source_generations(const char *path, generations_t *found, char *err, size_t err_size);

#endif
