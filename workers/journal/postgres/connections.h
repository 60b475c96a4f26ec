/* The files of connection strings that workers of other users than the channels' need.
 *
 * Threading: one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_CONNECTIONS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_CONNECTIONS_H

#include "common/conf/conf.h"
#include "workers/journal/postgres/schema.h"

/* Where kinds have users of their own, those with handlers have the connection string WORKER, that
 * of a cluster's FILE, in a file each, as clusters_read (common/life/clusters.h) looks for it. 0,
 * or -1 with the reason in err. */
int connections_share(const conf_t *conf, const char *file, const char *worker, schema_said_fn said,
                      char *err, size_t err_size);

#endif
