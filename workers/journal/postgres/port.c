#include "workers/journal/postgres/port.h"

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "workers/journal/postgres/retained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIM_MS = 3 * LEASE_MS };

int port_say(port_t *self, const char *what, char *err, size_t err_size)
{
    snprintf(err, err_size, "PostgreSQL, %s-%u, %s: %s", self->journal.options.kind,
             self->journal.options.shard, what, self->journal.writing.text);
    return -1;
}

/* One statement; its result is the caller's. */
static int s_ask(port_t *self, statement_t *ask, char *err, size_t err_size)
{
    if (session_exchange(&self->journal.writing, ask, 1, PORT_MS) == SESSION_OK)
        return 0;
    return port_say(self, "asking", err, err_size);
}

int port_do(port_t *self, statement_t *statements, unsigned count, char *err, size_t err_size)
{
    fence_begin(&statements[0], &self->journal);
    session_outcome_t went = session_exchange(&self->journal.writing, statements, count, PORT_MS);
    statement_end_all(statements, count);
    if (went == SESSION_FENCED)
        snprintf(self->journal.writing.text, SESSION_TEXT, "another process has taken the shard");
    return went == SESSION_OK ? 0 : port_say(self, "writing", err, err_size);
}

/* To a cluster, which has to be the one that it is called. */
static int s_open(port_t *self, unsigned at, char *err, size_t err_size)
{
    char lacks[SESSION_TEXT] = "";
    const journal_t *journal = &self->journal;
    session_t *session = &self->marks[at];
    session_outcome_t went = session_open(session, journal->clusters[at].connection);
    if (went == SESSION_OK)
        went = cluster_check(session, journal->clusters[at].name);
    if (went == SESSION_OK)
        went = owner_check(journal, session, lacks);
    if (went == SESSION_OK && !lacks[0])
        return 0;
    snprintf(err, err_size, "PostgreSQL, cluster %s: %s", journal->clusters[at].name,
             lacks[0] ? lacks : session->text);
    return -1;
}

int port_open(port_t *self, const carrier_options_t *options, char *err, size_t err_size)
{
    op_owner_t kind;
    int rc = 0;
    journal_t *journal = &self->journal;
    *self = (port_t){.empty = true};
    if (!op_owner_of(options->kind, strlen(options->kind), &kind))
        abort();
    journal->options = (journal_options_t){.kind = options->kind,
                                           .shards = options->shards,
                                           .copies = options->copies,
                                           .delivery_retention_ms = options->delivery_retention_ms};
    memcpy(journal->clusters, options->clusters, options->clusters_len * sizeof *options->clusters);
    journal->clusters_len = options->clusters_len;
    journal->ports = true;
    journal->kind = options->kind[0];
    journal->number = kind;
    journal->delivers = kind != OWNER_CHANNEL;
    snprintf(journal->home, sizeof journal->home, "%s", options->home);
    uuid_new(&journal->me);
    pthread_mutex_init(&journal->lock, NULL);
    for (unsigned i = 0; i < journal->clusters_len && rc == 0; i++)
        rc = s_open(self, i, err, err_size);
    return rc;
}

void port_close(port_t *self)
{
    port_leave(self);
    retained_destroy(&self->journal.retained);
    session_close(&self->journal.writing);
    for (unsigned i = 0; i < self->journal.clusters_len; i++)
        session_close(&self->marks[i]);
}

static int s_look(port_t *self, unsigned at, carry_state_t *state, char *err, size_t err_size)
{
    statement_t ask;
    session_t *session = &self->marks[at];
    statement_begin(&ask, "",
                    "SELECT schema, (to_jsonb(i) ->> $1)::bigint, id FROM postern.installation i");
    statement_text(&ask, self->journal.options.kind);
    if (session_exchange(session, &ask, 1, PORT_MS) != SESSION_OK) {
        snprintf(err, err_size,
                 "the database has no installation of Postern that this role may use: posternctl "
                 "db init makes one (%s)",
                 session->text);
        return -1;
    }
    uint64_t schema = statement_rows(&ask) ? statement_number(&ask, 0, 0) : 0;
    uint64_t count = statement_rows(&ask) ? statement_number(&ask, 0, 1) : 0;
    if (statement_rows(&ask))
        state->installation = statement_id(&ask, 0, 2);
    statement_end(&ask);
    if (schema != POSTGRES_SCHEMA) {
        snprintf(err, err_size,
                 "the database has schema %llu, and this version of Postern has %u: posternctl db "
                 "init, or the version that made it",
                 (unsigned long long)schema, POSTGRES_SCHEMA);
        return -1;
    }
    state->shards = (unsigned)(count & (PORT_INCOMING - 1));
    state->place = count & PORT_INCOMING ? CARRY_INCOMING
                   : count & PORT_MOVED  ? CARRY_MOVED
                   : count               ? CARRY_READY
                                         : CARRY_NONE;
    return 0;
}

/* Which of the two counts for the whole. */
static carry_place_t s_both(carry_place_t one, carry_place_t other)
{
    return one == CARRY_INCOMING || other == CARRY_INCOMING ? CARRY_INCOMING
           : one == CARRY_NONE || other == CARRY_NONE       ? CARRY_NONE
           : one == CARRY_MOVED || other == CARRY_MOVED     ? CARRY_MOVED
                                                            : CARRY_READY;
}

int port_look(port_t *self, carry_state_t *state, char *err, size_t err_size)
{
    const journal_t *journal = &self->journal;
    int rc = s_look(self, 0, state, err, err_size);
    for (unsigned i = 1; i < journal->clusters_len && rc == 0; i++) {
        carry_state_t other;
        rc = s_look(self, i, &other, err, err_size);
        if (rc == 0 && !uuid_eq(&other.installation, &state->installation)) {
            snprintf(err, err_size, "cluster %s is of another installation than main",
                     journal->clusters[i].name);
            rc = -1;
        }
        if (rc == 0 && other.shards != state->shards) {
            snprintf(err, err_size, "cluster %s is made for %u journals of %s, and main for %u",
                     journal->clusters[i].name, other.shards, journal->options.kind, state->shards);
            rc = -1;
        }
        state->place = s_both(state->place, other.place);
    }
    return rc;
}

/* What a cluster had when it went may be written over from now on. */
static void s_give_up_sql(const port_t *self, sql_t *sql)
{
    const journal_t *journal = &self->journal;
    sql_add(sql,
            "INSERT INTO postern.kept (kind, shard, what, target, bytes) SELECT kind, shard, %u, "
            "'00000000-0000-0000-0000-000000000000', '' FROM postern.shard WHERE kind = %u AND "
            "EXISTS (SELECT 1 FROM postern.installation WHERE (%s & %u) <> 0) ON CONFLICT DO "
            "NOTHING",
            KEPT_CAME, journal->number, journal->options.kind, PORT_MOVED);
}

/* From here on no journal is a copy of what came. */
static void s_no_copies_sql(const port_t *self, sql_t *sql)
{
    sql_add(sql, "DELETE FROM postern.kept WHERE kind = %u AND what = %u", self->journal.number,
            KEPT_CAME);
}

/* Those of EPOCHS that are in the cluster, all of them, are raised, so that who began meanwhile is
 * noticed. False: there is none. */
static bool s_raise_sql(const port_t *self, unsigned at, const uint64_t *epochs, sql_t *sql)
{
    unsigned count = 0;
    sql_add(sql, "WITH u AS (UPDATE postern.shard s SET epoch = s.epoch + 1, holder = NULL FROM "
                 "(VALUES ");
    for (unsigned i = 0; i < self->journal.options.shards; i++)
        if (self->at[i] == at)
            sql_add(sql, "%s(%u, %llu::bigint)", count++ ? ", " : "", i,
                    (unsigned long long)epochs[i]);
    sql_add(sql,
            ") e (shard, epoch) WHERE s.kind = %u AND s.shard = e.shard AND s.epoch = e.epoch "
            "RETURNING 1) SELECT 1 / (count(*) = %u)::int FROM u",
            self->journal.number, count);
    return count > 0;
}

static int s_set(port_t *self, unsigned at, carry_place_t place, const uint64_t *epochs, char *err,
                 size_t err_size)
{
    enum { BEFORE, COUNT, EPOCHS, ALL };
    statement_t set[ALL];
    sql_t sql[ALL] = {{0}};
    session_t *session = &self->marks[at];
    unsigned count = self->journal.options.shards;
    count += place == CARRY_INCOMING ? PORT_INCOMING : place == CARRY_MOVED ? PORT_MOVED : 0;
    (place == CARRY_INCOMING ? s_give_up_sql : s_no_copies_sql)(self, &sql[BEFORE]);
    sql_add(&sql[COUNT], "UPDATE postern.installation SET %s = %u", self->journal.options.kind,
            count);
    unsigned len = epochs && s_raise_sql(self, at, epochs, &sql[EPOCHS]) ? ALL : EPOCHS;
    for (unsigned i = 0; i < len; i++)
        statement_begin(&set[i], "", sql[i].text);
    session_outcome_t went = session_exchange(session, set, len, PORT_MS);
    statement_end_all(set, len);
    for (unsigned i = 0; i < ALL; i++)
        sql_free(&sql[i]);
    if (went == SESSION_FENCED)
        snprintf(session->text, SESSION_TEXT,
                 "a worker has served a shard since it was read: stop it, and give the command "
                 "again");
    if (went != SESSION_OK)
        snprintf(err, err_size, "PostgreSQL, the installation: %s", session->text);
    return went == SESSION_OK ? 0 : -1;
}

int port_set(port_t *self, carry_place_t place, const uint64_t *epochs, char *err, size_t err_size)
{
    int rc = 0;
    for (unsigned i = 0; i < self->journal.clusters_len && rc == 0; i++)
        rc = s_set(self, i, place, epochs, err, err_size);
    return rc;
}

/* --- A shard */

static void s_lost(void *arg)
{
    fence_lost(arg);
}

static int s_claim(port_t *self, char *err, size_t err_size)
{
    journal_t *journal = &self->journal;
    session_outcome_t went;
    int64_t until_ms = clock_ms() + CLAIM_MS;
    session_close(&journal->writing); /* it may be in another cluster */
    for (;;) {
        went = owner_take(journal, &journal->writing);
        bool again = went == SESSION_AGAIN || went == SESSION_UNKNOWN;
        if (!again || clock_ms() >= until_ms)
            break;
        owner_pause();
    }
    self->at[journal->options.shard] = (unsigned char)journal->at;
    if (went == SESSION_AGAIN)
        snprintf(err, err_size, "%s is served by the worker of %s: stop it first", journal->lease,
                 lease_holder(journal->holding));
    else if (went != SESSION_OK)
        port_say(self, "taking the shard", err, err_size);
    return went == SESSION_OK ? 0 : -1;
}

static int s_read_came(port_t *self, char *err, size_t err_size)
{
    statement_t ask;
    statement_begin(&ask, "",
                    "SELECT bytes FROM postern.kept WHERE kind = $1 AND shard = $2 AND what = $3");
    shard_add(&ask, &self->journal);
    statement_int2(&ask, KEPT_CAME);
    self->came = (journal_facts_t){.shard = 0};
    if (s_ask(self, &ask, err, err_size) != 0)
        return -1;
    self->comes = statement_rows(&ask) > 0;
    slice_t bytes = self->comes ? statement_bytes(&ask, 0, 0) : slice("", 0);
    if (bytes.len == sizeof self->came)
        memcpy(&self->came, bytes.data, bytes.len);
    statement_end(&ask);
    return 0;
}

static int s_measure(port_t *self, char *err, size_t err_size)
{
    const journal_t *journal = &self->journal;
    statement_t ask;
    sql_t sql = {0};
    sql_add(&sql,
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint, (SELECT count(*) FROM "
            "postern.kept WHERE kind = %u AND shard = %u AND what <> %u) FROM pg_class c WHERE "
            "relnamespace = 'postern'::regnamespace AND relkind = 'r' AND relname ~ "
            "'^(log|ended|attempt|keys)_%c%u_[0-9]+$'",
            journal->number, journal->options.shard, KEPT_CAME, journal->kind,
            journal->options.shard);
    statement_begin(&ask, "", sql.text);
    int rc = s_ask(self, &ask, err, err_size);
    sql_free(&sql);
    if (rc != 0)
        return rc;
    self->facts.bytes = statement_number(&ask, 0, 0);
    self->empty = statement_number(&ask, 0, 1) == 0;
    statement_end(&ask);
    return 0;
}

static int s_read_facts(port_t *self, char *err, size_t err_size)
{
    const journal_t *journal = &self->journal;
    const tables_t *tables = &journal->tables;
    journal_facts_t *facts = &self->facts;
    uint64_t next = tables->segments_len ? tables->segments[tables->segments_len - 1].end_log : 1;
    *facts = (journal_facts_t){
        .shard = journal->options.shard,
        .shards = journal->options.shards,
        .uuid = journal->uuid,
        .running_ms = journal->base_ms,
        .numbers = journal_number(next, journal->options.shard, journal->options.shards)};
    snprintf(facts->kind, sizeof facts->kind, "%s", journal->options.kind);
    for (unsigned i = 0; i < tables->segments_len; i++)
        facts->records += tables->segments[i].end_log - tables->segments[i].first_log;
    for (unsigned i = 0; i < tables->keys_len; i++)
        facts->keys += tables->keys[i].count;
    int rc = s_measure(self, err, err_size);
    self->empty = self->empty && tables->segments_len == 0 && tables->keys_len == 0;
    return rc ? rc : s_read_came(self, err, err_size);
}

int port_hold(port_t *self, unsigned shard, char *err, size_t err_size)
{
    journal_t *journal = &self->journal;
    port_leave(self);
    journal->options.shard = shard;
    journal->tables = (tables_t){.segments_len = 0};
    retained_destroy(&journal->retained);
    journal->retained = retained_new();
    snprintf(journal->lease, sizeof journal->lease, "%s/%u", journal->options.kind, shard);
    journal->holding = lease_new(journal->lease, journal->home, &journal->me, NULL);
    session_name(journal->name, journal->lease, lease_me(journal->holding));
    if (s_claim(self, err, err_size) != 0)
        return -1;
    lease_start(journal->holding, journal->connection, journal->name, s_lost, journal);
    return s_read_facts(self, err, err_size);
}

void port_leave(port_t *self)
{
    journal_t *journal = &self->journal;
    if (!journal->holding)
        return;
    lease_stop(journal->holding);
    lease_leave(journal->holding, &journal->writing);
    lease_destroy(&journal->holding);
}

static int s_drop_one(port_t *self, slice_t name, char *err, size_t err_size)
{
    statement_t drop[2];
    sql_t sql = {0};
    sql_add(&sql, "DROP TABLE postern.%.*s", SLICE_ARG(name));
    statement_begin(&drop[1], "", sql.text);
    int rc = port_do(self, drop, 2, err, err_size);
    sql_free(&sql);
    return rc;
}

static int s_drop(port_t *self, char *err, size_t err_size)
{
    const journal_t *journal = &self->journal;
    statement_t ask;
    sql_t sql = {0};
    sql_add(&sql,
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'postern'::regnamespace AND "
            "relkind = 'r' AND relname ~ '^(log|ended|attempt|keys)_%c%u_[0-9]+$'",
            journal->kind, journal->options.shard);
    statement_begin(&ask, "", sql.text);
    int rc = s_ask(self, &ask, err, err_size);
    for (unsigned i = 0; rc == 0 && i < statement_rows(&ask); i++)
        rc = s_drop_one(self, statement_bytes(&ask, i, 0), err, err_size);
    statement_end(&ask);
    sql_free(&sql);
    return rc;
}

int port_clear(port_t *self, char *err, size_t err_size)
{
    static const char *const lists[] = {"segment", "keys",    "target_floor", "edit",
                                        "upsert",  "pending", "retained"};
    enum { LISTS = sizeof lists / sizeof *lists };
    journal_t *journal = &self->journal;
    statement_t clear[LISTS + 2];
    sql_t sql[LISTS + 1] = {{0}};
    if (!self->empty && !self->comes) {
        snprintf(err, err_size,
                 "%s in the database has messages that did not come from here: a worker has served "
                 "it meanwhile",
                 journal->lease);
        return -1;
    }
    if (port_note(self, NULL, err, err_size) != 0 || s_drop(self, err, err_size) != 0)
        return -1;
    for (unsigned i = 0; i <= LISTS; i++) {
        sql_add(&sql[i], "DELETE FROM postern.%s WHERE kind = %u AND shard = %u",
                i < LISTS ? lists[i] : "kept", journal->number, journal->options.shard);
        if (i == LISTS)
            sql_add(&sql[i], " AND what <> %u", KEPT_CAME);
        statement_begin(&clear[i + 1], "", sql[i].text);
    }
    int rc = port_do(self, clear, LISTS + 2, err, err_size);
    for (unsigned i = 0; i <= LISTS; i++)
        sql_free(&sql[i]);
    journal->tables = (tables_t){.segments_len = 0};
    tables_copy(journal, &journal->known);
    return rc;
}

int port_note(port_t *self, const journal_facts_t *facts, char *err, size_t err_size)
{
    static const uuid_t7 nobody;
    statement_t note[2];
    statement_begin(&note[1], "",
                    "INSERT INTO postern.kept (kind, shard, what, target, bytes) VALUES ($1, $2, "
                    "$3, $4, $5) ON CONFLICT (kind, shard, what, target) DO UPDATE SET bytes = "
                    "excluded.bytes");
    shard_add(&note[1], &self->journal);
    statement_int2(&note[1], KEPT_CAME);
    statement_uuid(&note[1], &nobody);
    statement_bytea(&note[1], facts ? slice(facts, sizeof *facts) : slice("", 0));
    return port_do(self, note, 2, err, err_size);
}
