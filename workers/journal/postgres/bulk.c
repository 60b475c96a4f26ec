#include "workers/journal/postgres/bulk.h"

#include <poll.h>

enum { UNSENT = 1 << 16 };

session_outcome_t bulk_open(bulk_t *self)
{
    session_outcome_t went = session_open(&self->session, self->connection);
    if (went == SESSION_OK)
        PQexitPipelineMode(self->session.conn);
    return went;
}

void bulk_close(bulk_t *self)
{
    session_close(&self->session);
}

const char *bulk_text(const bulk_t *self)
{
    return self->still          ? "it stands still: it does not answer, or does not commit"
           : self->session.conn ? PQerrorMessage(self->session.conn)
                                : self->session.text;
}

/* What is refused is answered. Changes nothing; where it WRITES, it is a commit all the same. */
static bool s_lives(bulk_t *self)
{
    statement_t ask;
    if (!session_is_open(self->other) && session_open(self->other, self->connection) != SESSION_OK)
        return false;
    statement_begin(&ask, "",
                    self->writes ? "UPDATE postern.lease SET beat = beat WHERE what = $1"
                                 : "SELECT 1 FROM postern.lease WHERE what = $1");
    statement_text(&ask, self->what);
    session_outcome_t went = session_exchange(self->other, &ask, 1, SESSION_DEADLINE_MS);
    statement_end(&ask);
    return went != SESSION_UNKNOWN && went != SESSION_AWAY;
}

static bool s_wait(bulk_t *self, short events)
{
    struct pollfd fd = {.fd = PQsocket(self->session.conn), .events = events};
    while (fd.fd >= 0 && !self->still && poll(&fd, 1, BULK_QUIET_MS) == 0)
        self->still = !s_lives(self);
    return !self->still;
}

/* What the server says meanwhile is taken: it may wait for that before it reads on. */
static bool s_flush(bulk_t *self)
{
    int left;
    self->unsent = 0;
    while ((left = PQflush(self->session.conn)) > 0)
        if (!s_wait(self, POLLIN | POLLOUT) || !PQconsumeInput(self->session.conn))
            return false;
    return left == 0;
}

PGresult *bulk_result(bulk_t *self)
{
    PGconn *conn = self->session.conn;
    s_flush(self);
    while (!self->still && PQisBusy(conn))
        if (!s_wait(self, POLLIN) || !PQconsumeInput(conn))
            break;
    return self->still ? NULL : PQgetResult(conn);
}

bool bulk_send(bulk_t *self, const char *sql)
{
    return !self->still && PQsendQuery(self->session.conn, sql);
}

PGresult *bulk_ask(bulk_t *self, const char *sql)
{
    PGresult *last = NULL;
    if (!bulk_send(self, sql))
        return NULL;
    for (PGresult *result; (result = bulk_result(self));) {
        PQclear(last);
        last = result;
        ExecStatusType is = PQresultStatus(result);
        if (is == PGRES_COPY_IN || is == PGRES_COPY_OUT)
            break;
    }
    if (self->still) {
        PQclear(last);
        last = NULL;
    }
    return last;
}

int bulk_row(bulk_t *self, char **row)
{
    int len;
    while ((len = PQgetCopyData(self->session.conn, row, 1)) == 0)
        if (!s_wait(self, POLLIN) || !PQconsumeInput(self->session.conn))
            return -2;
    return len;
}

bool bulk_put(bulk_t *self, const char *row, int len)
{
    int put;
    while ((put = PQputCopyData(self->session.conn, row, len)) == 0)
        if (!s_flush(self))
            return false;
    self->unsent += (size_t)len;
    return put == 1 && (self->unsent < UNSENT || s_flush(self));
}

bool bulk_end(bulk_t *self, const char *why)
{
    int put;
    while ((put = PQputCopyEnd(self->session.conn, why)) == 0)
        if (!s_flush(self))
            return false;
    return put == 1;
}
