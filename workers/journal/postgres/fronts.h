/* Where a target's pending items begin, so that a read of what is due passes over none of the rows
 * that have left: while some other session holds a snapshot open the server can remove none of
 * these, and each read would look at all of them.
 *
 * A read tells of the first row that it met. Rows that are put in meanwhile may stand before that:
 * who puts some in says so before it sends them, so that no front is ever behind a row.
 *
 * Threading: any; fronts_begin and fronts_end are one reader's. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_FRONTS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_FRONTS_H

#include "common/base/uuid.h"

#include <pthread.h>

enum { FRONTS = 256 };

/* Of the targets that have the same slot the last one that was read has a front. */
typedef struct {
    pthread_mutex_t lock;
    uint64_t inserted; /* the foremost place of the last transaction that put rows in */
    uint64_t foremost; /* the foremost place that may have come since the read began */
    struct {
        uuid_t7 target;
        uint64_t place;
    } slots[FRONTS];
} fronts_t;

void fronts_open(fronts_t *self);
void fronts_close(fronts_t *self);

/* Rows are to be put in, from PLACE on: before the transaction is sent, which is the only one that
 * is under way. */
void fronts_insert(fronts_t *self, uint64_t place);

/* A read of TARGET begins: from which place. */
uint64_t fronts_begin(fronts_t *self, const uuid_t7 *target);
/* The first row that it met was at PLACE; UINT64_MAX: there was none. */
void fronts_end(fronts_t *self, const uuid_t7 *target, uint64_t place);

#endif
