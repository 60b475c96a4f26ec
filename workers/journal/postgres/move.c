#include "workers/journal/postgres/move.h"

#include "common/base/clock.h"
#include "workers/journal/postgres/move_check.h"
#include "workers/journal/postgres/move_copy.h"
#include "workers/journal/postgres/mover.h"

#include <stdio.h>
#include <string.h>

enum { NOBODY = -1, PAUSE_MS = 50, ROUNDS = 3, TAKEN_MS = 10000, LOST_MS = 6000 };

/* One that refuses this mover may serve others. */
static int s_check_lost(mover_t *self, unsigned at)
{
    return session_is_answered(self->options->clusters[at].connection)
               ? mover_refuse(self, "cluster %s answers, and is not lost: leave --lost out",
                              self->options->lost)
               : 0;
}

static int s_open_one(mover_t *self, unsigned at)
{
    session_t *session = &self->sessions[at];
    if (mover_is_lost(self, at))
        return s_check_lost(self, at);
    session_outcome_t went = session_open(session, self->options->clusters[at].connection);
    if (went == SESSION_OK)
        went = cluster_check(session, mover_name(self, (int)at));
    if (went == SESSION_OK)
        went = place_read(session, self->options->kind, self->options->shard, &self->places[at]);
    return went == SESSION_OK ? 0 : mover_refuse_session(self, (int)at);
}

static int s_open(mover_t *self)
{
    int rc = 0;
    for (unsigned i = 0; i < self->options->clusters_len && rc == 0; i++)
        rc = s_open_one(self, i);
    return rc;
}

static bool s_is_in_two(const mover_t *self)
{
    unsigned here = 0;
    for (unsigned i = 0; i < self->options->clusters_len; i++)
        here += self->places[i].here;
    return here > 1;
}

/* Where the shard lives; or, where it is between two, where it was last. */
static int s_find_from(const mover_t *self)
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

static int s_find_cluster(const mover_t *self, const char *name)
{
    for (unsigned i = 0; i < self->options->clusters_len; i++)
        if (strcmp(mover_name(self, (int)i), name) == 0)
            return (int)i;
    return NOBODY;
}

/* Between two clusters: on to the one to which it went, or back to where it was. */
static int s_check_way(mover_t *self)
{
    const place_t *from = &self->places[self->from];
    const char *lost = self->options->lost;
    self->back = !from->here && self->from == self->to;
    if (lost && !(self->back && strcmp(from->cluster, lost) == 0))
        return mover_refuse(self,
                            "%s does not lie between cluster %s and cluster %s: --lost is to take "
                            "it back from there",
                            self->lease, self->options->to, lost);
    if (self->back && !lost && s_find_cluster(self, from->cluster) == NOBODY)
        return mover_refuse(self,
                            "%s went to cluster %s, which postgres.clusters does not name: name it "
                            "there, or, where that is lost for good, --lost %s",
                            self->lease, from->cluster, from->cluster);
    if (!from->here && !self->back && strcmp(from->cluster, self->options->to) != 0)
        return mover_refuse(self,
                            "a move to cluster %s is under way: run posternctl shard move %s %s "
                            "first, or %s to take it back",
                            from->cluster, self->lease, from->cluster,
                            mover_name(self, self->from));
    return 0;
}

static int s_find(mover_t *self)
{
    const move_options_t *options = self->options;
    self->to = s_find_cluster(self, options->to);
    if (self->to < 0)
        return mover_refuse(self,
                            "no cluster is called %s: postgres.clusters names them, and main is "
                            "that of postgres.connection",
                            options->to);
    if (s_open(self) != 0)
        return -1;
    if (s_is_in_two(self))
        return mover_refuse(self,
                            "%s is in two clusters: one of them was put back to an earlier time. "
                            "See CLUSTER.md, \"Several clusters\"",
                            self->lease);
    memcpy(self->began, self->places, sizeof self->began);
    self->from = s_find_from(self);
    if (self->from < 0)
        return mover_refuse(self, "no cluster has a row of %s: posternctl db init makes it",
                            self->lease);
    const place_t *from = &self->places[self->from];
    if (s_check_way(self) != 0)
        return -1;
    if (from->dropped)
        return mover_refuse(
            self,
            "what cluster %s had of %s is dropped: it lived in cluster %s, which was "
            "put back to an earlier time or made anew. Nothing was changed. See "
            "CLUSTER.md, \"Several clusters\"",
            mover_name(self, self->from), self->lease, from->cluster);
    return 0;
}

static int s_check(mover_t *self)
{
    const int at[] = {self->from, self->to};
    move_end_t ends[2];
    for (unsigned i = 0; i < 2; i++)
        ends[i] = (move_end_t){&self->sessions[at[i]], mover_name(self, at[i])};
    return move_check(&ends[0], &ends[1], self->options->copies, self->err, self->err_size);
}

/* What the places are now. */
static int s_look(mover_t *self)
{
    for (unsigned i = 0; i < self->options->clusters_len; i++)
        if (!mover_is_lost(self, i) &&
            place_read(&self->sessions[i], self->options->kind, self->options->shard,
                       &self->places[i]) != SESSION_OK)
            return mover_refuse_session(self, (int)i);
    return 0;
}

/* From the claim on nobody else moves the shard there, or through there to a third cluster: where
 * it lives then is where it is to be closed. */
static int s_claim(mover_t *self)
{
    if (row_claim(self, self->to) != 0 || s_look(self) != 0)
        return -1;
    return s_find_from(self) == self->from
               ? 0
               : mover_refuse(self, "another posternctl has moved the shard just now");
}

/* Waits a little for the worker that takes it, to tell how long nobody had the shard. */
static void s_await(mover_t *self)
{
    place_t place = {.epoch = 0};
    int64_t until_ms = clock_ms() + TAKEN_MS;
    while (self->closed_ms && clock_ms() < until_ms) {
        if (place_read(&self->sessions[self->to], self->options->kind, self->options->shard,
                       &place) != SESSION_OK)
            return;
        if (!place.here || place.epoch > self->epoch + 1) {
            mover_say(self, "a worker has it again, %.3f s after it was closed",
                      (double)(clock_ms() - self->closed_ms) / 1000);
            return;
        }
        mover_wait(PAUSE_MS);
    }
    if (self->closed_ms)
        mover_say(self,
                  "no worker has taken it yet: see that postgres.clusters names cluster %s on all "
                  "hosts, and by posternctl health that its worker runs",
                  mover_name(self, self->to));
}

/* A connection for COPY. One that stands still in a transaction there is ended by the server after
 * some seconds, and keeps no other mover. */
static int s_bulk(mover_t *self, bulk_t *bulk, int at, bool writes)
{
    *bulk = (bulk_t){.name = mover_name(self, at),
                     .connection = self->options->clusters[at].connection,
                     .other = &self->sessions[at],
                     .what = self->lease,
                     .writes = writes};
    if (bulk_open(bulk) == SESSION_OK)
        return 0;
    return mover_refuse(self, "cluster %s: %s", bulk->name, bulk->session.text);
}

static void s_copying(mover_t *self, copying_t *copying)
{
    const move_options_t *options = self->options;
    *copying = (copying_t){.kind = options->kind,
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
static int s_carry(mover_t *self, copying_t *copying)
{
    int rc = 0;
    uint64_t before = 1;
    if (self->places[self->from].here)
        for (unsigned i = 0; i < ROUNDS && rc == 0 && copying->rows != before; i++) {
            before = copying->rows;
            rc = copy_all(copying, false);
        }
    if (rc == 0)
        mover_say(self, "%llu rows are copied before cluster %s is closed",
                  (unsigned long long)copying->rows, mover_name(self, self->from));
    if (rc == 0)
        rc = copy_check(copying);
    if (rc == 0)
        rc = row_close(self);
    if (rc == 0)
        rc = copy_all(copying, true);
    if (rc == 0)
        mover_say(self, "all tables are the same in both clusters");
    if (rc == 0)
        rc = row_mark_open(self);
    return rc == 0 ? row_open_there(self) : rc;
}

/* What to do about it, unless it has been taken back. */
static int s_say_way(mover_t *self)
{
    size_t len = strlen(self->err);
    place_t now;
    if (place_read(&self->sessions[self->from], self->options->kind, self->options->shard, &now) ==
            SESSION_OK &&
        now.here)
        return -1;
    snprintf(self->err + len, self->err_size - len,
             ". %s lives nowhere until the move is run again, or taken back by posternctl shard "
             "move %s %s",
             self->lease, self->lease, mover_name(self, self->from));
    return -1;
}

static int s_carry_over(mover_t *self)
{
    copying_t copying;
    s_copying(self, &copying);
    self->closed = !self->places[self->from].here;
    int rc = s_bulk(self, &copying.from, self->from, false);
    if (rc == 0)
        rc = s_bulk(self, &copying.to, self->to, true);
    if (rc == 0)
        rc = s_carry(self, &copying);
    copy_end(&copying);
    bulk_close(&copying.from);
    bulk_close(&copying.to);
    return rc != 0 && self->closed ? s_say_way(self) : rc;
}

/* One that starts again is back soon; and what it may have acknowledged is not given up unsaid. */
static int s_give_up(mover_t *self, int at)
{
    if (self->may_be_open && !self->options->loses)
        return mover_refuse(self,
                            "cluster %s may have opened %s, and have acknowledged messages since, "
                            "which no other cluster has: bring it back, or, where these are to be "
                            "lost, --lose-messages beside --lost. Nothing was changed",
                            self->options->lost, self->lease);
    int64_t until_ms = clock_ms() + LOST_MS;
    while (at >= 0 && clock_ms() < until_ms) {
        if (s_check_lost(self, (unsigned)at) != 0)
            return -1;
        mover_wait(10 * PAUSE_MS);
    }
    return 0;
}

/* No other mover opens it where it went, and none has closed it meanwhile. */
static int s_take_back(mover_t *self)
{
    int away = s_find_cluster(self, self->places[self->from].cluster);
    int rc = row_watch(self);
    if (rc == 0 && self->options->lost)
        rc = s_give_up(self, away);
    for (unsigned i = 0; i < self->options->clusters_len && rc == 0; i++)
        if (!mover_is_lost(self, i) && ((int)i == away || self->places[i].comes))
            rc = row_claim(self, (int)i);
    if (rc == 0 && self->options->lost)
        mover_say(self, "cluster %s is given up, with what it alone has of %s", self->options->lost,
                  self->lease);
    return rc == 0 ? row_reopen(self) : rc;
}

/* What a cluster has of the shard that does not live there. */
static int s_clean(mover_t *self, int at)
{
    copying_t copying;
    int rc = 0;
    if (!row_take_over(self, at, &rc))
        return rc;
    if (row_mark_dropped(self, at) != 0)
        return -1;
    s_copying(self, &copying);
    if (!self->places[at].comes)
        snprintf(copying.fence, sizeof copying.fence,
                 "SELECT 1 / count(*) FROM (SELECT 1 FROM postern.shard WHERE kind = %u AND shard "
                 "= %u AND epoch = " CLUSTER_CLOSED_SQL " AND left_epoch IS NOT NULL FOR SHARE) f",
                 copying.kind, copying.shard);
    rc = s_bulk(self, &copying.from, at, true);
    if (rc == 0)
        rc = copy_drop(&copying, &copying.from);
    bulk_close(&copying.from);
    if (rc == 0)
        mover_say(self, "dropped what cluster %s had of %s", mover_name(self, at), self->lease);
    return rc;
}

static int s_clean_all(mover_t *self)
{
    int rc = 0;
    for (unsigned i = 0; i < self->options->clusters_len && rc == 0; i++)
        if ((int)i != self->to && self->places[i].there)
            rc = s_clean(self, (int)i);
    return rc;
}

static int s_look_again(mover_t *self)
{
    if (s_look(self) != 0)
        return -1;
    return self->places[self->to].here ? 0 : mover_refuse(self, "the shard has moved on meanwhile");
}

static int s_move(mover_t *self)
{
    if (s_find(self) != 0 || s_check(self) != 0)
        return -1;
    int rc = 0;
    if (self->back) {
        rc = s_take_back(self);
    } else if (self->from == self->to) {
        mover_say(self, "%s lives in cluster %s", self->lease, mover_name(self, self->to));
    } else {
        mover_say(self, "moving %s from cluster %s to cluster %s", self->lease,
                  mover_name(self, self->from), mover_name(self, self->to));
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
    mover_t self = {.options = options, .err = err, .err_size = err_size};
    err[0] = '\0';
    uuid_new(&self.me);
    uuid_text(&self.me, self.me_text);
    snprintf(self.lease, sizeof self.lease, "%s/%u", op_owner_name(options->kind), options->shard);
    int rc = s_move(&self);
    for (unsigned i = 0; i < options->clusters_len; i++)
        session_close(&self.sessions[i]);
    return rc;
}
