#include "common/postgres/session.h"

#include "common/base/clock.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a SQLSTATE, or a class of them, says of the transaction. The longest that fits counts.
 * Source: PostgreSQL 15, appendix A. */
static const struct {
    const char *state;
    session_outcome_t outcome;
} s_states[] = {
    {"23505", SESSION_SEEN},    {"22012", SESSION_FENCED},  {"53100", SESSION_FULL},
    {"53200", SESSION_FULL},    {"54", SESSION_FULL},       {"40003", SESSION_UNKNOWN},
    {"40001", SESSION_AGAIN},   {"40P01", SESSION_AGAIN},   {"55P03", SESSION_AGAIN},
    {"42P01", SESSION_GONE},    {"25006", SESSION_AWAY},    {"57P03", SESSION_AWAY},
    {"53300", SESSION_AWAY},    {"57P01", SESSION_UNKNOWN}, {"57P02", SESSION_UNKNOWN},
    {"57014", SESSION_UNKNOWN}, {"08", SESSION_UNKNOWN},    {"58", SESSION_UNKNOWN},
    {"XX", SESSION_UNKNOWN},
};

static session_outcome_t s_outcome_of(const char *state)
{
    for (size_t i = 0; i < sizeof s_states / sizeof *s_states; i++)
        if (strncmp(state, s_states[i].state, strlen(s_states[i].state)) == 0)
            return s_states[i].outcome;
    return *state ? SESSION_REFUSED : SESSION_UNKNOWN;
}

static void s_say(session_t *self, const char *text)
{
    size_t len = strcspn(text, "\n");
    snprintf(self->text, sizeof self->text, "%.*s", (int)len, text);
}

/* Of a connection that failed: its whole reason, a line. */
static void s_say_lines(session_t *self, const char *text)
{
    snprintf(self->text, sizeof self->text, "%s", text);
    for (char *c = self->text; *c; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
}

static void s_on_notice(void *arg, const PGresult *notice)
{
    session_t *self = arg;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && strcmp(severity, "WARNING") == 0)
        self->warned = true;
}

void session_close(session_t *self)
{
    if (self->conn)
        PQfinish(self->conn);
    self->conn = NULL;
    free(self->prepared);
    self->prepared = NULL;
    self->prepared_len = 0;
}

/* A holder ends with an id, whose last group is drawn. */
void session_name(char name[SESSION_NAME], const char *what, const char *holder)
{
    const char *drawn = strrchr(holder, '-');
    snprintf(name, SESSION_NAME, "postern %.20s %.12s", what, drawn ? drawn + 1 : holder);
}

bool session_is_open(const session_t *self)
{
    return self->conn;
}

/* Waits until the connection is readable, or writable as well; false past the deadline. What has
 * come by then counts, where this process stood still past it. */
static bool s_wait(const session_t *self, bool writes, int64_t until_ms)
{
    struct pollfd fd = {.fd = PQsocket(self->conn), .events = POLLIN | (writes ? POLLOUT : 0)};
    int64_t left_ms = until_ms - clock_ms();
    return fd.fd >= 0 && poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0) != 0;
}

/* The states of SQL in which a connection is refused for good, until an operator does something. */
static bool s_is_final(const char *text)
{
    static const char *const words[] = {"password authentication failed",
                                        "no pg_hba.conf entry",
                                        "does not exist",
                                        "no password supplied",
                                        "authentication failed",
                                        "is not permitted to log in",
                                        "permission denied",
                                        "certificate"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

/* What stands behind counts; what the connection string says itself is between the two. */
static PGconn *s_begin(const char *connection)
{
    const char *names[] = {"connect_timeout",      "tcp_user_timeout",
                           "keepalives_idle",      "keepalives_interval",
                           "keepalives_count",     "application_name",
                           "target_session_attrs", "dbname",
                           "client_encoding",      NULL};
    const char *values[] = {"2",       "3000",       "2",        "1",    "3",
                            "postern", "read-write", connection, "UTF8", NULL};
    return PQconnectStartParams(names, values, 1);
}

bool session_is_answered(const char *connection)
{
    const char *names[] = {"connect_timeout", "dbname", NULL};
    const char *values[] = {"2", connection, NULL};
    return PQpingParams(names, values, 1) != PQPING_NO_RESPONSE;
}

static session_outcome_t s_connect(session_t *self, const char *connection)
{
    int64_t until_ms = clock_ms() + SESSION_DEADLINE_MS;
    self->conn = s_begin(connection);
    if (!self->conn)
        abort();
    PQsetNoticeReceiver(self->conn, s_on_notice, self);
    PostgresPollingStatusType at =
        PQstatus(self->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (at != PGRES_POLLING_OK && at != PGRES_POLLING_FAILED) {
        struct pollfd fd = {.fd = PQsocket(self->conn),
                            .events = at == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left_ms = until_ms - clock_ms();
        if (left_ms <= 0 || poll(&fd, 1, (int)left_ms) == 0) {
            s_say(self, "the server does not answer");
            return SESSION_AWAY;
        }
        at = PQconnectPoll(self->conn);
    }
    if (at == PGRES_POLLING_OK)
        return SESSION_OK;
    s_say_lines(self, PQerrorMessage(self->conn));
    return s_is_final(self->text) ? SESSION_REFUSED : SESSION_AWAY;
}

/* The keepalives are the server's: what a host that has died left holds no lock for long.
 * synchronous_commit may be more than on. statement_timeout stays 0: it would end the wait for a
 * copy, and leave the commit in place. */
static const char s_settings[] =
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN "
    "'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), set_config('lock_timeout', '2s', "
    "false), set_config('statement_timeout', '0', false), "
    "set_config('idle_in_transaction_session_timeout', '5s', false), "
    "set_config('client_connection_check_interval', '1s', false), set_config('search_path', "
    "'pg_catalog', false), set_config('jit', 'off', false), set_config('tcp_keepalives_idle', '2', "
    "false), set_config('tcp_keepalives_interval', '1', false), "
    "set_config('tcp_keepalives_count', '3', false), set_config('application_name', $1, false)";

session_outcome_t session_open(session_t *self, const char *connection)
{
    statement_t settings;
    session_close(self);
    session_outcome_t went = s_connect(self, connection);
    if (went == SESSION_OK && (PQsetnonblocking(self->conn, 1) || !PQenterPipelineMode(self->conn)))
        went = SESSION_AWAY;
    if (went == SESSION_OK) {
        statement_begin(&settings, "", s_settings);
        statement_text(&settings, self->name ? self->name : "postern");
        went = session_exchange(self, &settings, 1, SESSION_DEADLINE_MS);
        statement_end(&settings);
    }
    if (went != SESSION_OK)
        session_close(self);
    return went == SESSION_OK || went == SESSION_REFUSED ? went : SESSION_AWAY;
}

static bool s_is_prepared(const session_t *self, const char *name)
{
    for (size_t i = 0; i < self->prepared_len; i++)
        if (strcmp(self->prepared[i], name) == 0)
            return true;
    return false;
}

static void s_note_prepared(session_t *self, const char *name)
{
    self->prepared = realloc(self->prepared, (self->prepared_len + 1) * sizeof *self->prepared);
    if (!self->prepared)
        abort();
    strcpy(self->prepared[self->prepared_len++], name);
}

/* *PREPARES: its answer is preceded by that of its preparation. */
static bool s_send(session_t *self, const statement_t *to, bool *prepares)
{
    static const int binary[STATEMENT_PARAMETERS] = {1, 1, 1, 1, 1, 1, 1, 1,
                                                     1, 1, 1, 1, 1, 1, 1, 1};
    *prepares = *to->name && !s_is_prepared(self, to->name);
    if (*prepares && !PQsendPrepare(self->conn, to->name, to->sql, to->count, to->types))
        return false;
    return *to->name ? PQsendQueryPrepared(self->conn, to->name, to->count, to->values, to->lengths,
                                           binary, 1)
                     : PQsendQueryParams(self->conn, to->sql, to->count, to->types, to->values,
                                         to->lengths, binary, 1);
}

/* The next answer, or NULL past the deadline or without a connection; what is to be sent goes out
 * meanwhile. The NULL that ends a statement's answers is passed over. */
static PGresult *s_answer(session_t *self, int64_t until_ms)
{
    for (unsigned nothing = 0; nothing < 2;) {
        int left = PQflush(self->conn);
        if (left < 0)
            return NULL;
        if (PQisBusy(self->conn)) {
            if (!s_wait(self, left > 0, until_ms)) {
                s_say(self, "the server did not answer in time");
                return NULL;
            }
            if (!PQconsumeInput(self->conn))
                return NULL;
            continue;
        }
        PGresult *result = PQgetResult(self->conn);
        if (result)
            return result;
        nothing++;
    }
    return NULL;
}

typedef struct {
    session_t *session;
    statement_t *statements;
    size_t count;
    bool prepares[SESSION_STATEMENTS];
    session_outcome_t outcome;
    int64_t until_ms;
} exchange_t;

/* The first that goes wrong says how the transaction went: the rest is not carried out. */
static void s_fail(exchange_t *self, size_t i, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (self->outcome != SESSION_OK || PQresultStatus(result) == PGRES_PIPELINE_ABORTED)
        return;
    const char *key = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    self->outcome = s_outcome_of(state ? state : "");
    self->session->failed = (unsigned)i;
    self->session->is_number = key && strncmp(key, "log_", 4) == 0 && strstr(key, "_pkey");
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    s_say(self->session, text ? text : PQresultErrorMessage(result));
}

static bool s_went_well(const PGresult *result)
{
    ExecStatusType is = PQresultStatus(result);
    return is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK;
}

/* False when no answer came. */
static bool s_collect_one(exchange_t *self, size_t i)
{
    for (unsigned part = !self->prepares[i]; part < 2; part++) {
        PGresult *result = s_answer(self->session, self->until_ms);
        if (!result)
            return false;
        if (!s_went_well(result))
            s_fail(self, i, result);
        else if (part == 0)
            s_note_prepared(self->session, self->statements[i].name);
        else
            self->statements[i].result = result;
        if (self->statements[i].result != result)
            PQclear(result);
    }
    return true;
}

static bool s_collect(exchange_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (!s_collect_one(self, i))
            return false;
    PGresult *end = s_answer(self->session, self->until_ms);
    bool is_end = end && PQresultStatus(end) == PGRES_PIPELINE_SYNC;
    if (end && !is_end && self->outcome == SESSION_OK)
        s_fail(self, self->count, end);
    PQclear(end);
    return is_end;
}

static bool s_send_all(exchange_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (!s_send(self->session, &self->statements[i], &self->prepares[i]))
            return false;
    return PQpipelineSync(self->session->conn);
}

session_outcome_t session_exchange(session_t *self, statement_t *statements, size_t count,
                                   int deadline_ms)
{
    exchange_t exchange = {.session = self,
                           .statements = statements,
                           .count = count,
                           .until_ms = clock_ms() + deadline_ms};
    assert(count <= SESSION_STATEMENTS);
    if (!self->conn)
        return SESSION_AWAY;
    self->warned = false;
    self->text[0] = '\0';
    if (!s_send_all(&exchange) || !s_collect(&exchange)) {
        if (!self->text[0])
            s_say_lines(self, PQerrorMessage(self->conn));
        exchange.outcome = SESSION_UNKNOWN;
    } else if (self->warned && exchange.outcome == SESSION_OK) {
        s_say(self, "the server warned: the commit may lack its copy");
        exchange.outcome = SESSION_UNKNOWN;
    }
    if (exchange.outcome != SESSION_OK)
        statement_end_all(statements, count);
    if (exchange.outcome == SESSION_UNKNOWN || exchange.outcome == SESSION_AWAY)
        session_close(self);
    return exchange.outcome;
}
