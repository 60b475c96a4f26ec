/* Whether a database will do: what a worker would find, by its own connection. */
#include "workers/journal/postgres/postgres.h"
#include "workers/journal/postgres/schema_row.h"

#include <stdio.h>
#include <string.h>

/* $C, $B and $E stand for the counts of shards of channels, bots and extensions. */
static const schema_row_t s_rows[] = {
    {"version",
     "SELECT current_setting('server_version_num')::int >= 130000, "
     "current_setting('server_version')",
     "PostgreSQL 13 or later, 15 is what the tests use", .warns = false},
    {"fsync", "SELECT current_setting('fsync') = 'on', current_setting('fsync')", "set it to on",
     .warns = false},
    {"full_page_writes",
     "SELECT current_setting('full_page_writes') = 'on', current_setting('full_page_writes')",
     "set it to on", .warns = false},
    {"synchronous_standby_names",
     "SELECT current_setting('synchronous_standby_names') <> '', "
     "current_setting('synchronous_standby_names')",
     "name a standby (Patroni: synchronous_mode and synchronous_mode_strict), or set "
     "postgres.copies to 1",
     .copies = 2},
    {"standbys that are synchronous now",
     "SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) > 0, CASE WHEN "
     "pg_has_role('pg_read_all_stats', 'USAGE') THEN count(*) FILTER (WHERE sync_state IN ('sync', "
     "'quorum'))::text ELSE 'not shown to this role' END FROM pg_stat_replication",
     "until there is one, commits wait (GRANT pg_read_all_stats shows how many there are)",
     .warns = true, .copies = 2},
    {"schema", "SELECT schema = 1, schema::text FROM postern.installation",
     "run the version of Postern that has this schema", .warns = false},
    {"channel shards", "SELECT channel = $C, channel::text FROM postern.installation",
     "put shards.channel back", .warns = false},
    {"bot shards", "SELECT bot = $B, bot::text FROM postern.installation",
     "put shards.bot back, or posternctl db init makes them", .warns = false},
    {"extension shards", "SELECT extension = $E, extension::text FROM postern.installation",
     "put shards.extension back, or posternctl db init makes them", .warns = false},
    {"right to make tables",
     "SELECT has_schema_privilege('postern', 'CREATE'), has_schema_privilege('postern', "
     "'CREATE')::text",
     "posternctl db init gives it", .warns = false},
    {"rights on tables",
     "SELECT bool_and(has_table_privilege('postern.' || t, p)), 'on ' || count(DISTINCT t)::text "
     "|| "
     "' tables' FROM unnest(ARRAY['installation', 'shard', 'lease', 'segment', 'target_floor', "
     "'edit', 'upsert', 'retained', 'keys', 'pending', 'kept']) t, unnest(ARRAY['SELECT', "
     "'INSERT', 'UPDATE', "
     "'DELETE']) p",
     "posternctl db init gives them", .warns = false},
    {"connections",
     "SELECT current_setting('max_connections')::int - "
     "current_setting('superuser_reserved_connections')::int >= 5 * ($C + $B + $E), "
     "current_setting('max_connections')",
     "a worker has up to five: raise max_connections", .warns = false},
    {"wal_compression",
     "SELECT current_setting('wal_compression') <> 'off', "
     "current_setting('wal_compression')",
     "lz4 saves room in the write-ahead log", .warns = true},
    {"max_wal_size",
     "SELECT pg_size_bytes(current_setting('max_wal_size')) >= 4294967296, "
     "current_setting('max_wal_size')",
     "16GB keeps checkpoints apart under load", .warns = true},
    {"size of the database", "SELECT true, pg_size_pretty(pg_database_size(current_database()))",
     "", .warns = true},
};

void schema_found_line(const schema_found_t *found, char *line, size_t size)
{
    if (!found->what)
        snprintf(line, size, "cluster %s", found->cluster);
    else
        snprintf(line, size, "%-7s %s: %.*s%s%s", found->state, found->what, SLICE_ARG(found->is),
                 found->todo ? " - " : "", found->todo ? found->todo : "");
}

/* With a count in the place of each letter behind a $. */
static void s_fill(sql_t *sql, const char *text, const unsigned shards[WORKER_KINDS])
{
    static const char letters[] = "CBE";
    sql_begin(sql);
    for (const char *at; (at = strchr(text, '$')); text = at + 2)
        sql_add(sql, "%.*s%u", (int)(at - text), text, shards[strchr(letters, at[1]) - letters]);
    sql_add(sql, "%s", text);
}

/* Whether a worker would start in spite of it. */
static bool s_look(session_t *session, const schema_row_t *row, const unsigned shards[WORKER_KINDS],
                   const char *cluster, schema_found_fn found)
{
    sql_t sql = {0};
    s_fill(&sql, row->sql, shards);
    bool starts = schema_row_look(row, sql.text, session, cluster, found);
    sql_free(&sql);
    return starts;
}

/* Whether the database is CLUSTER of the installation. */
static bool s_is_it(session_t *session, const char *cluster, uuid_t7 *installation)
{
    statement_t ask;
    const uuid_t7 none = {{0}};
    uuid_t7 wanted = *installation;
    if (cluster_check(session, cluster) != SESSION_OK)
        return false;
    statement_begin(&ask, "", "SELECT id FROM postern.installation");
    if (session_exchange(session, &ask, 1, SESSION_DEADLINE_MS) != SESSION_OK)
        return false;
    *installation = statement_id(&ask, 0, 0);
    statement_end(&ask);
    snprintf(session->text, sizeof session->text,
             "the database has another installation than the main cluster");
    return memcmp(&wanted, &none, sizeof none) == 0 ||
           memcmp(&wanted, installation, sizeof wanted) == 0;
}

int schema_check(const char *worker, const char *cluster, uuid_t7 *installation,
                 const unsigned shards[WORKER_KINDS], unsigned copies, schema_found_fn found,
                 char *err, size_t err_size)
{
    session_t session = {0};
    unsigned lacking = 0;
    if (session_open(&session, worker) != SESSION_OK || !s_is_it(&session, cluster, installation)) {
        snprintf(err, err_size, "cluster %s: %s", cluster, session.text);
        session_close(&session);
        return -1;
    }
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++)
        if (copies >= s_rows[i].copies)
            lacking += !s_look(&session, &s_rows[i], shards, cluster, found);
    session_close(&session);
    if (lacking)
        snprintf(err, err_size, "cluster %s: the server lacks %u of what a worker needs", cluster,
                 lacking);
    return lacking ? -1 : 0;
}
