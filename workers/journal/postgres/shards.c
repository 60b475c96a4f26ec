/* Where the shards are (posternctl shard list). */
#include "workers/journal/postgres/move.h"
#include "workers/journal/postgres/postgres.h"

#include <stdio.h>

typedef struct lister {
    const cluster_t *cluster;
    session_t session;
    schema_said_fn said;
    struct lister *all; /* of each cluster */
    unsigned all_len;
} lister_t;

/* The records of a shard: the open segment's are counted by its last number. */
static uint64_t s_records(lister_t *self, const statement_t *rows, unsigned i)
{
    statement_t ask;
    sql_t sql = {0};
    uint64_t first = statement_number(rows, i, 5), last = statement_number(rows, i, 6);
    if (!statement_is_null(rows, i, 7)) {
        sql_begin(&sql);
        sql_add(&sql, "SELECT max(log) FROM postern.log_%c%llu_%llu",
                op_owner_name((op_owner_t)statement_number(rows, i, 0))[0],
                (unsigned long long)statement_number(rows, i, 1),
                (unsigned long long)statement_number(rows, i, 7));
        statement_begin(&ask, "", sql.text);
        if (session_exchange(&self->session, &ask, 1, SESSION_DEADLINE_MS) == SESSION_OK) {
            last = statement_is_null(&ask, 0, 0) ? last : statement_number(&ask, 0, 0);
            statement_end(&ask);
        }
        sql_free(&sql);
    }
    return last >= first && first ? last - first + 1 : 0;
}

static void s_say(lister_t *self, const statement_t *rows, unsigned i)
{
    char line[512], shard[48];
    slice_t holder = statement_bytes(rows, i, 2);
    snprintf(shard, sizeof shard, "%s/%llu",
             op_owner_name((op_owner_t)statement_number(rows, i, 0)),
             (unsigned long long)statement_number(rows, i, 1));
    snprintf(line, sizeof line,
             "%-14s cluster %-10s epoch %-6llu %12llu bytes %10llu records  %.*s", shard,
             self->cluster->name, (unsigned long long)statement_number(rows, i, 3),
             (unsigned long long)statement_number(rows, i, 4),
             (unsigned long long)s_records(self, rows, i),
             SLICE_ARG(holder.len ? holder : slice_of("nobody")));
    self->said(line);
}

static void s_say_between(lister_t *self, const statement_t *rows, unsigned i)
{
    char line[256];
    slice_t cluster = statement_bytes(rows, i, 8);
    snprintf(line, sizeof line, "%s/%llu moves from cluster %.*s to cluster %s",
             op_owner_name((op_owner_t)statement_number(rows, i, 0)),
             (unsigned long long)statement_number(rows, i, 1), SLICE_ARG(cluster),
             self->cluster->name);
    self->said(line);
}

/* Of one that has left: whether it is where it went. What has left there as well says so there. */
static session_outcome_t s_say_left(lister_t *self, const statement_t *rows, unsigned i)
{
    char line[512];
    lister_t *to = NULL;
    place_t place = {.there = false};
    slice_t name = statement_bytes(rows, i, 8);
    op_owner_t kind = (op_owner_t)statement_number(rows, i, 0);
    unsigned shard = (unsigned)statement_number(rows, i, 1);
    for (unsigned k = 0; k < self->all_len; k++)
        if (slice_is(name, self->all[k].cluster->name))
            to = &self->all[k];
    if (to && !session_is_open(&to->session)) /* which is said of that cluster */
        return SESSION_OK;
    session_outcome_t went = to ? place_read(&to->session, kind, shard, &place) : SESSION_OK;
    if (went != SESSION_OK || place.there)
        return went;
    snprintf(line, sizeof line,
             "%s/%u lives nowhere: it left cluster %s for cluster %.*s, which %s. See CLUSTER.md, "
             "\"Several clusters\"",
             op_owner_name(kind), shard, self->cluster->name, SLICE_ARG(name),
             to ? "has nothing of it" : "postgres.clusters does not name");
    self->said(line);
    return SESSION_OK;
}

static session_outcome_t s_list(lister_t *self)
{
    statement_t rows;
    statement_begin(
        &rows, "",
        "SELECT s.kind, s.shard::bigint, l.holder, s.epoch, (SELECT "
        "sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE c.relnamespace = "
        "'postern'::regnamespace AND c.relkind = 'r' AND c.relname ~ "
        "format('^[a-z]+_%s%s_[0-9]+$', "
        "left(split_part(l.what, '/', 1), 1), s.shard)), g.first, g.last, g.open, to_jsonb(s) ->> "
        "'cluster', (to_jsonb(s) ->> 'left_epoch') IS NULL FROM postern.shard s JOIN postern.lease "
        "l ON l.what = (ARRAY['channel', 'bot', 'extension'])[s.kind + 1] || '/' || s.shard::text "
        "LEFT JOIN (SELECT kind, shard, min(first_log) AS first, max(last_log) AS last, max(n) "
        "FILTER (WHERE last_log IS NULL)::bigint AS open FROM postern.segment GROUP BY kind, "
        "shard) g ON g.kind = s.kind AND g.shard = s.shard ORDER BY 1, 2");
    session_outcome_t went = session_exchange(&self->session, &rows, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    for (unsigned i = 0; went == SESSION_OK && i < statement_rows(&rows); i++)
        if (statement_number(&rows, i, 3) != CLUSTER_CLOSED)
            s_say(self, &rows, i);
        else if (statement_number(&rows, i, 9))
            s_say_between(self, &rows, i);
        else
            went = s_say_left(self, &rows, i);
    statement_end(&rows);
    return went;
}

int shards_list(const cluster_t *clusters, unsigned clusters_len, schema_said_fn said, char *err,
                size_t err_size)
{
    lister_t listers[CLUSTERS];
    session_outcome_t went[CLUSTERS];
    int rc = 0;
    for (unsigned i = 0; i < clusters_len; i++) {
        listers[i] = (lister_t){
            .cluster = &clusters[i], .said = said, .all = listers, .all_len = clusters_len};
        went[i] = session_open(&listers[i].session, clusters[i].connection);
        if (went[i] == SESSION_OK)
            went[i] = cluster_check(&listers[i].session, clusters[i].name);
    }
    for (unsigned i = 0; i < clusters_len; i++) {
        if (went[i] == SESSION_OK)
            went[i] = s_list(&listers[i]);
        if (went[i] == SESSION_OK)
            continue;
        snprintf(err, err_size, "cluster %s: %s", clusters[i].name, listers[i].session.text);
        rc = -1;
    }
    for (unsigned i = 0; i < clusters_len; i++)
        session_close(&listers[i].session);
    return rc;
}
