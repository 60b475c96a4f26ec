/* The clusters of PostgreSQL that the configuration names: "main", that of postgres.connection, and
 * those of postgres.clusters, "NAME=FILE NAME=FILE …". A name is the same on all hosts, and each
 * cluster says itself which it is (workers/journal/postgres/cluster.h).
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_CLUSTERS_H
#define POSTERN_CLUSTERS_H

#include "common/conf/conf.h"

#include <limits.h>

enum { CLUSTERS = 16, CLUSTER_NAME = 24 /* with its end */ };
#define CLUSTER_MAIN "main"

typedef struct {
    char name[CLUSTER_NAME];
    char path[PATH_MAX]; /* the file with its connection string */
} cluster_file_t;

typedef struct {
    cluster_file_t list[CLUSTERS];
    unsigned len;
} clusters_t;

/* Reads them; the main one first. SECTION: those of its workers, which read FILE.bot and
 * FILE.extension where these are there; NULL: as they are named. 0, or -1 with what is wrong in
 * err. */
int clusters_read(const conf_t *conf, const char *section, clusters_t *self, char *err,
                  size_t err_size);
/* The place of NAME in the list; -1 where it is none. */
int clusters_find(const clusters_t *self, const char *name);

#endif
