#include "common/base/ops.h"
#include "workers/journal/postgres/carrier.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HOST = 80, DIRECTORY = 80, DAY_MS = 86400000 };

int carrier_start(const conf_t *conf, const char *name)
{
    char host[HOST] = "", home[HOST + DIRECTORY + 16], err[8192];
    cluster_t clusters[CLUSTERS] = {{{0}, NULL}};
    op_owner_t kind;
    unsigned shards[WORKER_KINDS];
    if (!op_owner_of(name, strlen(name), &kind))
        return 1;
    conf_shards(conf, shards);
    gethostname(host, sizeof host - 1);
    snprintf(home, sizeof home, "migrate %s %.*s", host, DIRECTORY,
             conf_text(conf, SET_data_directory));
    carrier_options_t options = {.kind = name,
                                 .shards = shards[kind],
                                 .clusters = clusters,
                                 .home = home,
                                 .copies = (unsigned)conf_uint(conf, SET_postgres_copies),
                                 .delivery_retention_ms =
                                     conf_uint(conf, SET_delivery_retention_days) * DAY_MS};
    int status = 1;
    if (clusters_name_all(conf, name, clusters, &options.clusters_len, err, sizeof err) == 0)
        status = carrier_run(STDIN_FILENO, &options);
    else
        fprintf(stderr, "posternctl: %s\n", err);
    clusters_forget(clusters, options.clusters_len);
    return status;
}
