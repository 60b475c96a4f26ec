/* The files of connection strings that workers of other users than the channels' need.
 *
 * Threading: none, one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_CONNECTIONS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_CONNECTIONS_H

#include "common/conf/conf.h"
#include "workers/journal/postgres/schema.h"

/* Where kinds have users of their own, those with handlers have the connection string WORKER in a
 * file each, as kinds_connection (common/life/kinds.h) looks for it. 0, or -1 with the reason in
 * err. */
int connections_share(const conf_t *conf, const char *worker, schema_said_fn said, char *err,
                      size_t err_size);

#endif
