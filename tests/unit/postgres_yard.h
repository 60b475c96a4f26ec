/* A PostgreSQL server of the test program's own, with an installation in it that each test finds
 * empty. */
#ifndef POSTERN_POSTGRES_YARD_H
#define POSTERN_POSTGRES_YARD_H

#include "scratch.h"
#include "workers/journal/postgres/schema.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POSTGRES_TEXT = 256 };

static char s_postgres_dir[SCRATCH], s_postgres_admin[POSTGRES_TEXT], s_postgres[POSTGRES_TEXT];
static char s_postgres_said[65536];
static pid_t s_postgres_pid;
static int s_postgres_stdin = -1;

/* The file of the workers' connection string. */
static inline const char *postgres_connection(void)
{
    static char path[SCRATCH + 16];
    snprintf(path, sizeof path, "%s/connection", s_postgres_dir);
    return path;
}

/* By the administrator; *VALUE: the first field that comes. */
static inline void postgres_ask(const char *sql, char value[POSTGRES_TEXT])
{
    PGconn *conn = PQconnectdb(s_postgres_admin);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType is = PQresultStatus(result);
    if (is != PGRES_COMMAND_OK && is != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    if (value)
        snprintf(value, POSTGRES_TEXT, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(conn);
}

static inline void postgres_do(const char *sql)
{
    postgres_ask(sql, NULL);
}

static inline void postgres_hear(const char *line)
{
    size_t len = strlen(s_postgres_said);
    snprintf(s_postgres_said + len, sizeof s_postgres_said - len, "%s\n", line);
}

/* SHARDS: of each kind. */
static inline int postgres_make(unsigned shards, char *err, size_t err_size)
{
    schema_options_t options = {.admin = s_postgres_admin,
                                .worker = s_postgres,
                                .shards = {shards, shards, shards},
                                .said = postgres_hear};
    s_postgres_said[0] = '\0';
    return schema_make(&options, err, err_size);
}

/* Looks for TEXT in the records that can be seen. */
static inline bool yard_holds(const char *text)
{
    char sql[256], value[POSTGRES_TEXT];
    snprintf(sql, sizeof sql,
             "SELECT 1 FROM postern.log_c0_1 WHERE position('%s'::bytea IN record) > 0", text);
    postgres_ask(sql, value);
    return *value != '\0';
}

/* The installation is made anew. */
static inline void postgres_clear_of(unsigned shards)
{
    char err[512];
    postgres_do("SET client_min_messages = error; DROP SCHEMA IF EXISTS postern CASCADE");
    if (postgres_make(shards, err, sizeof err) != 0)
        fail_msg("%s", err);
}

static inline void postgres_clear(void)
{
    postgres_clear_of(2);
}

static inline int postgres_begin(void **state)
{
    int in[2], out[2];
    char port[16] = "";
    (void)state;
    scratch_make(s_postgres_dir);
    if (pipe(in) != 0 || pipe(out) != 0)
        return -1;
    s_postgres_pid = fork();
    if (s_postgres_pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        execlp("python3", "python3", "-B", POSTGRES_SERVER, s_postgres_dir, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    s_postgres_stdin = in[1];
    for (size_t len = 0; len < sizeof port - 1 && read(out[0], port + len, 1) == 1; len++)
        if (port[len] == '\n')
            break;
    close(out[0]);
    snprintf(s_postgres_admin, sizeof s_postgres_admin,
             "host=127.0.0.1 port=%d dbname=postgres user=postgres password='super secret'",
             atoi(port));
    snprintf(s_postgres, sizeof s_postgres,
             "host=127.0.0.1 port=%d dbname=postgres user=postern_journal password='quite secret'",
             atoi(port));
    umask(077);
    scratch_write(postgres_connection(), s_postgres);
    return atoi(port) > 0 ? 0 : -1;
}

static inline int postgres_end(void **state)
{
    (void)state;
    close(s_postgres_stdin);
    waitpid(s_postgres_pid, NULL, 0);
    scratch_remove(s_postgres_dir);
    return 0;
}

#endif
