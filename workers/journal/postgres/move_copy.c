#include "workers/journal/postgres/move_copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int s_refuse(copying_t *self, const bulk_t *at)
{
    const char *text = bulk_text(at);
    if (self->err[0]) /* the first says it */
        return -1;
    bool fenced = strstr(text, "division by zero");
    snprintf(self->err, self->err_size, "cluster %s: %.400s", at->name,
             fenced ? "another posternctl moves the shard, or has moved it" : text);
    self->err[strcspn(self->err, "\n")] = '\0';
    return -1;
}

/* Carries out one or more statements without parameters. The last one's result, or NULL. */
static PGresult *s_ask(copying_t *self, bulk_t *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static PGresult *s_ask(copying_t *self, bulk_t *at, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    PGresult *result = bulk_ask(at, text);
    free(text);
    ExecStatusType is = PQresultStatus(result);
    if (is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK || is == PGRES_COPY_IN ||
        is == PGRES_COPY_OUT)
        return result;
    PQclear(result);
    s_refuse(self, at);
    return NULL;
}

#define DO(self, at, ...) s_done(s_ask(self, at, __VA_ARGS__))
static int s_done(PGresult *result)
{
    PQclear(result);
    return result ? 0 : -1;
}

/* The first field of the first row; "" where there is none. The caller's. */
static char *s_text(PGresult *result)
{
    if (!result)
        return NULL;
    char *text = strdup(PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    if (!text)
        abort();
    return text;
}

/* What is left undone of a transaction. */
static int s_undo(copying_t *self)
{
    PQclear(bulk_ask(&self->to, "ROLLBACK"));
    return -1;
}

static int s_begin(copying_t *self)
{
    return DO(self, &self->to, "BEGIN; %s", self->fence);
}

static bool s_says(copying_t *self, bulk_t *at, const char *table, const char *what)
{
    char *is = s_text(s_ask(self, at, "SELECT to_regclass('postern.%s') IS %s", table, what));
    bool says = is && *is == 't';
    free(is);
    return says;
}

static bool s_has(copying_t *self, bulk_t *at, const char *table)
{
    return s_says(self, at, table, "NOT NULL");
}

static char *s_columns(copying_t *self, const char *table)
{
    return s_text(s_ask(self, &self->from,
                        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM "
                        "pg_attribute WHERE attrelid = 'postern.%s'::regclass AND attnum > 0 AND "
                        "NOT attisdropped",
                        table));
}

/* As it is here, without what is made when it has its rows. */
static int s_make(copying_t *self, const char *table)
{
    char *sql = s_text(s_ask(
        self, &self->from,
        "SELECT 'CREATE TABLE postern.%s (' || string_agg(format('%%I %%s%%s', attname, "
        "format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END), ', "
        "' ORDER BY attnum) || ')' || coalesce((SELECT ' WITH (' || array_to_string(reloptions, ', "
        "') || ')' FROM pg_class WHERE oid = 'postern.%s'::regclass), '') || "
        "coalesce(string_agg(format('; ALTER TABLE postern.%s ALTER %%I SET STORAGE EXTERNAL', "
        "attname), '') FILTER (WHERE attstorage = 'e' AND typstorage <> 'e'), '') FROM "
        "pg_attribute a JOIN pg_type t ON t.oid = atttypid WHERE attrelid = 'postern.%s'::regclass "
        "AND attnum > 0 AND NOT attisdropped",
        table, table, table, table));
    int rc = sql ? DO(self, &self->to, "%s", sql) : -1;
    free(sql);
    return rc;
}

static int s_make_indexes(copying_t *self, const char *table)
{
    char *sql = s_text(s_ask(
        self, &self->from,
        "SELECT coalesce(string_agg(text, '; '), '') FROM (SELECT format('ALTER TABLE postern.%s "
        "ADD CONSTRAINT %%I %%s', conname, pg_get_constraintdef(oid)) AS text FROM pg_constraint "
        "WHERE conrelid = 'postern.%s'::regclass UNION ALL SELECT pg_get_indexdef(indexrelid) FROM "
        "pg_index WHERE indrelid = 'postern.%s'::regclass AND NOT EXISTS (SELECT 1 FROM "
        "pg_constraint WHERE conindid = indexrelid)) i",
        table, table, table));
    int rc = sql ? (*sql ? DO(self, &self->to, "%s", sql) : 0) : -1;
    free(sql);
    return rc;
}

/* Takes what is left of the answers to a COPY; whether it went well. */
static bool s_ended(bulk_t *at, uint64_t *rows)
{
    bool good = false;
    for (PGresult *result; (result = bulk_result(at)); PQclear(result)) {
        good = PQresultStatus(result) == PGRES_COMMAND_OK;
        *rows += good ? strtoull(PQcmdTuples(result), NULL, 10) : 0;
    }
    return good;
}

/* What comes out of the one goes into the other. */
static int s_pump(copying_t *self)
{
    char *row;
    int len = 0;
    uint64_t stored = 0;
    bool put = true;
    while (put && (len = bulk_row(&self->from, &row)) > 0) {
        put = bulk_put(&self->to, row, len);
        PQfreemem(row);
    }
    if (!put)
        return s_refuse(self, &self->to);
    bool good = s_ended(&self->from, &self->rows) && len == -1;
    if (!good)
        s_refuse(self, &self->from);
    if (!bulk_end(&self->to, good ? NULL : "the other cluster failed") ||
        !s_ended(&self->to, &stored))
        return s_refuse(self, &self->to);
    return good ? 0 : -1;
}

static int s_copy(copying_t *self, const char *table, const char *where)
{
    char *columns = s_columns(self, table);
    int rc = columns ? DO(self, &self->to, "COPY postern.%s (%s) FROM STDIN (FORMAT binary)", table,
                          columns)
                     : -1;
    if (rc == 0 &&
        (rc = DO(self, &self->from, "COPY (SELECT %s FROM postern.%s%s) TO STDOUT (FORMAT binary)",
                 columns, table, where)) != 0) {
        uint64_t none = 0;
        bulk_end(&self->to, "the other cluster failed");
        s_ended(&self->to, &none);
    } else if (rc == 0) {
        rc = s_pump(self);
    }
    free(columns);
    return rc;
}

static int s_copy_new(copying_t *self, const char *table)
{
    int rc = s_begin(self);
    if (rc == 0)
        rc = s_make(self, table);
    if (rc == 0)
        rc = s_copy(self, table, "");
    if (rc == 0)
        rc = s_make_indexes(self, table);
    if (rc == 0)
        rc = DO(self, &self->to, "ANALYZE postern.%s", table);
    return rc == 0 ? DO(self, &self->to, "COMMIT") : s_undo(self);
}

/* Rows of it that come have a higher place in the log than those that are there. */
static bool s_grows(const char *table)
{
    return strncmp(table, "log_", 4) == 0 || strncmp(table, "keys_", 5) == 0;
}

static char *s_last(copying_t *self, const char *table)
{
    return s_text(s_ask(self, &self->to, "SELECT coalesce(max(log), 0) FROM postern.%s", table));
}

/* What came after those that were copied. */
static int s_copy_more(copying_t *self, const char *table)
{
    char where[64], *last;
    if (!s_grows(table))
        return 0;
    int rc = s_begin(self);
    last = rc == 0 ? s_last(self, table) : NULL;
    rc = last ? 0 : -1;
    snprintf(where, sizeof where, " WHERE log > %s", last ? last : "");
    free(last);
    if (rc == 0)
        rc = s_copy(self, table, where);
    return rc == 0 ? DO(self, &self->to, "COMMIT") : s_undo(self);
}

/* WHERE: which of its rows are the shard's; "" of one of its own. */
static int s_copy_again(copying_t *self, const char *table, const char *where)
{
    int rc = s_begin(self);
    if (rc == 0)
        rc = *where ? DO(self, &self->to, "DELETE FROM postern.%s%s", table, where)
                    : DO(self, &self->to, "TRUNCATE postern.%s", table);
    if (rc == 0)
        rc = s_copy(self, table, where);
    return rc == 0 ? DO(self, &self->to, "COMMIT") : s_undo(self);
}

/* Whether a question of one field has the same answer in both, which look at the same time. */
static int s_ask_both(copying_t *self, const char *sql, bool *same)
{
    bulk_t *both[] = {&self->from, &self->to};
    char *sum[2] = {NULL, NULL};
    int rc = 0;
    for (unsigned i = 0; i < 2; i++)
        if (!bulk_send(both[i], sql))
            rc = s_refuse(self, both[i]);
    for (unsigned i = 0; i < 2; i++) {
        for (PGresult *result; (result = bulk_result(both[i])); PQclear(result))
            if (PQresultStatus(result) == PGRES_TUPLES_OK)
                sum[i] = strdup(PQgetvalue(result, 0, 0));
        if (!sum[i])
            rc = s_refuse(self, both[i]);
    }
    *same = rc == 0 && strcmp(sum[0], sum[1]) == 0;
    free(sum[0]);
    free(sum[1]);
    return rc;
}

/* How many rows, and the sum of what each is as a text. */
static int s_compare(copying_t *self, const char *table, const char *where, bool *same)
{
    char *columns = s_columns(self, table), *sql = NULL;
    *same = false;
    if (!columns)
        return -1;
    if (asprintf(&sql,
                 "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(ROW(%s)::text, 0)), 0) "
                 "FROM postern.%s%s",
                 columns, table, where) < 0)
        abort();
    int rc = s_ask_both(self, sql, same);
    free(sql);
    free(columns);
    return rc;
}

/* What the server has counted of changes of a table, perhaps WITH rows that were added; "" where it
 * counts them too late to tell. The sessions that have ended have told theirs. */
static char *s_mark(copying_t *self, const char *table, bool with)
{
    return s_text(s_ask(
        self, &self->from,
        "SELECT CASE WHEN current_setting('server_version_num')::int < 150000 OR NOT "
        "current_setting('track_counts')::bool THEN '' ELSE concat_ws(' ', "
        "pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_database WHERE datname = "
        "current_database()), pg_relation_filenode(c.oid), %s, "
        "pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid)) END FROM pg_class c "
        "WHERE c.oid = to_regclass('postern.%s')",
        with ? "pg_stat_get_tuples_inserted(c.oid)" : "'part'", table));
}

static compared_t *s_compared(copying_t *self, const char *table)
{
    for (size_t i = 0; i < self->compared_len; i++)
        if (strcmp(self->compared[i].table, table) == 0)
            return &self->compared[i];
    return NULL;
}

static compared_t *s_note(copying_t *self, const char *table)
{
    compared_t *one = s_compared(self, table);
    if (one)
        return one;
    self->compared = realloc(self->compared, (self->compared_len + 1) * sizeof *self->compared);
    if (!self->compared)
        abort();
    one = &self->compared[self->compared_len++];
    *one = (compared_t){.upto = 0};
    snprintf(one->table, sizeof one->table, "%s", table);
    return one;
}

/* Nothing of it has changed since it was found equal. */
static bool s_is_compared(copying_t *self, const char *table)
{
    const compared_t *one = s_compared(self, table);
    char *mark = one && *one->mark ? s_mark(self, table, true) : NULL;
    bool is = mark && strcmp(one->mark, mark) == 0;
    free(mark);
    return is;
}

/* Up to where it was found equal, and no row has changed since; 0: from the first on. */
static uint64_t s_part(copying_t *self, const char *table)
{
    const compared_t *one = s_compared(self, table);
    char *mark = one && one->upto ? s_mark(self, table, false) : NULL;
    uint64_t upto = mark && *mark && strcmp(one->part, mark) == 0 ? one->upto : 0;
    free(mark);
    return upto;
}

/* Of a table that grows: what is there already, beyond what was compared before. */
static int s_compare_part(copying_t *self, const char *table)
{
    char where[96];
    bool same = false;
    uint64_t from = s_part(self, table);
    char *mark = s_mark(self, table, false), *last = mark ? s_last(self, table) : NULL;
    int rc = last ? 0 : -1;
    if (rc == 0) {
        snprintf(where, sizeof where, " WHERE log > %llu AND log <= %s", (unsigned long long)from,
                 last);
        rc = s_compare(self, table, where, &same);
    }
    if (rc == 0) {
        compared_t *one = s_note(self, table);
        one->upto = same ? strtoull(last, NULL, 10) : 0;
        snprintf(one->part, sizeof one->part, "%s", mark);
    }
    free(mark);
    free(last);
    return rc;
}

/* The same, to its end; of what was compared before only how many rows there are. */
static int s_compare_rest(copying_t *self, const char *table, bool *same)
{
    char where[64], *sql = NULL;
    uint64_t upto = s_part(self, table);
    *same = false;
    if (!upto)
        return 0;
    if (asprintf(&sql, "SELECT count(*)::text FROM postern.%s WHERE log <= %llu", table,
                 (unsigned long long)upto) < 0)
        abort();
    int rc = s_ask_both(self, sql, same);
    free(sql);
    snprintf(where, sizeof where, " WHERE log > %llu", (unsigned long long)upto);
    return rc == 0 && *same ? s_compare(self, table, where, same) : rc;
}

/* Makes a table there equal to the one here; where somebody writes, it need not be at the end. */
static int s_level(copying_t *self, const char *table, const char *where, bool final)
{
    bool same = false;
    char *mark = s_mark(self, table, true);
    if (!mark)
        return -1;
    int rc = final && s_grows(table) ? s_compare_rest(self, table, &same) : 0;
    if (rc == 0 && !same)
        rc = s_compare(self, table, where, &same);
    if (rc == 0 && !same)
        rc = s_copy_again(self, table, where);
    if (rc == 0 && !same)
        rc = s_compare(self, table, where, &same);
    if (rc == 0 && same)
        snprintf(s_note(self, table)->mark, sizeof self->compared->mark, "%s", mark);
    free(mark);
    if (rc == 0 && !same && final) {
        snprintf(self->err, self->err_size,
                 "table %s is not the same in both clusters after it was copied", table);
        return -1;
    }
    return rc;
}

/* One that was dropped meanwhile, for its age, is none. NEWEST: it is written to. */
static int s_copy_table(copying_t *self, const char *table, bool newest, bool final)
{
    char line[160];
    uint64_t before = self->rows;
    if (s_is_compared(self, table))
        return 0;
    bool had = s_has(self, &self->to, table);
    int rc = had ? s_copy_more(self, table) : s_copy_new(self, table);
    if (rc == 0 && (final || !newest))
        rc = s_level(self, table, "", final);
    else if (rc == 0 && s_grows(table))
        rc = s_compare_part(self, table);
    if (rc != 0 && !final && s_says(self, &self->from, table, "NULL")) {
        self->err[0] = '\0';
        return 0;
    }
    if (rc == 0 && self->rows > before) {
        snprintf(line, sizeof line, "copied %s: %llu rows", table,
                 (unsigned long long)(self->rows - before));
        self->said(line);
    }
    return rc;
}

/* Names, one a row, in the order of their numbers, and whether it is the newest of its like. */
static PGresult *s_own(copying_t *self, bulk_t *at)
{
    return s_ask(self, at,
                 "SELECT relname, n = max(n) OVER (PARTITION BY substring(relname FROM '^[a-z]+')) "
                 "FROM (SELECT relname, substring(relname FROM '[0-9]+$')::bigint AS n FROM "
                 "pg_class WHERE relnamespace = 'postern'::regnamespace AND relkind = 'r' AND "
                 "relname ~ '%s') t ORDER BY n, relname",
                 self->own);
}

static PGresult *s_shared(copying_t *self, bulk_t *at)
{
    return s_ask(self, at,
                 "SELECT relname FROM pg_class c WHERE relnamespace = 'postern'::regnamespace AND "
                 "relkind = 'r' AND relname <> 'shard' AND (SELECT count(*) FROM pg_attribute "
                 "WHERE attrelid = c.oid AND attname IN ('kind', 'shard')) = 2 ORDER BY relname");
}

static void s_where(const copying_t *self, char *to, size_t size)
{
    snprintf(to, size, " WHERE kind = %u AND shard = %u", self->kind, self->shard);
}

/* What is there, and not here any more. */
static int s_drop_former(copying_t *self)
{
    PGresult *there = s_own(self, &self->to);
    int rc = there ? 0 : -1;
    for (int i = 0; rc == 0 && i < PQntuples(there); i++) {
        const char *table = PQgetvalue(there, i, 0);
        if (!s_says(self, &self->from, table, "NULL"))
            continue;
        rc = DO(self, &self->to, "BEGIN; %s; DROP TABLE postern.%s; COMMIT", self->fence, table);
        rc = rc == 0 ? 0 : s_undo(self);
    }
    PQclear(there);
    return rc;
}

static int s_copy_shared(copying_t *self)
{
    char where[64], line[160];
    PGresult *shared = s_shared(self, &self->from);
    int rc = shared ? 0 : -1;
    s_where(self, where, sizeof where);
    for (int i = 0; rc == 0 && i < PQntuples(shared); i++) {
        const char *table = PQgetvalue(shared, i, 0);
        uint64_t before = self->rows;
        rc = s_level(self, table, where, true);
        snprintf(line, sizeof line, "copied %s: %llu rows", table,
                 (unsigned long long)(self->rows - before));
        if (rc == 0 && self->rows > before)
            self->said(line);
    }
    PQclear(shared);
    return rc;
}

int copy_all(copying_t *self, bool final)
{
    PGresult *own = s_own(self, &self->from);
    int rc = own ? 0 : -1;
    for (int i = 0; rc == 0 && i < PQntuples(own); i++)
        rc = s_copy_table(self, PQgetvalue(own, i, 0), *PQgetvalue(own, i, 1) == 't', final);
    PQclear(own);
    if (rc == 0 && final)
        rc = s_drop_former(self);
    return rc == 0 && final ? s_copy_shared(self) : rc;
}

int copy_check(copying_t *self)
{
    return s_begin(self) == 0 ? DO(self, &self->to, "COMMIT") : s_undo(self);
}

int copy_drop(copying_t *self, bulk_t *at)
{
    char where[64];
    PGresult *own = s_own(self, at), *shared = s_shared(self, at);
    int rc = own && shared ? 0 : -1;
    s_where(self, where, sizeof where);
    for (int i = 0; rc == 0 && i < PQntuples(own); i++)
        rc = DO(self, at, "BEGIN; %s; DROP TABLE postern.%s; COMMIT", self->fence,
                PQgetvalue(own, i, 0));
    for (int i = 0; rc == 0 && i < PQntuples(shared); i++)
        rc = DO(self, at, "BEGIN; %s; DELETE FROM postern.%s%s; COMMIT", self->fence,
                PQgetvalue(shared, i, 0), where);
    PQclear(own);
    PQclear(shared);
    return rc;
}

void copy_end(copying_t *self)
{
    free(self->compared);
    self->compared = NULL;
}
