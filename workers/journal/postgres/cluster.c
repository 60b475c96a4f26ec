#include "workers/journal/postgres/cluster.h"

#include "common/postgres/connection.h"

#include <stdio.h>
#include <string.h>

int cluster_name(cluster_t *to, const char *name, const char *path, char *err, size_t err_size)
{
    snprintf(to->name, sizeof to->name, "%s", name);
    to->connection = connection_read(path, err, err_size);
    return to->connection ? 0 : -1;
}

int clusters_name(const clusters_t *from, cluster_t to[CLUSTERS], unsigned *len, char *err,
                  size_t err_size)
{
    int rc = 0;
    for (*len = 0; *len < from->len && rc == 0; ++*len)
        rc = cluster_name(&to[*len], from->list[*len].name, from->list[*len].path, err, err_size);
    return rc;
}

int clusters_name_all(const conf_t *conf, const char *section, cluster_t to[CLUSTERS],
                      unsigned *len, char *err, size_t err_size)
{
    static clusters_t all;
    *len = 0;
    if (clusters_read(conf, section, &all, err, err_size) != 0)
        return -1;
    return clusters_name(&all, to, len, err, err_size);
}

void clusters_forget(cluster_t *all, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        connection_forget(&all[i].connection);
}

/* Of a database of a version that had one cluster, the columns are not there. */
session_outcome_t place_read(session_t *session, unsigned kind, unsigned shard, place_t *to)
{
    statement_t ask;
    *to = (place_t){0};
    statement_begin(&ask, "place",
                    "SELECT epoch, journal, coalesce(to_jsonb(s) ->> 'cluster', ''), "
                    "(to_jsonb(s) ->> 'left_epoch')::bigint, holder FROM postern.shard s WHERE "
                    "kind = $1 AND shard = $2");
    statement_int2(&ask, (uint16_t)kind);
    statement_int8(&ask, shard);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    to->there = statement_rows(&ask) == 1;
    if (to->there) {
        to->epoch = statement_number(&ask, 0, 0);
        to->journal = statement_id(&ask, 0, 1);
        snprintf(to->cluster, sizeof to->cluster, "%.*s", SLICE_ARG(statement_bytes(&ask, 0, 2)));
        to->here = to->epoch != CLUSTER_CLOSED;
        to->comes = !to->here && statement_is_null(&ask, 0, 3);
        if (!statement_is_null(&ask, 0, 4))
            to->holder = statement_id(&ask, 0, 4);
        to->dropped = !to->here && !to->comes && !statement_is_null(&ask, 0, 4);
        if (!to->here)
            to->epoch = statement_number(&ask, 0, 3);
    }
    statement_end(&ask);
    return SESSION_OK;
}

session_outcome_t cluster_check(session_t *session, const char *name)
{
    statement_t ask;
    statement_begin(&ask, "",
                    "SELECT coalesce(to_jsonb(i) ->> 'cluster', 'main') FROM postern.installation "
                    "i");
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_GONE || (went == SESSION_OK && statement_rows(&ask) != 1)) {
        statement_end(&ask);
        snprintf(session->text, sizeof session->text,
                 "the database has no installation of Postern: posternctl db init makes one");
        return SESSION_REFUSED;
    }
    if (went != SESSION_OK)
        return went;
    slice_t is = statement_bytes(&ask, 0, 0);
    bool right = is.len == strlen(name) && memcmp(is.data, name, is.len) == 0;
    if (!right)
        snprintf(session->text, sizeof session->text,
                 "the database is the cluster %.*s, and the configuration calls it %s",
                 SLICE_ARG(is), name);
    statement_end(&ask);
    return right ? SESSION_OK : SESSION_REFUSED;
}
