/* A journal that goes to the other engine or comes from it: what is done in a journal's files, by
 * who owns them (owner.h). Threading: one thread. */
#ifndef POSTERN_WORKERS_STORE_MIGRATE_H
#define POSTERN_WORKERS_STORE_MIGRATE_H

#include "workers/store/owner.h"

#include <stdint.h>

typedef struct {
    int fd; /* to postern-database; also the owner's lock */
    const char *kind;
    unsigned shard, shards;
    uint64_t delivery_ms; /* how long deliveries that have ended are kept */
    const char *path;     /* of the journal */
} migrate_t;

/* Reads the journal at path and has PostgreSQL take it; nothing is done where that has it already.
 * As owner_work_t; ARG: a migrate_t. The answer: records, keys, and whether it was there. */
int migrate_out(void *arg, json_t *answer, char *err, size_t err_size);
/* Makes the journal at path, in the directory that it works in, of what PostgreSQL gives. The
 * answer also: epoch, at which that was read. */
int migrate_in(void *arg, json_t *answer, char *err, size_t err_size);

#endif
