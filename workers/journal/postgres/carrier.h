/* The side of PostgreSQL of a migration (posternctl migrate): does what postern-store asks for,
 * which has the files of this host. Threading: the main thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_CARRIER_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_CARRIER_H

#include "common/conf/conf.h"
#include "workers/journal/postgres/cluster.h"

typedef struct {
    const char *kind;
    unsigned shards;
    const cluster_t *clusters; /* where the shards are, the main one first */
    unsigned clusters_len;
    const char *home; /* whose journals they are: this host's, of a data directory */
    unsigned copies;  /* this and the next as journal_options_t has them */
    uint64_t delivery_retention_ms;
} carrier_options_t;

/* Over the descriptor FD, a stream socket, until the other side closes it. Returns the exit status.
 */
int carrier_run(int fd, const carrier_options_t *options);
/* The same for the journals of KIND over standard input, by the configuration. */
int carrier_start(const conf_t *conf, const char *kind);

#endif
