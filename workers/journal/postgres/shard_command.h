/* posternctl shard list and shard move: the clusters that the configuration names, and what is told
 * of their shards, or done with one.
 *
 * Threading: one thread. 0, or -1 with the reason in err. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_SHARD_COMMAND_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_SHARD_COMMAND_H

#include "common/conf/conf.h"
#include "workers/journal/postgres/move.h"

int shard_list(const conf_t *conf, shard_found_fn found, char *err, size_t err_size);
/* SHARD as "channel/3"; CLUSTER: where it is to live; LOST: NULL, or one that is gone for good;
 * LOSES: with what it may have acknowledged. */
int shard_move(const conf_t *conf, const char *shard, const char *cluster, const char *lost,
               bool loses, schema_said_fn said, char *err, size_t err_size);

#endif
