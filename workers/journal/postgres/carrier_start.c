#include "common/base/ops.h"
#include "common/postgres/connection.h"
#include "workers/journal/postgres/carrier.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HOST = 80, DIRECTORY = 80, DAY_MS = 86400000 };

static int s_connect(const conf_t *conf, const char *kind, cluster_t to[CLUSTERS], unsigned *len)
{
    static clusters_t all;
    char err[8192];
    int rc = clusters_read(conf, kind, &all, err, sizeof err);
    for (*len = 0; rc == 0 && *len < all.len; (*len)++) {
        snprintf(to[*len].name, sizeof to->name, "%s", all.list[*len].name);
        to[*len].connection = connection_read(all.list[*len].path, err, sizeof err);
        rc = to[*len].connection ? 0 : -1;
    }
    if (rc != 0)
        fprintf(stderr, "posternctl: %s\n", err);
    return rc;
}

int carrier_start(const conf_t *conf, const char *name)
{
    char host[HOST] = "", home[HOST + DIRECTORY + 16];
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
    if (s_connect(conf, name, clusters, &options.clusters_len) == 0)
        status = carrier_run(STDIN_FILENO, &options);
    for (unsigned i = 0; i < CLUSTERS; i++)
        connection_forget(&clusters[i].connection);
    return status;
}
