/* The thread that reads for the main thread (journal_ask). It starts when something is asked first.
 * Threading: the main thread's, but asking_ring. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_ASK_H
#define POSTERN_WORKERS_JOURNAL_LMDB_ASK_H

#include "workers/journal/journal.h"

typedef struct asking asking_t;

asking_t *asking_new(journal_t *journal);
void asking_destroy(asking_t **self_p);

/* Has journal_turn called, without a query. Any thread. */
void asking_ring(asking_t *self);

#endif
