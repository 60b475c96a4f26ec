#include "workers/journal/postgres/mover.h"

#include "common/base/clock.h"
#include "common/postgres/lease.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TRIES = 20, TRY_MS = 250, END_MS = 50 };

/* Behind the cluster's name, in a closed lease. */
#define MAY_BE_OPEN ", which may have opened it"

int mover_refuse(mover_t *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->err, self->err_size, format, args);
    va_end(args);
    return -1;
}

void mover_say(mover_t *self, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    self->options->said(line);
}

const char *mover_name(const mover_t *self, int at)
{
    return self->options->clusters[at].name;
}

bool mover_is_lost(const mover_t *self, unsigned at)
{
    return self->options->lost && strcmp(self->options->lost, mover_name(self, (int)at)) == 0;
}

int mover_refuse_session(mover_t *self, int at)
{
    return mover_refuse(self, "cluster %s: %s", mover_name(self, at), self->sessions[at].text);
}

void mover_wait(unsigned ms)
{
    const struct timespec pause = {.tv_nsec = ms * 1000000L};
    nanosleep(&pause, NULL);
}

/* What may be tried again is: a worker's transaction, or a mover's that has died, has the row. */
static int s_exchange(mover_t *self, int at, statement_t *make(mover_t *self, unsigned *count),
                      statement_t **made)
{
    session_outcome_t went = SESSION_AGAIN;
    for (unsigned i = 0; i < TRIES && went == SESSION_AGAIN; i++) {
        unsigned count;
        *made = make(self, &count);
        went = session_exchange(&self->sessions[at], *made, count, SESSION_DEADLINE_MS);
        if (went == SESSION_AGAIN)
            mover_wait(TRY_MS);
    }
    if (went == SESSION_FENCED)
        return mover_refuse(self, "cluster %s: another posternctl moves the shard, or has moved it",
                            mover_name(self, at));
    return went == SESSION_OK ? 0 : mover_refuse_session(self, at);
}

static void s_row_add(statement_t *to, const mover_t *self)
{
    statement_int2(to, (uint16_t)self->options->kind);
    statement_int8(to, self->options->shard);
}

static statement_t s_made[3]; /* one mover a process */

static statement_t *s_make_claim(mover_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "INSERT INTO postern.shard AS s (kind, shard, journal, epoch, holder, cluster) "
                    "VALUES ($1, $2, $3, " CLUSTER_CLOSED_SQL ", $4, $5) ON CONFLICT (kind, shard) "
                    "DO UPDATE SET journal = $3, holder = $4, cluster = $5, left_epoch = NULL "
                    "WHERE s.epoch = " CLUSTER_CLOSED_SQL);
    s_row_add(&s_made[0], self);
    statement_uuid(&s_made[0], &self->places[self->from].journal);
    statement_uuid(&s_made[0], &self->me);
    statement_text(&s_made[0], mover_name(self, self->from));
    statement_begin(&s_made[1], "",
                    "INSERT INTO postern.lease (what, beat, running_ms) VALUES ($1, 0, 0) ON "
                    "CONFLICT DO NOTHING");
    statement_text(&s_made[1], self->lease);
    *count = 2;
    return s_made;
}

int row_claim(mover_t *self, int at)
{
    statement_t *made;
    if (s_exchange(self, at, s_make_claim, &made) != 0)
        return -1;
    bool ours = statement_rows(&made[0]) == 1;
    statement_end_all(made, 2);
    self->began[at].holder = self->me;
    return ours
               ? 0
               : mover_refuse(self, "another posternctl has moved the shard to cluster %s just now",
                              mover_name(self, at));
}

/* Also of a row that is closed already: the commit of that need not have had its copy. */
static statement_t *s_make_close(mover_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "UPDATE postern.shard SET left_epoch = CASE WHEN epoch < " CLUSTER_CLOSED_SQL
                    " THEN epoch ELSE left_epoch END, epoch = " CLUSTER_CLOSED_SQL
                    ", cluster = $3, holder = NULL WHERE kind = $1 AND shard = $2 AND (epoch "
                    "< " CLUSTER_CLOSED_SQL
                    " OR (cluster = $3 AND left_epoch IS NOT NULL)) RETURNING left_epoch");
    s_row_add(&s_made[0], self);
    statement_text(&s_made[0], mover_name(self, self->to));
    statement_begin(&s_made[1], "",
                    "WITH was AS (SELECT holder FROM postern.lease WHERE what = $1) UPDATE "
                    "postern.lease SET holder = 'cluster ' || $2, beat = beat + 1 WHERE what = $1 "
                    "RETURNING (SELECT holder FROM was), running_ms, beat");
    statement_text(&s_made[1], self->lease);
    statement_text(&s_made[1], mover_name(self, self->to));
    *count = 2;
    return s_made;
}

/* Sessions of the former holder: what they have counted is told when they have ended. One that ends
 * by itself at that moment is a warning of the server, after which the session is not used. */
static int s_end_holder(mover_t *self, const char *holder)
{
    statement_t end;
    char name[SESSION_NAME];
    session_t *session = &self->sessions[self->from];
    session_name(name, self->lease, holder);
    for (unsigned i = 0; i < TRIES; i++) {
        statement_begin(&end, "",
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                        "current_database() AND usename = current_user AND application_name = $1");
        statement_text(&end, name);
        session_outcome_t went = session_exchange(session, &end, 1, SESSION_DEADLINE_MS);
        bool none = went == SESSION_OK && statement_rows(&end) == 0;
        statement_end(&end);
        if (none)
            return 0;
        if (!session_is_open(session) &&
            session_open(session, self->options->clusters[self->from].connection) != SESSION_OK)
            return mover_refuse_session(self, self->from);
        mover_wait(END_MS);
    }
    return mover_refuse(self, "the sessions of the worker that had the shard do not end");
}

int row_close(mover_t *self)
{
    statement_t *made;
    char holder[LEASE_HOLDER] = "";
    int64_t now_ms = clock_ms();
    bool was_here = self->places[self->from].here;
    if (s_exchange(self, self->from, s_make_close, &made) != 0)
        return -1;
    bool closed = statement_rows(&made[0]) == 1 && statement_rows(&made[1]) == 1;
    if (closed) {
        self->epoch = statement_number(&made[0], 0, 0);
        self->running_ms = statement_number(&made[1], 0, 1);
        self->beat = statement_number(&made[1], 0, 2);
        snprintf(holder, sizeof holder, "%.*s", SLICE_ARG(statement_bytes(&made[1], 0, 0)));
    }
    statement_end_all(made, 2);
    if (!closed)
        return mover_refuse(self, "another posternctl has moved the shard just now");
    self->closed_ms = was_here ? now_ms : 0;
    self->closed = true;
    mover_say(self, "closed %s in cluster %s, at epoch %llu", self->lease,
              mover_name(self, self->from), (unsigned long long)self->epoch);
    return *holder ? s_end_holder(self, holder) : 0;
}

static statement_t *s_make_open(mover_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "SELECT 1 / count(*) FROM (SELECT 1 FROM postern.shard WHERE kind = $1 AND "
                    "shard = $2 AND epoch = " CLUSTER_CLOSED_SQL
                    " AND holder = $3 AND left_epoch IS NULL FOR UPDATE) f");
    s_row_add(&s_made[0], self);
    statement_uuid(&s_made[0], &self->me);
    statement_begin(&s_made[1], "",
                    "UPDATE postern.shard SET epoch = $3, holder = NULL, cluster = NULL WHERE kind "
                    "= $1 AND shard = $2");
    s_row_add(&s_made[1], self);
    statement_int8(&s_made[1], self->epoch + 1);
    statement_begin(&s_made[2], "",
                    "UPDATE postern.lease SET holder = NULL, beat = beat + 1, running_ms = $2 "
                    "WHERE what = $1");
    statement_text(&s_made[2], self->lease);
    statement_int8(&s_made[2], self->running_ms);
    *count = 3;
    return s_made;
}

static statement_t *s_make_mark(mover_t *self, unsigned *count)
{
    statement_begin(
        &s_made[0], "",
        "WITH it AS (UPDATE postern.lease SET holder = 'cluster ' || $2 || '" MAY_BE_OPEN
        "' WHERE what = $1 AND beat = $3 RETURNING 1) SELECT 1 / count(*) FROM it");
    statement_text(&s_made[0], self->lease);
    statement_text(&s_made[0], mover_name(self, self->to));
    statement_int8(&s_made[0], self->beat);
    *count = 1;
    return s_made;
}

/* Who has taken the shard back without the cluster there, as lost, could not make this mover's row
 * there void. */
int row_mark_open(mover_t *self)
{
    statement_t *made;
    if (s_exchange(self, self->from, s_make_mark, &made) != 0)
        return -1;
    statement_end_all(made, 1);
    return 0;
}

int row_open_there(mover_t *self)
{
    statement_t *made;
    if (s_exchange(self, self->to, s_make_open, &made) != 0)
        return -1;
    statement_end_all(made, 3);
    self->closed = false;
    if (self->closed_ms)
        mover_say(self, "opened %s in cluster %s: it lived nowhere for %.3f s", self->lease,
                  mover_name(self, self->to), (double)(clock_ms() - self->closed_ms) / 1000);
    else
        mover_say(self, "opened %s in cluster %s", self->lease, mover_name(self, self->to));
    return 0;
}

int row_watch(mover_t *self)
{
    statement_t ask;
    statement_begin(&ask, "",
                    "SELECT beat, (coalesce(holder, '') LIKE '%" MAY_BE_OPEN
                    "')::int::bigint FROM postern.lease WHERE what = $1");
    statement_text(&ask, self->lease);
    if (session_exchange(&self->sessions[self->from], &ask, 1, SESSION_DEADLINE_MS) != SESSION_OK)
        return mover_refuse_session(self, self->from);
    bool there = statement_rows(&ask) == 1;
    self->beat = there ? statement_number(&ask, 0, 0) : 0;
    self->may_be_open = there && statement_number(&ask, 0, 1);
    statement_end(&ask);
    return there ? 0
                 : mover_refuse(self, "cluster %s has no lease of the shard: posternctl db init",
                                mover_name(self, self->from));
}

/* What a lost cluster had of the shard may have been taken often. */
static uint64_t s_ahead(const mover_t *self)
{
    return self->options->lost ? UINT64_C(1) << 32 : 1;
}

static statement_t *s_make_again(mover_t *self, unsigned *count)
{
    const place_t *from = &self->places[self->from];
    statement_begin(
        &s_made[0], "",
        "UPDATE postern.shard SET epoch = $3, holder = NULL, cluster = NULL, left_epoch "
        "= NULL WHERE kind = $1 AND shard = $2 AND epoch = " CLUSTER_CLOSED_SQL
        " AND holder IS NULL AND cluster = $4 AND left_epoch = $5");
    s_row_add(&s_made[0], self);
    statement_int8(&s_made[0], from->epoch + s_ahead(self));
    statement_text(&s_made[0], from->cluster);
    statement_int8(&s_made[0], from->epoch);
    statement_begin(
        &s_made[1], "",
        "WITH it AS (UPDATE postern.lease SET holder = NULL, beat = beat + 1 WHERE what "
        "= $1 AND beat = $2 RETURNING 1) SELECT 1 / count(*) FROM it");
    statement_text(&s_made[1], self->lease);
    statement_int8(&s_made[1], self->beat);
    *count = 2;
    return s_made;
}

int row_reopen(mover_t *self)
{
    statement_t *made;
    if (s_exchange(self, self->from, s_make_again, &made) != 0)
        return -1;
    statement_end_all(made, 2);
    mover_say(self, "opened %s in cluster %s again", self->lease, mover_name(self, self->from));
    return 0;
}

static statement_t *s_make_over(mover_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "UPDATE postern.shard SET holder = $3 WHERE kind = $1 AND shard = $2 AND epoch "
                    "= " CLUSTER_CLOSED_SQL " AND left_epoch IS NULL AND holder = $4");
    s_row_add(&s_made[0], self);
    statement_uuid(&s_made[0], &self->me);
    statement_uuid(&s_made[0], &self->began[self->at].holder);
    *count = 1;
    return s_made;
}

bool row_take_over(mover_t *self, int at, int *rc)
{
    statement_t *made;
    self->at = at;
    if (!self->places[at].comes)
        return true;
    if ((*rc = s_exchange(self, at, s_make_over, &made)) != 0)
        return false;
    bool ours = statement_rows(&made[0]) == 1;
    statement_end_all(made, 1);
    return ours;
}

static statement_t *s_make_dropped(mover_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "UPDATE postern.shard SET holder = $3 WHERE kind = $1 AND shard = $2 AND epoch "
                    "= " CLUSTER_CLOSED_SQL " AND left_epoch IS NOT NULL");
    s_row_add(&s_made[0], self);
    statement_uuid(&s_made[0], &self->me);
    *count = 1;
    return s_made;
}

int row_mark_dropped(mover_t *self, int at)
{
    statement_t *made;
    if (self->places[at].comes)
        return 0;
    if (s_exchange(self, at, s_make_dropped, &made) != 0)
        return -1;
    statement_end_all(made, 1);
    return 0;
}
