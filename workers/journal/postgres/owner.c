/* Whose the shard is. */
#include "workers/journal/postgres/items.h"
#include "workers/journal/postgres/retained.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RETRY_MS = 250, SAY_MS = 10000 };

static session_outcome_t s_refuse(session_t *session, const char *text)
{
    snprintf(session->text, sizeof session->text, "%s", text);
    return SESSION_REFUSED;
}

session_outcome_t owner_check_kind(const journal_t *self, session_t *session, unsigned at)
{
    statement_t ask;
    const char *kind = self->options.kind;
    session_outcome_t is_it = cluster_check(session, self->clusters[at].name);
    if (is_it != SESSION_OK || self->ports)
        return is_it;
    /* One of a version that had channels alone has no column of another kind. */
    statement_begin(&ask, "",
                    "SELECT schema, (to_jsonb(i) ->> $1)::bigint FROM postern.installation i");
    statement_text(&ask, kind);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_GONE || (went == SESSION_OK && statement_rows(&ask) != 1)) {
        statement_end(&ask);
        return s_refuse(session, "the database has no installation of Postern: posternctl db init "
                                 "makes one");
    }
    if (went != SESSION_OK)
        return went;
    uint64_t schema = statement_number(&ask, 0, 0), shards = statement_number(&ask, 0, 1);
    statement_end(&ask);
    char text[SESSION_TEXT];
    if (schema != POSTGRES_SCHEMA)
        snprintf(text, sizeof text,
                 "the database has schema %llu and this version of Postern schema %u: %s",
                 (unsigned long long)schema, POSTGRES_SCHEMA,
                 schema > POSTGRES_SCHEMA ? "run the newer version" : "posternctl db init");
    else if (shards & PORT_INCOMING)
        snprintf(text, sizeof text,
                 "not all journals of %s are in the database yet: posternctl migrate %s postgres "
                 "goes on with that",
                 kind, kind);
    else if (shards & PORT_MOVED)
        snprintf(text, sizeof text,
                 "the journals of %s are with lmdb: set %s.engine = lmdb, or posternctl migrate %s "
                 "postgres",
                 kind, self->delivers ? "delivery" : "worker", kind);
    else if (shards == 0)
        snprintf(text, sizeof text,
                 "the database has no journals of %s shards: posternctl db init makes them", kind);
    else if (shards != self->options.shards)
        snprintf(text, sizeof text,
                 "the database has the journals of %llu %s shards, and this is %s shard %u of %u: "
                 "put shards.%s back",
                 (unsigned long long)shards, kind, kind, self->options.shard, self->options.shards,
                 kind);
    else
        return SESSION_OK;
    return s_refuse(session, text);
}

session_outcome_t owner_check(const journal_t *self, session_t *session, char lacks[SESSION_TEXT])
{
    statement_t ask;
    lacks[0] = '\0';
    statement_begin(
        &ask, "check",
        "SELECT current_setting('fsync') <> 'on', current_setting('full_page_writes') <> 'on', "
        "current_setting('synchronous_commit') NOT IN ('on', 'remote_apply'), "
        "current_setting('synchronous_standby_names') = ''");
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    static const char *const what[] = {"fsync is off", "full_page_writes is off",
                                       "synchronous_commit is less than on",
                                       "synchronous_standby_names is empty, and postgres.copies "
                                       "is 2: name a standby there (Patroni: synchronous_mode and "
                                       "synchronous_mode_strict), or set postgres.copies to 1"};
    unsigned count = self->options.copies > 1 ? 4 : 3;
    for (unsigned i = 0; i < count && !lacks[0]; i++)
        if (statement_number(&ask, 0, i))
            snprintf(lacks, SESSION_TEXT, "the server does not keep what it commits: %s", what[i]);
    statement_end(&ask);
    return SESSION_OK;
}

/* Carries out what raises the epoch, in a commit of its own, which is replicated like any other: so
 * is all that a look finds after it. */
static session_outcome_t s_raise(journal_t *self, session_t *session, statement_t *raise,
                                 bool *ours)
{
    session_outcome_t went = session_exchange(session, raise, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    *ours = statement_rows(raise) == 1;
    if (*ours) {
        self->epoch = statement_number(raise, 0, 0);
        self->uuid = statement_id(raise, 0, 1);
        metric_set(METRIC_journal_epoch, (int64_t)self->epoch);
    }
    statement_end(raise);
    return SESSION_OK;
}

static session_outcome_t s_raise_again(journal_t *self, session_t *session)
{
    statement_t raise;
    bool ours = false;
    statement_begin(&raise, "",
                    "UPDATE postern.shard SET epoch = epoch + 1 WHERE kind = $1 AND shard = $2 AND "
                    "holder = $3 RETURNING epoch, journal");
    shard_add(&raise, self);
    statement_uuid(&raise, &self->me);
    session_outcome_t went = s_raise(self, session, &raise, &ours);
    if (went == SESSION_OK && !ours)
        fence_lost(self);
    return went;
}

static session_outcome_t s_check_row(const journal_t *self, session_t *session)
{
    statement_t ask;
    statement_begin(&ask, "", "SELECT 1 FROM postern.shard WHERE kind = $1 AND shard = $2");
    shard_add(&ask, self);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    bool there = statement_rows(&ask) == 1;
    statement_end(&ask);
    return there ? SESSION_AGAIN : s_refuse(session, "the database has no row of this shard");
}

/* Who holds the lease raises the epoch; AGAIN where another took that meanwhile. */
static session_outcome_t s_raise_first(journal_t *self, session_t *session)
{
    statement_t raise;
    bool ours = false;
    statement_begin(&raise, "",
                    "UPDATE postern.shard SET epoch = epoch + 1, holder = $3 WHERE kind = $1 AND "
                    "shard = $2 AND epoch < " CLUSTER_CLOSED_SQL
                    " AND EXISTS (SELECT 1 FROM postern.lease WHERE what = $4 AND holder = $5) "
                    "RETURNING epoch, journal");
    shard_add(&raise, self);
    statement_uuid(&raise, &self->me);
    statement_text(&raise, self->lease);
    statement_text(&raise, lease_me(self->holding));
    session_outcome_t went = s_raise(self, session, &raise, &ours);
    return went != SESSION_OK || ours ? went : s_check_row(self, session);
}

/* What the former holder left under way keeps the shard's row for as long as its process stands
 * still; it is to be found out by that process, if it goes on. */
static session_outcome_t s_end_former(const journal_t *self, session_t *session)
{
    statement_t end;
    char name[SESSION_NAME];
    session_name(name, self->lease, lease_former(self->holding));
    statement_begin(&end, "",
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
                    "current_database() AND usename = current_user AND application_name = $1");
    statement_text(&end, name);
    session_outcome_t went = session_exchange(session, &end, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        statement_end(&end);
    return went;
}

static session_outcome_t s_read_clock(journal_t *self, session_t *session)
{
    statement_t ask;
    statement_begin(&ask, "", "SELECT running_ms FROM postern.lease WHERE what = $1");
    statement_text(&ask, self->lease);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    uint64_t running_ms = statement_rows(&ask) ? statement_number(&ask, 0, 0) : 0, noted_ms = 0;
    statement_end(&ask);
    if (self->delivers)
        went = noting_clock(self, session, &noted_ms);
    if (went != SESSION_OK)
        return went;
    running_ms = noted_ms > running_ms ? noted_ms : running_ms;
    const segment_t *open = tables_open_segment(&self->tables);
    self->base_ms = open && open->last_ms > running_ms ? open->last_ms : running_ms;
    atomic_store(&self->running_ms, self->base_ms);
    return SESSION_OK;
}

/* Of several, which one the text is about. */
static void s_name(const journal_t *self, session_t *session, unsigned at)
{
    char text[SESSION_TEXT];
    if (self->clusters_len == 1)
        return;
    snprintf(text, sizeof text, "cluster %s: %.400s", self->clusters[at].name, session->text);
    snprintf(session->text, sizeof session->text, "%s", text);
}

session_outcome_t owner_begin(const journal_t *self, session_t *session, unsigned at)
{
    char lacks[SESSION_TEXT];
    if (session_is_open(session))
        return SESSION_OK;
    session_outcome_t went = session_open(session, self->clusters[at].connection);
    if (went == SESSION_OK)
        went = owner_check_kind(self, session, at);
    if (went == SESSION_OK)
        went = owner_check(self, session, lacks);
    if (went == SESSION_OK && lacks[0])
        went = s_refuse(session, lacks);
    if (went != SESSION_OK) {
        s_name(self, session, at);
        session_close(session);
    }
    return went;
}

/* What was found of a shard in all clusters. */
typedef struct {
    int here, also; /* where it lives; -1: nowhere */
    bool there;     /* somewhere is a row of it */
    uuid_t7 journal;
    place_t moving; /* one of those that say where it went */
    session_outcome_t worst;
    char text[SESSION_TEXT]; /* of that */
} found_t;

static void s_look_in(const journal_t *self, session_t *session, unsigned at, found_t *found)
{
    place_t place;
    session_outcome_t went = owner_begin(self, session, at);
    if (went == SESSION_OK)
        went = place_read(session, self->number, self->options.shard, &place);
    if (went != SESSION_OK) {
        found->worst = found->worst == SESSION_REFUSED ? SESSION_REFUSED : went;
        snprintf(found->text, sizeof found->text, "%s", session->text);
        return;
    }
    if (place.there && found->there &&
        memcmp(&place.journal, &found->journal, sizeof place.journal) != 0) {
        found->worst = SESSION_REFUSED;
        snprintf(found->text, sizeof found->text,
                 "cluster %s has another journal of this shard: it is of another installation",
                 self->clusters[at].name);
        return;
    }
    found->journal = place.there ? place.journal : found->journal;
    found->there |= place.there;
    if (place.here) {
        found->also = found->here;
        found->here = (int)at;
    } else if (place.there) {
        found->moving = place;
    }
}

/* Why it lives nowhere. */
static session_outcome_t s_is_nowhere(const journal_t *self, session_t *session,
                                      const found_t *found)
{
    char text[SESSION_TEXT];
    if (found->worst != SESSION_OK) {
        s_refuse(session, found->text);
        return found->worst;
    }
    if (!found->there)
        return s_refuse(session, "the database has no row of this shard: posternctl db init makes "
                                 "it");
    bool known = false;
    for (unsigned i = 0; i < self->clusters_len; i++)
        known |= strcmp(self->clusters[i].name, found->moving.cluster) == 0;
    if (!known) {
        snprintf(text, sizeof text,
                 "the shard has moved to cluster %s, which postgres.clusters does not name",
                 found->moving.cluster);
        return s_refuse(session, text);
    }
    s_refuse(session, "the shard is on its way from one cluster to another: where no posternctl "
                      "shard move runs, run it again");
    metric_set(METRIC_journal_moving, 1);
    return SESSION_AWAY;
}

static void s_look_in_all(const journal_t *self, session_t *session, found_t *found)
{
    *found = (found_t){.here = -1, .also = -1, .worst = SESSION_OK};
    for (unsigned i = 0; i < self->clusters_len; i++) {
        session_close(session);
        s_look_in(self, session, i, found);
    }
}

session_outcome_t owner_find(journal_t *self, session_t *session)
{
    found_t found;
    if (session_is_open(session))
        return SESSION_OK;
    metric_set(METRIC_journal_moving, 0);
    s_look_in_all(self, session, &found);
    if (found.also >= 0) /* a move may have ended between the first look and the last */
        s_look_in_all(self, session, &found);
    if (found.here < 0) {
        session_outcome_t went = s_is_nowhere(self, session, &found);
        session_close(session);
        return went;
    }
    if (found.also >= 0)
        return s_refuse(session, "the shard is in two clusters: one of them was put back to an "
                                 "earlier time. See CLUSTER.md, \"Several clusters\"");
    if (self->clusters_len > 1)
        session_close(session);
    self->at = (unsigned)found.here;
    self->connection = self->clusters[self->at].connection;
    return owner_begin(self, session, self->at);
}

/* A spare looks again and again: the shard may have moved meanwhile. */
static session_outcome_t s_check_place(const journal_t *self, session_t *session)
{
    place_t place;
    session_outcome_t went = place_read(session, self->number, self->options.shard, &place);
    if (went != SESSION_OK || place.here || !place.there)
        return went;
    s_refuse(session, "the shard has moved to another cluster");
    session_close(session);
    return SESSION_AWAY;
}

session_outcome_t owner_take(journal_t *self, session_t *session)
{
    session_outcome_t went = owner_find(self, session);
    if (went == SESSION_OK)
        went = s_check_place(self, session);
    if (went == SESSION_OK)
        went = lease_claim(self->holding, session);
    if (went == SESSION_OK && *lease_former(self->holding))
        went = s_end_former(self, session);
    if (went == SESSION_OK)
        went = s_raise_first(self, session);
    if (went == SESSION_OK)
        went = tables_read(self, session);
    if (went == SESSION_OK)
        went = s_read_clock(self, session);
    if (went == SESSION_OK)
        went = retained_read(self, session);
    return went;
}

void owner_pause(void)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
    nanosleep(&pause, NULL);
}

bool owner_retake(journal_t *self, session_t *session)
{
    int64_t said_ms = 0, now_ms, since_ms = clock_ms();
    atomic_store(&self->away, true);
    for (;;) {
        session_outcome_t went = session_open(session, self->connection);
        if (went == SESSION_OK)
            went = s_raise_again(self, session);
        if (went == SESSION_OK)
            went = tables_read(self, session);
        if (went == SESSION_OK)
            break;
        now_ms = clock_ms();
        if (now_ms - said_ms >= SAY_MS) {
            trouble_say(self, "journal.away", session->text);
            said_ms = now_ms;
        }
        session_close(session);
        if (atomic_load(&self->stopping))
            return false;
        owner_pause();
    }
    atomic_store(&self->away, false);
    log_info("journal.retaken", "shard=%u epoch=%llu after_ms=%lld", self->options.shard,
             (unsigned long long)self->epoch, (long long)(clock_ms() - since_ms));
    return true;
}
