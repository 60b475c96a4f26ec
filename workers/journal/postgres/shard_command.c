#include "workers/journal/postgres/shard_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int shard_list(const conf_t *conf, shard_found_fn found, char *err, size_t err_size)
{
    cluster_t all[CLUSTERS] = {{{0}, NULL}};
    unsigned len;
    int rc = clusters_name_all(conf, NULL, all, &len, err, err_size);
    if (rc == 0)
        rc = shards_list(all, len, found, err, err_size);
    clusters_forget(all, len);
    return rc;
}

/* KIND/N */
static int s_read_shard(const conf_t *conf, const char *text, move_options_t *to, char *err,
                        size_t err_size)
{
    unsigned shards[WORKER_KINDS];
    const char *slash = strchr(text, '/');
    char *end = NULL;
    conf_shards(conf, shards);
    bool good = slash && op_owner_of(text, (size_t)(slash - text), &to->kind) &&
                to->kind < WORKER_KINDS && slash[1] >= '0' && slash[1] <= '9' &&
                !(slash[1] == '0' && slash[2]);
    unsigned long shard = good ? strtoul(slash + 1, &end, 10) : 0;
    to->shard = (unsigned)shard;
    if (good && !*end && shard < shards[to->kind])
        return 0;
    snprintf(err, err_size,
             "%s: is no shard: channel/0, bot/0, extension/0 …, with a number below shards.KIND",
             text);
    return -1;
}

int shard_move(const conf_t *conf, const char *shard, const char *cluster, const char *lost,
               bool loses, schema_said_fn said, char *err, size_t err_size)
{
    cluster_t all[CLUSTERS] = {{{0}, NULL}};
    move_options_t options = {.clusters = all,
                              .to = cluster,
                              .lost = lost,
                              .loses = loses,
                              .copies = (unsigned)conf_uint(conf, SET_postgres_copies),
                              .said = said};
    int rc = s_read_shard(conf, shard, &options, err, err_size);
    if (rc == 0)
        rc = clusters_name_all(conf, op_owner_name(options.kind), all, &options.clusters_len, err,
                               err_size);
    if (rc == 0)
        rc = move_run(&options, err, err_size);
    clusters_forget(all, options.clusters_len);
    return rc;
}
