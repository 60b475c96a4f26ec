#include "workers/journal/postgres/move_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    char *err;
    size_t err_size;
} check_t;

static int s_refuse(const check_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int s_refuse(const check_t *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->err, self->err_size, format, args);
    va_end(args);
    return -1;
}

/* What a cluster says of itself. */
static int s_ask(const check_t *self, const move_end_t *end, statement_t *ask)
{
    statement_begin(
        ask, "",
        "SELECT id, schema, current_setting('fsync') = 'on' AND "
        "current_setting('full_page_writes') = 'on', current_setting('synchronous_standby_names') "
        "<> '', (SELECT count(*) FROM pg_attribute WHERE attrelid = 'postern.shard'::regclass AND "
        "attname IN ('cluster', 'left_epoch')) = 2, concat_ws(', ', CASE WHEN NOT "
        "has_schema_privilege('postern', 'CREATE') THEN 'the schema' END, (SELECT "
        "string_agg(relname, ', ' ORDER BY relname) FROM pg_class c WHERE relnamespace = "
        "'postern'::regnamespace AND relkind = 'r' AND (relname IN ('shard', 'lease') OR (SELECT "
        "count(*) FROM pg_attribute WHERE attrelid = c.oid AND attname IN ('kind', 'shard')) = 2) "
        "AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') "
        "AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))) "
        "FROM postern.installation");
    if (session_exchange(end->session, ask, 1, SESSION_DEADLINE_MS) == SESSION_OK)
        return 0;
    return s_refuse(self, "cluster %s: %s", end->name, end->session->text);
}

static int s_check_one(const check_t *self, const move_end_t *end, const statement_t *said)
{
    slice_t lacks = statement_bytes(said, 0, 5);
    if (!statement_number(said, 0, 4))
        return s_refuse(self,
                        "cluster %s is of a version before: posternctl db init, and then again",
                        end->name);
    if (lacks.len)
        return s_refuse(self,
                        "cluster %s: the role of the connection lacks rights on %.*s: posternctl "
                        "db init gives them",
                        end->name, SLICE_ARG(lacks));
    return 0;
}

static int s_check_both(const check_t *self, const statement_t *here, const statement_t *there,
                        const char *name, unsigned copies)
{
    uuid_t7 id = statement_id(here, 0, 0), other = statement_id(there, 0, 0);
    bool same = memcmp(&id, &other, sizeof id) == 0 &&
                statement_number(here, 0, 1) == statement_number(there, 0, 1);
    bool keeps = statement_number(there, 0, 2) && (copies < 2 || statement_number(there, 0, 3));
    if (!same)
        return s_refuse(self, "cluster %s is of another installation, or of another schema", name);
    if (!keeps)
        return s_refuse(self,
                        "cluster %s does not keep what it commits: posternctl db check says what "
                        "it lacks",
                        name);
    return 0;
}

int move_check(const move_end_t *from, const move_end_t *to, unsigned copies, char *err,
               size_t err_size)
{
    const check_t self = {err, err_size};
    statement_t here = {0}, there = {0};
    int rc = s_ask(&self, from, &here);
    if (rc == 0)
        rc = s_ask(&self, to, &there);
    if (rc == 0)
        rc = s_check_one(&self, from, &here);
    if (rc == 0)
        rc = s_check_one(&self, to, &there);
    if (rc == 0)
        rc = s_check_both(&self, &here, &there, to->name, copies);
    statement_end(&here);
    statement_end(&there);
    return rc;
}
