#include "workers/journal/postgres/schema.h"

#include "common/life/paired.h"
#include "common/postgres/connection.h"
#include "workers/journal/postgres/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SOON = 20, SOON_MS = 250 };

/* In the order in which they are made. */
static const struct {
    const char *name, *sql;
} s_tables[] = {
    {"installation", "(one boolean PRIMARY KEY CHECK (one), id uuid NOT NULL, schema integer NOT "
                     "NULL, channel integer NOT NULL)"},
    {"shard", "(kind smallint, shard integer, journal uuid NOT NULL, epoch bigint NOT NULL, holder "
              "uuid, PRIMARY KEY (kind, shard)) WITH (fillfactor = 10)"},
    {"lease", "(what text PRIMARY KEY, holder text, beat bigint NOT NULL, running_ms bigint NOT "
              "NULL) WITH (fillfactor = 10)"},
    {"segment", "(kind smallint, shard integer, n integer, first_log bigint NOT NULL, last_log "
                "bigint, first_ms bigint NOT NULL, last_ms bigint, bytes bigint NOT NULL, ids "
                "boolean NOT NULL, PRIMARY KEY (kind, shard, n))"},
    {"target_floor", "(kind smallint, shard integer, target uuid, sequence bigint NOT NULL, log "
                     "bigint NOT NULL, PRIMARY KEY (kind, shard, target))"},
    {"edit",
     "(kind smallint, shard integer, target uuid, root bigint, revision integer, log bigint "
     "NOT NULL, sequence bigint NOT NULL, root_number bigint NOT NULL, root_ms bigint NOT "
     "NULL, deletes boolean NOT NULL, PRIMARY KEY (kind, shard, target, root, revision))"},
    {"upsert", "(kind smallint, shard integer, target uuid, key bytea, root bigint NOT NULL, "
               "root_number bigint NOT NULL, root_ms bigint NOT NULL, log bigint NOT NULL, PRIMARY "
               "KEY (kind, shard, target, key))"},
    {"directory_head", "(one boolean PRIMARY KEY CHECK (one), version bigint NOT NULL, change uuid "
                       "NOT NULL, origin uuid NOT NULL) WITH (fillfactor = 10)"},
    {"directory_row",
     "(tbl text COLLATE \"C\", key bytea, value bytea NOT NULL, PRIMARY KEY (tbl, key))"},
    {"directory_log", "(version bigint PRIMARY KEY, change uuid NOT NULL, redo bytea NOT NULL)"},
    {"directory_copy", "(host uuid PRIMARY KEY, name text NOT NULL, beat bigint NOT NULL, applied "
                       "bigint NOT NULL) WITH (fillfactor = 10)"},
    {"directory_use", "(origin uuid, token uuid, target uuid, number bigint NOT NULL, record bytea "
                      "NOT NULL, PRIMARY KEY (token, origin, target), UNIQUE (origin, number)) "
                      "WITH (fillfactor = 70)"},
    {"directory_origin",
     "(origin uuid PRIMARY KEY, number bigint NOT NULL) WITH (fillfactor = 10)"},
    {"retained", "(kind smallint, shard integer, target uuid, version bigint NOT NULL, age_ms "
                 "bigint NOT NULL, messages bigint NOT NULL, bytes bigint NOT NULL, PRIMARY KEY "
                 "(kind, shard, target))"},
    {"keys", "(kind smallint, shard integer, n integer, first_ms bigint NOT NULL, PRIMARY KEY "
             "(kind, shard, n))"},
    /* Its rows go as fast as they come: vacuum must not wait for a fifth of them. */
    {"pending",
     "(kind smallint, shard integer, target uuid, place bigint, log bigint, id uuid NOT "
     "NULL, due_ms bigint NOT NULL, stored_ms bigint NOT NULL, first_ms bigint NOT NULL, "
     "time_ms bigint NOT NULL, made bigint NOT NULL, attempts bigint NOT NULL, replied "
     "boolean NOT NULL, PRIMARY KEY (kind, shard, target, place, log), UNIQUE (kind, "
     "shard, target, log), UNIQUE (kind, shard, log)) WITH (fillfactor = 70, "
     "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)"},
    {"kept", "(kind smallint, shard integer, what smallint, target uuid, bytes bytea NOT NULL, "
             "PRIMARY KEY (kind, shard, what, target))"},
};
enum { LISTED = sizeof s_tables / sizeof *s_tables };

/* Quoted for SQL: as a name, as a text, as a text. */
typedef struct {
    char *name, *text, *password;
    bool drawn;
} role_t;

typedef struct {
    const schema_options_t *options;
    session_t session;
    sql_t sql;
    role_t worker, directory; /* the second has no name where it is the first */
    uuid_t7 installation;     /* of the main cluster, where this is another */
    char *err;
    size_t err_size;
} maker_t;

static void s_say(const maker_t *self, const char *verb, const char *what, const char *name)
{
    char line[256];
    snprintf(line, sizeof line, "%s %s %s", verb, what, name);
    self->options->said(line);
}

/* Carries out what SQL has; *rows: how many came or were changed. */
static int s_do(maker_t *self, unsigned *rows)
{
    statement_t one;
    statement_begin(&one, "", self->sql.text);
    session_outcome_t went = session_exchange(&self->session, &one, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK) {
        snprintf(self->err, self->err_size, "PostgreSQL: %s", self->session.text);
        return -1;
    }
    if (rows)
        *rows = statement_rows(&one);
    statement_end(&one);
    return 0;
}

#define DO(self, rows, ...)                                                                        \
    (sql_begin(&(self)->sql), sql_add(&(self)->sql, __VA_ARGS__), s_do(self, rows))

/* The server gets the password as what it keeps of it, so that its log never has it. */
static int s_read_role(maker_t *self, role_t *role, const char *connection)
{
    PGconn *conn = self->session.conn;
    char *name = connection_value(connection, "user");
    char *password = connection_value(connection, "password");
    if (!name)
        snprintf(self->err, self->err_size, "postgres.connection names no user");
    if (name && password) {
        char *kept = PQencryptPasswordConn(conn, password, name, "scram-sha-256");
        role->password = kept ? PQescapeLiteral(conn, kept, strlen(kept)) : NULL;
        PQfreemem(kept);
    }
    if (name) {
        role->name = PQescapeIdentifier(conn, name, strlen(name));
        role->text = PQescapeLiteral(conn, name, strlen(name));
    }
    connection_forget(&password);
    free(name);
    return role->name ? 0 : -1;
}

static void s_free_role(role_t *role)
{
    PQfreemem(role->name);
    PQfreemem(role->text);
    PQfreemem(role->password);
    *role = (role_t){0};
}

/* One role for both, as the files say: the directory has none of its own. */
static int s_read_roles(maker_t *self)
{
    const schema_options_t *options = self->options;
    self->worker.drawn = options->drawn;
    self->directory.drawn = options->directory_drawn;
    if (s_read_role(self, &self->worker, options->worker) != 0 ||
        (options->directory && s_read_role(self, &self->directory, options->directory) != 0))
        return -1;
    if (options->directory && strcmp(self->worker.name, self->directory.name) == 0)
        s_free_role(&self->directory);
    return 0;
}

/* Else GRANT warns, and the server refuses the rest one by one. */
static int s_check_admin(maker_t *self)
{
    unsigned may;
    if (DO(self, &may,
           "SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR ((rolcreaterole "
           "OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %s)) AND coalesce((SELECT "
           "pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'postern'), "
           "has_database_privilege(current_database(), 'CREATE'))))",
           self->worker.text) != 0)
        return -1;
    if (may)
        return 0;
    snprintf(self->err, self->err_size,
             "the user %s may not make roles and schemas in the database %s: name the connection "
             "of an administrator, or of the owner of the schema postern",
             PQuser(self->session.conn), PQdb(self->session.conn));
    return -1;
}

static int s_make_role(maker_t *self, const role_t *role)
{
    unsigned there;
    if (DO(self, &there, "SELECT 1 FROM pg_roles WHERE rolname = %s", role->text) != 0)
        return -1;
    if (there && role->drawn) {
        snprintf(self->err, self->err_size,
                 "the role %s is there already, and its password is not known here. Where another "
                 "host of this installation has the file, copy it to %s; else write a connection "
                 "string with the role's password, or of another user, to that file, mode 0600. "
                 "Then: posternctl db init",
                 role->name,
                 role == &self->worker ? self->options->worker_file
                                       : self->options->directory_file);
        return -1;
    }
    if (!there && DO(self, NULL, "CREATE ROLE %s LOGIN%s%s", role->name,
                     role->password ? " PASSWORD " : "", role->password ? role->password : "") != 0)
        return -1;
    s_say(self, there ? "there is" : "made", "role", role->name);
    return 0;
}

static int s_make_schema(maker_t *self)
{
    unsigned there;
    if (DO(self, &there, "SELECT 1 FROM pg_namespace WHERE nspname = 'postern'") != 0 ||
        (!there && DO(self, NULL, "CREATE SCHEMA postern") != 0) ||
        DO(self, NULL, "GRANT USAGE, CREATE ON SCHEMA postern TO %s", self->worker.name) != 0 ||
        (self->directory.name &&
         DO(self, NULL, "GRANT USAGE ON SCHEMA postern TO %s", self->directory.name) != 0))
        return -1;
    s_say(self, there ? "there is" : "made", "schema", "postern");
    return 0;
}

static bool s_is_directory(const char *table)
{
    static const char prefix[] = "directory_";
    return strncmp(table, prefix, sizeof prefix - 1) == 0;
}

static int s_make_table(maker_t *self, const char *name, const char *sql)
{
    unsigned there;
    const role_t *role =
        s_is_directory(name) && self->directory.name ? &self->directory : &self->worker;
    if (DO(self, &there, "SELECT 1 FROM pg_class WHERE oid = to_regclass('postern.%s')", name) ||
        (!there && DO(self, NULL, "CREATE TABLE postern.%s %s", name, sql) != 0) ||
        DO(self, NULL, "GRANT SELECT, INSERT, UPDATE, DELETE ON postern.%s TO %s", name,
           role->name) != 0)
        return -1;
    s_say(self, there ? "there is" : "made", "table", name);
    return 0;
}

static int s_refuse_count(maker_t *self, op_owner_t kind, const char *there)
{
    const char *name = op_owner_name(kind);
    snprintf(self->err, self->err_size,
             "the database has another installation, of another count of %s shards than %u%s: name "
             "another database",
             name, self->options->shards[kind], there);
    return -1;
}

static bool s_is_main(const maker_t *self)
{
    return !self->options->main;
}

static const char *s_cluster(const maker_t *self)
{
    return self->options->cluster ? self->options->cluster : CLUSTER_MAIN;
}

/* One that a version before has not made. */
static int s_make_column(maker_t *self, const char *table, const char *name, const char *type)
{
    unsigned there;
    if (DO(self, &there,
           "SELECT 1 FROM pg_attribute WHERE attrelid = 'postern.%s'::regclass AND attname = '%s'",
           table, name) != 0)
        return -1;
    return there ? 0 : DO(self, NULL, "ALTER TABLE postern.%s ADD COLUMN %s %s", table, name, type);
}

/* What says where a shard lives: cluster.h. */
static int s_make_places(maker_t *self)
{
    int rc = s_make_column(self, "installation", "cluster", "text");
    if (rc == 0)
        rc = s_make_column(self, "shard", "cluster", "text");
    return rc == 0 ? s_make_column(self, "shard", "left_epoch", "bigint") : rc;
}

/* Which installation it is that this cluster is to be one of. */
static int s_read_main(maker_t *self)
{
    session_t session = {0};
    statement_t ask;
    session_outcome_t went = session_open(&session, self->options->main);
    if (went == SESSION_OK)
        went = cluster_check(&session, CLUSTER_MAIN);
    statement_begin(&ask, "", "SELECT id FROM postern.installation");
    if (went == SESSION_OK)
        went = session_exchange(&session, &ask, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        self->installation = statement_id(&ask, 0, 0);
    else
        snprintf(self->err, self->err_size, "cluster main: %s", session.text);
    statement_end(&ask);
    session_close(&session);
    return went == SESSION_OK ? 0 : -1;
}

/* The name and the installation of one that is there are its own. */
static int s_check_cluster(maker_t *self)
{
    char id[UUID_TEXT];
    unsigned right;
    if (cluster_check(&self->session, s_cluster(self)) != SESSION_OK) {
        snprintf(self->err, self->err_size, "%s: name another database", self->session.text);
        return -1;
    }
    if (s_is_main(self))
        return 0;
    uuid_text(&self->installation, id);
    if (DO(self, &right, "SELECT 1 FROM postern.installation WHERE id = '%s'", id) != 0)
        return -1;
    if (right)
        return 0;
    snprintf(self->err, self->err_size,
             "the database has another installation than the main cluster: name another database");
    return -1;
}

/* One row, and no other: an installation that is there keeps its counts. */
static int s_make_installation(maker_t *self, bool *made)
{
    unsigned count, there;
    char id[UUID_TEXT], schema[64];
    unsigned channels = self->options->shards[OWNER_CHANNEL];
    uuid_t7 new;
    uuid_new(&new);
    uuid_text(s_is_main(self) ? &new : &self->installation, id);
    snprintf(schema, sizeof schema, " or of another schema than %u", POSTGRES_SCHEMA);
    if (DO(self, &count,
           "INSERT INTO postern.installation (one, id, schema, channel, cluster) VALUES (true, "
           "'%s', %u, %u, nullif('%s', '" CLUSTER_MAIN "')) ON CONFLICT DO NOTHING",
           id, POSTGRES_SCHEMA, channels, s_cluster(self)) != 0 ||
        s_check_cluster(self) != 0 ||
        DO(self, &there, "SELECT 1 FROM postern.installation WHERE schema = %u AND channel = %u",
           POSTGRES_SCHEMA, channels) != 0)
        return -1;
    *made = count > 0;
    return there ? 0 : s_refuse_count(self, OWNER_CHANNEL, schema);
}

/* Its count of shards, which a version that had channels alone has not made. */
static int s_make_count(maker_t *self, op_owner_t kind, bool made)
{
    unsigned set = made && kind == OWNER_CHANNEL, there = 1, shards = self->options->shards[kind];
    char text[64];
    const char *name = op_owner_name(kind);
    if (kind != OWNER_CHANNEL &&
        (s_make_column(self, "installation", name, "integer") != 0 ||
         DO(self, &set, "UPDATE postern.installation SET %s = %u WHERE %s IS NULL", name, shards,
            name) != 0 ||
         DO(self, &there, "SELECT 1 FROM postern.installation WHERE %s = %u", name, shards) != 0))
        return -1;
    if (!there)
        return s_refuse_count(self, kind, "");
    snprintf(text, sizeof text, "of %u %s shards", shards, name);
    s_say(self, set ? "made" : "there is", "installation", text);
    return 0;
}

static int s_make_shard(maker_t *self, op_owner_t kind, unsigned shard)
{
    uuid_t7 journal;
    char id[UUID_TEXT], text[32];
    const char *name = op_owner_name(kind);
    unsigned made;
    uuid_new(&journal);
    uuid_text(&journal, id);
    if (DO(self, &made,
           "INSERT INTO postern.shard (kind, shard, journal, epoch) VALUES (%u, %u, "
           "'%s', 0) ON CONFLICT DO NOTHING",
           (unsigned)kind, shard, id) != 0 ||
        DO(self, NULL,
           "INSERT INTO postern.lease (what, beat, running_ms) VALUES ('%s/%u', 0, "
           "0) ON CONFLICT DO NOTHING",
           name, shard) != 0)
        return -1;
    snprintf(text, sizeof text, "%s-%u", name, shard);
    s_say(self, made ? "made" : "there is", "journal", text);
    return 0;
}

/* Without rows yet: the first authd that comes gives its own. */
static int s_make_directory(maker_t *self)
{
    uuid_t7 none = {{0}};
    char id[UUID_TEXT];
    unsigned made;
    uuid_text(&none, id);
    if (DO(self, &made,
           "INSERT INTO postern.directory_head VALUES (true, 0, '%s', '%s') ON CONFLICT DO NOTHING",
           id, id) != 0)
        return -1;
    s_say(self, made ? "made" : "there is", "head of", "the directory");
    return 0;
}

/* From the workers' role, which had the directory before it got one of its own; not while an authd
 * still connects by it. */
static int s_part_directory(maker_t *self)
{
    unsigned connected;
    if (!self->directory.name)
        return 0;
    if (DO(self, &connected,
           "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND usename = %s AND "
           "application_name LIKE 'postern directory%%'",
           self->worker.text) != 0)
        return -1;
    if (connected) {
        self->options->said("left the directory to the workers' role, too, by which an authd is "
                            "connected: copy the file of directory.connection to each host, "
                            "restart the authds, and do this again");
        return 0;
    }
    for (unsigned i = 0; i < LISTED; i++)
        if (s_is_directory(s_tables[i].name) && DO(self, NULL, "REVOKE ALL ON postern.%s FROM %s",
                                                   s_tables[i].name, self->worker.name) != 0)
            return -1;
    s_say(self, "left", "the directory to", self->directory.name);
    return 0;
}

static int s_make_kind(maker_t *self, op_owner_t kind, bool made)
{
    int rc = s_make_count(self, kind, made);
    for (unsigned i = 0; s_is_main(self) && i < self->options->shards[kind] && rc == 0; i++)
        rc = s_make_shard(self, kind, i);
    return rc;
}

/* Before anything is made: what a data directory belongs to is in this database, and nothing else.
 */
static int s_check_wanted(maker_t *self)
{
    char id[UUID_TEXT];
    unsigned there;
    if (!self->options->wanted)
        return 0;
    uuid_text(self->options->wanted, id);
    if (DO(self, &there, "SELECT 1 WHERE to_regclass('postern.installation') IS NOT NULL") != 0 ||
        (there && DO(self, &there, "SELECT 1 FROM postern.installation WHERE id = '%s'", id) != 0))
        return -1;
    if (there)
        return 0;
    snprintf(self->err, self->err_size,
             "data.directory is that of the installation %s, as its file " PAIRED_FILE
             " says, and the database is not: name that one's database, or remove the file, where "
             "what lies in data.directory is to belong to this one. Nothing was changed",
             id);
    return -1;
}

static int s_tell_installation(maker_t *self)
{
    statement_t ask;
    session_t *session = &self->session;
    if (!self->options->installation)
        return 0;
    statement_begin(&ask, "", "SELECT id FROM postern.installation");
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        *self->options->installation = statement_id(&ask, 0, 0);
    else
        snprintf(self->err, self->err_size, "PostgreSQL: %s", session->text);
    statement_end(&ask);
    return went == SESSION_OK ? 0 : -1;
}

static int s_make_all(maker_t *self)
{
    bool made = false;
    int rc = s_is_main(self) ? 0 : s_read_main(self);
    if (rc == 0)
        rc = s_read_roles(self);
    if (rc == 0)
        rc = s_check_admin(self);
    if (rc == 0)
        rc = s_check_wanted(self);
    if (rc == 0)
        rc = s_make_role(self, &self->worker);
    if (rc == 0 && self->directory.name)
        rc = s_make_role(self, &self->directory);
    if (rc == 0)
        rc = s_make_schema(self);
    for (unsigned i = 0; i < LISTED && rc == 0; i++)
        rc = s_make_table(self, s_tables[i].name, s_tables[i].sql);
    if (rc == 0)
        rc = s_make_places(self);
    if (rc == 0)
        rc = s_make_installation(self, &made);
    if (rc == 0 && s_is_main(self))
        rc = s_make_directory(self);
    for (unsigned kind = 0; kind < WORKER_KINDS && rc == 0; kind++)
        rc = s_make_kind(self, (op_owner_t)kind, made);
    if (rc == 0)
        rc = s_tell_installation(self);
    return rc ? rc : s_part_directory(self);
}

/* A database that was made just now is not at a standby yet, which may be asked first. */
static int s_open(maker_t *self)
{
    static const struct timespec pause = {.tv_nsec = SOON_MS * 1000000L};
    char *hosts = connection_value(self->options->admin, "host");
    bool several = hosts && strchr(hosts, ',');
    session_outcome_t went = session_open(&self->session, self->options->admin);
    for (unsigned i = 0;
         i < SOON && several && went == SESSION_REFUSED && strstr(self->session.text, "database") &&
         strstr(self->session.text, "does not exist");
         i++) {
        nanosleep(&pause, NULL);
        went = session_open(&self->session, self->options->admin);
    }
    free(hosts);
    return went == SESSION_OK ? 0 : -1;
}

int schema_make(const schema_options_t *options, char *err, size_t err_size)
{
    maker_t self = {.options = options, .err = err, .err_size = err_size};
    err[0] = '\0';
    int rc = s_open(&self);
    if (rc != 0)
        snprintf(err, err_size, "PostgreSQL: %s", self.session.text);
    else
        rc = s_make_all(&self);
    s_free_role(&self.worker);
    s_free_role(&self.directory);
    sql_free(&self.sql);
    session_close(&self.session);
    return rc;
}
