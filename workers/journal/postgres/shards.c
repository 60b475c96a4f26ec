/* Where the shards are (posternctl shard list). */
#include "workers/journal/postgres/move.h"
#include "workers/journal/postgres/postgres.h"

#include <stdio.h>

typedef struct lister {
    const cluster_t *cluster;
    session_t session;
    shard_found_fn found;
    struct lister *all; /* of each cluster */
    unsigned all_len;
} lister_t;

void shard_found_line(const shard_found_t *found, char *line, size_t size)
{
    char shard[48];
    slice_t holder = found->holder.len ? found->holder : slice_of("nobody");
    snprintf(shard, sizeof shard, "%s/%u", op_owner_name(found->kind), found->shard);
    if (found->state == SHARD_LIVES)
        snprintf(line, size, "%-14s cluster %-10.*s epoch %-6llu %12llu bytes %10llu records  %.*s",
                 shard, SLICE_ARG(found->cluster), (unsigned long long)found->epoch,
                 (unsigned long long)found->bytes, (unsigned long long)found->records,
                 SLICE_ARG(holder));
    else if (found->state == SHARD_MOVES)
        snprintf(line, size, "%s moves from cluster %.*s to cluster %.*s", shard,
                 SLICE_ARG(found->cluster), SLICE_ARG(found->to));
    else
        snprintf(line, size,
                 "%s lives nowhere: it left cluster %.*s for cluster %.*s, which %s. See "
                 "CLUSTER.md, \"Several clusters\"",
                 shard, SLICE_ARG(found->cluster), SLICE_ARG(found->to),
                 found->named ? "has nothing of it" : "postgres.clusters does not name");
}

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

static shard_found_t s_found(const lister_t *self, const statement_t *rows, unsigned i)
{
    return (shard_found_t){.kind = (op_owner_t)statement_number(rows, i, 0),
                           .shard = (unsigned)statement_number(rows, i, 1),
                           .cluster = slice_of(self->cluster->name)};
}

static void s_say(lister_t *self, const statement_t *rows, unsigned i)
{
    shard_found_t found = s_found(self, rows, i);
    found.holder = statement_bytes(rows, i, 2);
    found.epoch = statement_number(rows, i, 3);
    found.bytes = statement_number(rows, i, 4);
    found.records = s_records(self, rows, i);
    self->found(&found);
}

static void s_say_between(lister_t *self, const statement_t *rows, unsigned i)
{
    shard_found_t found = s_found(self, rows, i);
    found.state = SHARD_MOVES;
    found.to = found.cluster;
    found.cluster = statement_bytes(rows, i, 8);
    self->found(&found);
}

/* Of one that has left: whether it is where it went. What has left there as well says so there. */
static session_outcome_t s_say_left(lister_t *self, const statement_t *rows, unsigned i)
{
    lister_t *to = NULL;
    place_t place = {.there = false};
    shard_found_t found = s_found(self, rows, i);
    found.state = SHARD_NOWHERE;
    found.to = statement_bytes(rows, i, 8);
    for (unsigned k = 0; k < self->all_len; k++)
        if (slice_is(found.to, self->all[k].cluster->name))
            to = &self->all[k];
    if (to && !session_is_open(&to->session)) /* which is said of that cluster */
        return SESSION_OK;
    session_outcome_t went =
        to ? place_read(&to->session, found.kind, found.shard, &place) : SESSION_OK;
    if (went != SESSION_OK || place.there)
        return went;
    found.named = to;
    self->found(&found);
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

int shards_list(const cluster_t *clusters, unsigned clusters_len, shard_found_fn found, char *err,
                size_t err_size)
{
    lister_t listers[CLUSTERS];
    session_outcome_t went[CLUSTERS];
    int rc = 0;
    for (unsigned i = 0; i < clusters_len; i++) {
        listers[i] = (lister_t){
            .cluster = &clusters[i], .found = found, .all = listers, .all_len = clusters_len};
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
