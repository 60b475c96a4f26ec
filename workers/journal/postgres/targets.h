/* The last sequence and log of the targets that a journal has stored for lately, so that the next
 * record's numbers need no look: as they are durable, and as the transaction in the making has
 * them.
 *
 * Threading: the writer's. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_TARGETS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_TARGETS_H

#include "common/base/uuid.h"

#include <stdint.h>

enum { TARGETS_KEPT = 1000000 }; /* past it all are forgotten, and looked up again */

typedef struct targets targets_t;
typedef struct target target_t;

targets_t *targets_new(void);
void targets_destroy(targets_t **self_p);

/* A transaction begins; what the one before had that was not kept is forgotten. */
void targets_begin(targets_t *self);
/* NULL: it is to be looked up, then told. */
target_t *targets_find(targets_t *self, const uuid_t7 *id);
void targets_tell(targets_t *self, const uuid_t7 *id, uint64_t sequence, uint64_t log);
/* Gives the record at LOG its sequence, and the log of the one before it. */
void targets_place(targets_t *self, target_t *target, uint64_t log, uint64_t *sequence,
                   uint64_t *previous);
/* The transaction is durable. */
void targets_keep(targets_t *self);

#endif
