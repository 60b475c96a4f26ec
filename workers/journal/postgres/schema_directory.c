/* Whether a database will do for the directory: what an authd would find, by its own connection,
 * and how the hosts fare that have joined. */
#include "common/life/clusters.h"
#include "workers/journal/postgres/schema_row.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOOK_S = 2 /* every authd that lives has beaten meanwhile */, BEATS = 2048 };

static const schema_row_t s_rows[] = {
    {"directory's rights on tables",
     "SELECT bool_and(has_table_privilege('postern.' || t, p)), 'on ' || count(DISTINCT t)::text "
     "|| ' tables, as ' || current_user FROM unnest(ARRAY['directory_head', 'directory_row', "
     "'directory_log', 'directory_copy', 'directory_use', 'directory_origin']) t, "
     "unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p WHERE t NOT IN ('directory_use', "
     "'directory_origin') OR to_regclass('postern.' || t) IS NOT NULL",
     "posternctl db init gives them", .warns = false},
    {"directory's head",
     "SELECT version > 0, CASE WHEN version > 0 THEN 'change ' || version ELSE 'none yet' END FROM "
     "postern.directory_head",
     "the authd that starts first gives the directory that it has", .warns = true},
    {"directory's log",
     "SELECT NOT EXISTS (SELECT 1 FROM postern.directory_copy c WHERE NOT EXISTS (SELECT 1 FROM "
     "postern.directory_log l WHERE l.version = c.applied)), coalesce('changes ' || min(version) "
     "|| ' to ' || max(version), 'empty') FROM postern.directory_log",
     "a host's last change is not in it: its authd fills its copy anew", .warns = true},
    {"hosts that have joined",
     "SELECT count(*) > 0, count(*)::text || coalesce(': ' || string_agg(name, ', ' ORDER BY "
     "name), "
     "'') FROM postern.directory_copy",
     "no authd judges now", .warns = true},
    {"changes that a host lacks",
     "SELECT coalesce(max(h.version - c.applied), 0) < 100, coalesce(max(h.version - c.applied), "
     "0)::text FROM postern.directory_head h LEFT JOIN postern.directory_copy c ON true",
     "changes wait for it", .warns = true},
    {"tables of tokens' use",
     "SELECT to_regclass('postern.directory_use') IS NOT NULL AND "
     "to_regclass('postern.directory_origin') IS NOT NULL, CASE WHEN "
     "to_regclass('postern.directory_use') IS NULL THEN 'not there' ELSE 'there' END",
     "posternctl db init makes them; until then each host counts for itself", .warns = true},
};

static const schema_row_t s_apart = {
    "directory apart from workers",
    "SELECT NOT coalesce(bool_or(has_table_privilege(c.oid, p)), false), CASE WHEN "
    "coalesce(bool_or(has_table_privilege(c.oid, p)), false) THEN current_user || ' reads or "
    "changes it' ELSE current_user || ' has no part in it' END FROM pg_class c JOIN pg_namespace n "
    "ON n.oid = c.relnamespace, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p WHERE "
    "n.nspname = 'postern' AND c.relkind = 'r' AND c.relname LIKE 'directory\\_%'",
    "posternctl db init with directory.engine = postgres gives it a role of its own",
    .warns = true};

static session_outcome_t s_read_beats(session_t *session, statement_t *ask)
{
    statement_begin(ask, "", "SELECT host, name, beat FROM postern.directory_copy ORDER BY host");
    return session_exchange(session, ask, 1, SESSION_DEADLINE_MS);
}

static bool s_beats(const statement_t *before, const statement_t *now, unsigned row)
{
    uuid_t7 host = statement_id(now, row, 0), other;
    for (unsigned i = 0; i < statement_rows(before); i++) {
        other = statement_id(before, i, 0);
        if (uuid_eq(&host, &other))
            return statement_number(before, i, 2) != statement_number(now, row, 2);
    }
    return true;
}

/* Of those whose beat stands still: a change waits for each, until its lease is over. */
static void s_say_still(const statement_t *before, const statement_t *now, schema_found_fn found)
{
    static const schema_row_t row = {
        "hosts whose authd beats", "",
        "the others stand still: a change waits for them, directory.lease_s at most",
        .warns = true};
    char still[BEATS] = "";
    unsigned count = 0, all = statement_rows(now);
    size_t len = 0;
    for (unsigned i = 0; i < all; i++)
        if (!s_beats(before, now, i)) {
            slice_t name = statement_bytes(now, i, 1);
            int more = snprintf(still + len, sizeof still - len, "%s%.*s", count++ ? ", " : "",
                                SLICE_ARG(name));
            len = len + (size_t)more < sizeof still ? len + (size_t)more : sizeof still - 1;
        }
    char is[BEATS + 64];
    snprintf(is, sizeof is, "%u of %u%s%s", all - count, all, count ? ", not " : "", still);
    schema_row_say(&row, count == 0, slice_of(is), CLUSTER_MAIN, found);
}

static void s_look_at_beats(session_t *session, schema_found_fn found)
{
    statement_t before, now;
    if (s_read_beats(session, &before) != SESSION_OK)
        return;
    nanosleep(&(struct timespec){.tv_sec = LOOK_S}, NULL);
    if (s_read_beats(session, &now) == SESSION_OK) {
        s_say_still(&before, &now, found);
        statement_end(&now);
    }
    statement_end(&before);
}

int schema_check_directory(const char *directory, schema_found_fn found, char *err, size_t err_size)
{
    session_t session = {0};
    unsigned lacking = 0;
    if (session_open(&session, directory) != SESSION_OK) {
        snprintf(err, err_size, "PostgreSQL: directory: %s", session.text);
        return -1;
    }
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++)
        lacking += !schema_row_look(&s_rows[i], s_rows[i].sql, &session, CLUSTER_MAIN, found);
    if (!lacking)
        s_look_at_beats(&session, found);
    session_close(&session);
    if (lacking)
        snprintf(err, err_size, "the server lacks %u of what an authd needs", lacking);
    return lacking ? -1 : 0;
}

void schema_check_apart(const char *worker, schema_found_fn found)
{
    session_t session = {0};
    if (session_open(&session, worker) == SESSION_OK)
        schema_row_look(&s_apart, s_apart.sql, &session, CLUSTER_MAIN, found);
    session_close(&session);
}
