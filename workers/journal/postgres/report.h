/* What postern-database tells: lines as they come, or at the end one object of JSON: the same lines
 * as `steps`, and what was found, by its fields, as `checks` or `shards`.
 *
 * Threading: one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_REPORT_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_REPORT_H

#include "workers/journal/postgres/schema.h"
#include "workers/journal/postgres/shard_command.h"

/* From now on it is to be JSON. */
void report_as_json(void);
void report_line(const char *line);
void report_found(const schema_found_t *found);
void report_shard(const shard_found_t *found);
/* Prints what is JSON. */
void report_end(void);

#endif
