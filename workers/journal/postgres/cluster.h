/* In which cluster of PostgreSQL a shard lives.
 *
 * There is no map beside the shards: the shard's row in each cluster says whether the shard lives
 * there, and one that does not has the highest epoch that there is, which nobody can raise and no
 * fence asks for. So nobody takes a shard where it does not live, of whatever version, whatever it
 * believes, and whatever it read before. A row that says "here" stands in one cluster at most:
 *   here    epoch as it is counted, cluster NULL
 *   left    epoch CLUSTER_CLOSED, cluster: where it went, left_epoch: the last that counted here,
 *           holder: the mover that drops what was here, once it lives there
 *   comes   epoch CLUSTER_CLOSED, cluster: from where, left_epoch NULL, holder: the mover
 *
 * A move (move.h) closes the one row before it opens the other. In between the shard lives nowhere,
 * and workers wait. Who looks for a shard looks into all clusters.
 *
 * Each cluster says in its installation which one it is, and the id of the installation.
 *
 * Threading: no state. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_CLUSTER_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_CLUSTER_H

#include "common/life/clusters.h"
#include "common/postgres/session.h"

#define CLUSTER_CLOSED INT64_MAX
#define CLUSTER_CLOSED_SQL "9223372036854775807"

typedef struct {
    char name[CLUSTER_NAME];
    char *connection; /* may have a password */
} cluster_t;

typedef struct {
    bool there;       /* there is a row of it */
    bool here, comes; /* neither: it has left */
    bool dropped;     /* it has left, and what was here need not be there any more */
    uint64_t epoch;   /* the last one that counted here */
    char cluster[CLUSTER_NAME];
    uuid_t7 journal, holder; /* holder: a mover or a worker, if any */
} place_t;

/* The cluster that is called NAME, with the connection string of the file PATH. 0, or -1 with the
 * reason in err. */
int cluster_name(cluster_t *to, const char *name, const char *path, char *err, size_t err_size);
/* The same of all of FROM. What TO has after -1 is to be forgotten, too. */
int clusters_name(const clusters_t *from, cluster_t to[CLUSTERS], unsigned *len, char *err,
                  size_t err_size);
/* The same of those that CONF has for the workers of SECTION (common/life/clusters.h). */
int clusters_name_all(const conf_t *conf, const char *section, cluster_t to[CLUSTERS],
                      unsigned *len, char *err, size_t err_size);
/* Connection strings have passwords. */
void clusters_forget(cluster_t *all, unsigned len);

/* What a cluster's row of a shard says. */
session_outcome_t place_read(session_t *session, unsigned kind, unsigned shard, place_t *to);
/* REFUSED where the database is not the cluster NAME. */
session_outcome_t cluster_check(session_t *session, const char *name);

#endif
