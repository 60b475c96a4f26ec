/* What reads of one target are made of. The reader's thread. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_READ_H
#define POSTERN_WORKERS_JOURNAL_LMDB_READ_H

#include "workers/journal/lmdb/lmdb.h"

/* What a read looks at: the journal as committed. */
typedef struct {
    journal_t *journal;
    MDB_txn *txn;
} sight_t;

/* Begins, and reads the target's range as committed: MDB_NOTFOUND with an empty one when there is
 * none. Until reader_end, whatever is returned. */
int sight_begin(sight_t *self, journal_reader_t *reader, const uuid_t7 *target, range_row_t *range);

/* The record at LOG, which must be the target's with that sequence. */
int sight_get(const sight_t *self, uint64_t log, const uuid_t7 *target, uint64_t sequence,
              record_t *record);

/* A record of the target that is found without others: the first of these at FROM or behind it, in
 * the range. */
int sight_anchor(const sight_t *self, const uuid_t7 *target, uint64_t from,
                 const range_row_t *range, uint64_t *sequence, uint64_t *log);

/* The target's last sequence in the tail, which goes on from LAST. */
uint64_t tail_last(tail_t *tail, const uuid_t7 *target, uint64_t last);

#endif
