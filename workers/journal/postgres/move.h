/* Moves a shard from the cluster in which it lives to another, while workers serve it from where it
 * is, but for a moment (posternctl shard move). Steps, each of which may be the last of a process
 * that dies; the same call goes on from there:
 *   1. the row there is this mover's to open: it comes (cluster.h). No other mover's is it any more
 *   2. the tables of the shard are copied, each in a transaction of its own, and compared
 *   3. the row here is closed, by a commit that is replicated like any other: from now on no worker
 *      stores, and the one that did ends
 *   4. what came meanwhile is copied, and all tables are compared: counts and sums of their rows
 *   5. the lease here says that the row there may be open; it is opened, with the next epoch: a
 *      worker takes it
 *   6. the row here says that nothing here counts any more, and the tables here are dropped
 * Each transaction there asks for the row as this mover has left it, so that one that slept through
 * another's move writes nothing.
 *
 * Between 3 and 5 a call for the cluster in which the shard was takes it back: the row there is
 * claimed, so that nobody opens it any more, then the row here is opened again. Where the cluster
 * there does not answer, only the operator can say that it is LOST; and from 5 on, that what it has
 * acknowledged is to be lost.
 *
 * Tables are found in the server's catalogue: those that are named as the shard's own, and the rows
 * of those that have columns kind and shard. They are made there as they are here.
 *
 * Threading: one thread. 0, or -1 with the reason in err. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_MOVE_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_MOVE_H

#include "common/base/ops.h"
#include "common/postgres/connection.h"
#include "workers/journal/postgres/cluster.h"
#include "workers/journal/postgres/schema.h"

typedef struct {
    const cluster_t *clusters;
    unsigned clusters_len;
    op_owner_t kind;
    unsigned shard;
    const char *to;   /* a cluster's name */
    const char *lost; /* NULL, or that of one that is gone for good */
    bool loses;       /* with it what it may have acknowledged, had it opened the shard */
    unsigned copies;  /* postgres.copies */
    schema_said_fn said;
} move_options_t;

int move_run(const move_options_t *options, char *err, size_t err_size);

/* Where a shard is. */
typedef struct {
    op_owner_t kind;
    unsigned shard;
    enum { SHARD_LIVES, SHARD_MOVES, SHARD_NOWHERE } state;
    slice_t cluster; /* in which it lives; of the others where it was */
    slice_t to;      /* of the others: where it goes, or went and is not */
    bool named;      /* of NOWHERE: postgres.clusters has TO */
    slice_t holder;  /* who has it; empty: nobody */
    uint64_t epoch, bytes, records;
} shard_found_t;
typedef void (*shard_found_fn)(const shard_found_t *found);

/* Tells of each shard. */
int shards_list(const cluster_t *clusters, unsigned clusters_len, shard_found_fn found, char *err,
                size_t err_size);
/* The same for people. */
void shard_found_line(const shard_found_t *found, char *line, size_t size);

#endif
