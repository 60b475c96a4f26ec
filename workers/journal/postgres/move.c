#include "workers/journal/postgres/move.h"

#include "common/base/clock.h"
#include "workers/journal/postgres/move_check.h"
#include "workers/journal/postgres/move_copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NOBODY = -1, TRIES = 20, TRY_MS = 250, END_MS = 50, ROUNDS = 3, TAKEN_MS = 10000 };

typedef struct {
    const move_options_t *options;
    session_t sessions[CLUSTERS];
    place_t places[CLUSTERS];
    place_t began[CLUSTERS]; /* what these were when this mover began */
    int from, to;
    uuid_t7 me;
    char me_text[UUID_TEXT], lease[32], holder[SESSION_NAME];
    uint64_t epoch;      /* the last one here */
    int64_t closed_ms;   /* when it was closed; 0: before this process */
    uint64_t running_ms; /* the shard's clock, as its lease here has it */
    int over;            /* where the row is that is made over */
    char *err;
    size_t err_size;
} move_t;

static int s_refuse(move_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int s_refuse(move_t *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->err, self->err_size, format, args);
    va_end(args);
    return -1;
}

static void s_say(move_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void s_say(move_t *self, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    self->options->said(line);
}

static const char *s_name(const move_t *self, int at)
{
    return self->options->clusters[at].name;
}

static int s_refuse_session(move_t *self, int at)
{
    return s_refuse(self, "cluster %s: %s", s_name(self, at), self->sessions[at].text);
}

static void s_wait(unsigned ms)
{
    const struct timespec pause = {.tv_nsec = ms * 1000000L};
    nanosleep(&pause, NULL);
}

/* What may be tried again is: a worker's transaction, or a mover's that has died, has the row. */
static int s_exchange(move_t *self, int at, statement_t *make(move_t *self, unsigned *count),
                      statement_t **made)
{
    session_outcome_t went = SESSION_AGAIN;
    for (unsigned i = 0; i < TRIES && went == SESSION_AGAIN; i++) {
        unsigned count;
        *made = make(self, &count);
        went = session_exchange(&self->sessions[at], *made, count, SESSION_DEADLINE_MS);
        if (went == SESSION_AGAIN)
            s_wait(TRY_MS);
    }
    return went == SESSION_OK ? 0 : s_refuse_session(self, at);
}

static void s_row_add(statement_t *to, const move_t *self)
{
    statement_int2(to, (uint16_t)self->options->kind);
    statement_int8(to, self->options->shard);
}

static int s_open(move_t *self)
{
    for (unsigned i = 0; i < self->options->clusters_len; i++) {
        session_t *session = &self->sessions[i];
        session_outcome_t went = session_open(session, self->options->clusters[i].connection);
        if (went == SESSION_OK)
            went = cluster_check(session, s_name(self, (int)i));
        if (went == SESSION_OK)
            went = place_read(session, self->options->kind, self->options->shard, &self->places[i]);
        if (went != SESSION_OK)
            return s_refuse_session(self, (int)i);
    }
    return 0;
}

static bool s_is_in_two(const move_t *self)
{
    unsigned here = 0;
    for (unsigned i = 0; i < self->options->clusters_len; i++)
        here += self->places[i].here;
    return here > 1;
}

/* Where the shard lives; or, where it is between two, where it was last. */
static int s_find_from(const move_t *self)
{
    int at = NOBODY;
    for (unsigned i = 0; i < self->options->clusters_len; i++) {
        const place_t *place = &self->places[i];
        if (place->here)
            return (int)i;
        if (place->there && !place->comes && (at < 0 || place->epoch > self->places[at].epoch))
            at = (int)i;
    }
    return at;
}

static int s_find(move_t *self)
{
    const move_options_t *options = self->options;
    self->to = NOBODY;
    for (unsigned i = 0; i < options->clusters_len; i++)
        if (strcmp(s_name(self, (int)i), options->to) == 0)
            self->to = (int)i;
    if (self->to < 0)
        return s_refuse(self,
                        "no cluster is called %s: postgres.clusters names them, and main is "
                        "that of postgres.connection",
                        options->to);
    if (s_open(self) != 0)
        return -1;
    if (s_is_in_two(self))
        return s_refuse(self,
                        "%s/%u is in two clusters: one of them was put back to an earlier time. "
                        "See CLUSTER.md, \"Several clusters\"",
                        op_owner_name(options->kind), options->shard);
    memcpy(self->began, self->places, sizeof self->began);
    self->from = s_find_from(self);
    if (self->from < 0)
        return s_refuse(self, "no cluster has a row of %s/%u: posternctl db init makes it",
                        op_owner_name(options->kind), options->shard);
    const place_t *from = &self->places[self->from];
    if (!from->here && strcmp(from->cluster, options->to) != 0)
        return s_refuse(self,
                        "a move to cluster %s is under way: run posternctl shard move %s/%u "
                        "%s first",
                        from->cluster, op_owner_name(options->kind), options->shard, from->cluster);
    if (from->dropped)
        return s_refuse(
            self,
            "what cluster %s had of %s/%u is dropped: it lived in cluster %s, which was "
            "put back to an earlier time or made anew. Nothing was changed. See "
            "CLUSTER.md, \"Several clusters\"",
            s_name(self, self->from), op_owner_name(options->kind), options->shard, from->cluster);
    return 0;
}

static int s_check(move_t *self)
{
    const int at[] = {self->from, self->to};
    move_end_t ends[2];
    for (unsigned i = 0; i < 2; i++)
        ends[i] = (move_end_t){&self->sessions[at[i]], s_name(self, at[i])};
    return move_check(&ends[0], &ends[1], self->options->copies, self->err, self->err_size);
}

static statement_t s_made[3]; /* one mover a process */

static statement_t *s_make_claim(move_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "INSERT INTO postern.shard AS s (kind, shard, journal, epoch, holder, cluster) "
                    "VALUES ($1, $2, $3, " CLUSTER_CLOSED_SQL ", $4, $5) ON CONFLICT (kind, shard) "
                    "DO UPDATE SET journal = $3, holder = $4, cluster = $5, left_epoch = NULL "
                    "WHERE s.epoch = " CLUSTER_CLOSED_SQL);
    s_row_add(&s_made[0], self);
    statement_uuid(&s_made[0], &self->places[self->from].journal);
    statement_uuid(&s_made[0], &self->me);
    statement_text(&s_made[0], s_name(self, self->from));
    statement_begin(&s_made[1], "",
                    "INSERT INTO postern.lease (what, beat, running_ms) VALUES ($1, 0, 0) ON "
                    "CONFLICT DO NOTHING");
    statement_text(&s_made[1], self->lease);
    *count = 2;
    return s_made;
}

/* What the places are now. */
static int s_look(move_t *self)
{
    for (unsigned i = 0; i < self->options->clusters_len; i++)
        if (place_read(&self->sessions[i], self->options->kind, self->options->shard,
                       &self->places[i]) != SESSION_OK)
            return s_refuse_session(self, (int)i);
    return 0;
}

/* From the claim on nobody else moves the shard there, or through there to a third cluster: where
 * it lives then is where it is to be closed. */
static int s_claim(move_t *self)
{
    statement_t *made;
    if (s_exchange(self, self->to, s_make_claim, &made) != 0)
        return -1;
    bool ours = statement_rows(&made[0]) == 1;
    statement_end_all(made, 2);
    if (!ours)
        return s_refuse(self, "another posternctl has moved the shard to cluster %s just now",
                        s_name(self, self->to));
    if (s_look(self) != 0)
        return -1;
    return s_find_from(self) == self->from
               ? 0
               : s_refuse(self, "another posternctl has moved the shard just now");
}

/* Also of a row that is closed already: the commit of that need not have had its copy. */
static statement_t *s_make_close(move_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "UPDATE postern.shard SET left_epoch = CASE WHEN epoch < " CLUSTER_CLOSED_SQL
                    " THEN epoch ELSE left_epoch END, epoch = " CLUSTER_CLOSED_SQL
                    ", cluster = $3, holder = NULL WHERE kind = $1 AND shard = $2 AND (epoch "
                    "< " CLUSTER_CLOSED_SQL
                    " OR (cluster = $3 AND left_epoch IS NOT NULL)) RETURNING left_epoch");
    s_row_add(&s_made[0], self);
    statement_text(&s_made[0], s_name(self, self->to));
    statement_begin(&s_made[1], "",
                    "WITH was AS (SELECT holder FROM postern.lease WHERE what = $1) UPDATE "
                    "postern.lease SET holder = 'cluster ' || $2, beat = beat + 1 WHERE what = $1 "
                    "RETURNING (SELECT holder FROM was), running_ms");
    statement_text(&s_made[1], self->lease);
    statement_text(&s_made[1], s_name(self, self->to));
    *count = 2;
    return s_made;
}

/* Sessions of the former holder: what they have counted is told when they have ended. One that ends
 * by itself at that moment is a warning of the server, after which the session is not used. */
static int s_end_holder(move_t *self, const char *holder)
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
            return s_refuse_session(self, self->from);
        s_wait(END_MS);
    }
    return s_refuse(self, "the sessions of the worker that had the shard do not end");
}

static int s_close(move_t *self)
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
        snprintf(holder, sizeof holder, "%.*s", SLICE_ARG(statement_bytes(&made[1], 0, 0)));
    }
    statement_end_all(made, 2);
    if (!closed)
        return s_refuse(self, "another posternctl has moved the shard just now");
    self->closed_ms = was_here ? now_ms : 0;
    s_say(self, "closed %s in cluster %s, at epoch %llu", self->lease, s_name(self, self->from),
          (unsigned long long)self->epoch);
    return *holder ? s_end_holder(self, holder) : 0;
}

static statement_t *s_make_open(move_t *self, unsigned *count)
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

static int s_open_there(move_t *self)
{
    statement_t *made;
    if (s_exchange(self, self->to, s_make_open, &made) != 0) {
        strncat(self->err, ": run the move again", self->err_size - strlen(self->err) - 1);
        return -1;
    }
    statement_end_all(made, 3);
    if (self->closed_ms)
        s_say(self, "opened %s in cluster %s: it lived nowhere for %.3f s", self->lease,
              s_name(self, self->to), (double)(clock_ms() - self->closed_ms) / 1000);
    else
        s_say(self, "opened %s in cluster %s", self->lease, s_name(self, self->to));
    return 0;
}

/* Waits a little for the worker that takes it, to tell how long nobody had the shard. */
static void s_await(move_t *self)
{
    place_t place = {.epoch = 0};
    int64_t until_ms = clock_ms() + TAKEN_MS;
    while (self->closed_ms && clock_ms() < until_ms) {
        if (place_read(&self->sessions[self->to], self->options->kind, self->options->shard,
                       &place) != SESSION_OK)
            return;
        if (!place.here || place.epoch > self->epoch + 1) {
            s_say(self, "a worker has it again, %.3f s after it was closed",
                  (double)(clock_ms() - self->closed_ms) / 1000);
            return;
        }
        s_wait(END_MS);
    }
    if (self->closed_ms)
        s_say(self, "no worker has taken it yet");
}

/* A connection for COPY. One that stands still in a transaction there is ended by the server after
 * some seconds, and keeps no other mover. */
static PGconn *s_bulk(move_t *self, session_t *session, int at)
{
    if (session_open(session, self->options->clusters[at].connection) != SESSION_OK) {
        s_refuse(self, "cluster %s: %s", s_name(self, at), session->text);
        return NULL;
    }
    PQexitPipelineMode(session->conn);
    PQsetnonblocking(session->conn, 0);
    return session->conn;
}

static void s_copying(move_t *self, copying_t *copying)
{
    const move_options_t *options = self->options;
    *copying = (copying_t){.from_name = s_name(self, self->from),
                           .to_name = s_name(self, self->to),
                           .kind = options->kind,
                           .shard = options->shard,
                           .said = options->said,
                           .err = self->err,
                           .err_size = self->err_size};
    snprintf(copying->own, sizeof copying->own, "^[a-z]+_%c%u_[0-9]+$",
             op_owner_name(options->kind)[0], options->shard);
    snprintf(copying->fence, sizeof copying->fence,
             "SELECT 1 / count(*) FROM (SELECT 1 FROM postern.shard WHERE kind = %u AND shard = %u "
             "AND epoch = " CLUSTER_CLOSED_SQL " AND holder = '%s' AND left_epoch IS NULL FOR "
             "SHARE) f",
             (unsigned)options->kind, options->shard, self->me_text);
}

/* Steps 2 to 5. */
static int s_carry(move_t *self, copying_t *copying)
{
    int rc = 0;
    uint64_t before = 1;
    if (self->places[self->from].here)
        for (unsigned i = 0; i < ROUNDS && rc == 0 && copying->rows != before; i++) {
            before = copying->rows;
            rc = copy_all(copying, false);
        }
    if (rc == 0)
        s_say(self, "%llu rows are copied before cluster %s is closed",
              (unsigned long long)copying->rows, s_name(self, self->from));
    if (rc == 0)
        rc = copy_check(copying);
    if (rc == 0)
        rc = s_close(self);
    if (rc == 0)
        rc = copy_all(copying, true);
    if (rc == 0)
        s_say(self, "all tables are the same in both clusters");
    return rc == 0 ? s_open_there(self) : rc;
}

static int s_carry_over(move_t *self)
{
    session_t from = {0}, to = {0};
    copying_t copying;
    s_copying(self, &copying);
    copying.from = s_bulk(self, &from, self->from);
    copying.to = copying.from ? s_bulk(self, &to, self->to) : NULL;
    int rc = copying.to ? s_carry(self, &copying) : -1;
    copy_end(&copying);
    session_close(&from);
    session_close(&to);
    return rc;
}

static statement_t *s_make_over(move_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "UPDATE postern.shard SET holder = $3 WHERE kind = $1 AND shard = $2 AND epoch "
                    "= " CLUSTER_CLOSED_SQL " AND left_epoch IS NULL AND holder = $4");
    s_row_add(&s_made[0], self);
    statement_uuid(&s_made[0], &self->me);
    statement_uuid(&s_made[0], &self->began[self->over].holder);
    *count = 1;
    return s_made;
}

/* A row that comes is another mover's, which has died or is given up: from now on that one writes
 * nothing there. One that began after this one goes on: false. */
static bool s_take_over(move_t *self, int at, int *rc)
{
    statement_t *made;
    self->over = at;
    if (!self->places[at].comes)
        return true;
    if ((*rc = s_exchange(self, at, s_make_over, &made)) != 0)
        return false;
    bool ours = statement_rows(&made[0]) == 1;
    statement_end_all(made, 1);
    return ours;
}

static statement_t *s_make_dropped(move_t *self, unsigned *count)
{
    statement_begin(&s_made[0], "",
                    "UPDATE postern.shard SET holder = $3 WHERE kind = $1 AND shard = $2 AND epoch "
                    "= " CLUSTER_CLOSED_SQL " AND left_epoch IS NOT NULL");
    s_row_add(&s_made[0], self);
    statement_uuid(&s_made[0], &self->me);
    *count = 1;
    return s_made;
}

/* Before anything is dropped where the shard was: no later call takes what is left for all of it.
 */
static int s_mark_dropped(move_t *self, int at)
{
    statement_t *made;
    if (self->places[at].comes)
        return 0;
    if (s_exchange(self, at, s_make_dropped, &made) != 0)
        return -1;
    statement_end_all(made, 1);
    return 0;
}

/* What a cluster has of the shard that does not live there. */
static int s_clean(move_t *self, int at)
{
    session_t session = {0};
    copying_t copying;
    int rc = 0;
    if (!s_take_over(self, at, &rc))
        return rc;
    if (s_mark_dropped(self, at) != 0)
        return -1;
    s_copying(self, &copying);
    copying.from_name = copying.to_name = s_name(self, at);
    if (!self->places[at].comes)
        snprintf(copying.fence, sizeof copying.fence,
                 "SELECT 1 / count(*) FROM (SELECT 1 FROM postern.shard WHERE kind = %u AND shard "
                 "= %u AND epoch = " CLUSTER_CLOSED_SQL " AND left_epoch IS NOT NULL FOR SHARE) f",
                 copying.kind, copying.shard);
    copying.from = s_bulk(self, &session, at);
    rc = copying.from ? copy_drop(&copying, copying.from, copying.fence) : -1;
    session_close(&session);
    if (rc == 0)
        s_say(self, "dropped what cluster %s had of %s", s_name(self, at), self->lease);
    return rc;
}

static int s_clean_all(move_t *self)
{
    int rc = 0;
    for (unsigned i = 0; i < self->options->clusters_len && rc == 0; i++)
        if ((int)i != self->to && self->places[i].there)
            rc = s_clean(self, (int)i);
    return rc;
}

static int s_look_again(move_t *self)
{
    if (s_look(self) != 0)
        return -1;
    return self->places[self->to].here ? 0 : s_refuse(self, "the shard has moved on meanwhile");
}

static int s_move(move_t *self)
{
    if (s_find(self) != 0 || s_check(self) != 0)
        return -1;
    int rc = 0;
    if (self->from == self->to) {
        s_say(self, "%s lives in cluster %s", self->lease, s_name(self, self->to));
    } else {
        s_say(self, "moving %s from cluster %s to cluster %s", self->lease,
              s_name(self, self->from), s_name(self, self->to));
        rc = s_claim(self);
        if (rc == 0)
            rc = s_carry_over(self);
        if (rc == 0)
            s_await(self);
    }
    if (rc == 0)
        rc = s_look_again(self);
    return rc == 0 ? s_clean_all(self) : rc;
}

int move_run(const move_options_t *options, char *err, size_t err_size)
{
    move_t self = {.options = options, .err = err, .err_size = err_size};
    err[0] = '\0';
    uuid_new(&self.me);
    uuid_text(&self.me, self.me_text);
    snprintf(self.lease, sizeof self.lease, "%s/%u", op_owner_name(options->kind), options->shard);
    int rc = s_move(&self);
    for (unsigned i = 0; i < options->clusters_len; i++)
        session_close(&self.sessions[i]);
    return rc;
}
