#include "authd/copies/postgres/shared.h"

#include "common/base/clock.h"
#include "common/base/wake.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SAY_MS = 10000, CUT_MS = 600000, SOON_MS = 3 };

static session_outcome_t s_lost(session_t *session)
{
    snprintf(session->text, sizeof session->text,
             "the last change that this copy has is not in the log of the directory");
    return SESSION_REFUSED;
}

/* A commit of this host's own, which is on the server's copy like any other before what follows. */
static session_outcome_t s_commit(copies_t *self, session_t *session)
{
    statement_t beat;
    statement_begin(&beat, "beat",
                    "UPDATE postern.directory_copy SET beat = beat + 1 WHERE host = $1");
    statement_uuid(&beat, &self->host);
    session_outcome_t went = session_exchange(session, &beat, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    bool there = statement_rows(&beat) == 1;
    statement_end(&beat);
    return there ? SESSION_OK : SESSION_AGAIN;
}

copy_mark_t follow_mark(const statement_t *log, unsigned row)
{
    return (copy_mark_t){statement_number(log, row, 0), statement_id(log, row, 1)};
}

session_outcome_t follow_read_log(session_t *session, const copy_mark_t *mark, statement_t *log)
{
    copy_mark_t first = {0};
    statement_begin(log, "log",
                    "SELECT version, change, CASE WHEN version > $1 THEN redo END FROM "
                    "postern.directory_log WHERE version >= $1 ORDER BY version LIMIT $2");
    statement_int8(log, mark->number);
    statement_int8(log, COPIES_LOG);
    session_outcome_t went = session_exchange(session, log, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    if (statement_rows(log))
        first = follow_mark(log, 0);
    if (copy_mark_eq(&first, mark))
        return SESSION_OK;
    statement_end(log);
    return s_lost(session);
}

/* Of two threads that do the same again one finds that it is done. */
static session_outcome_t s_redo(copies_t *self, session_t *session, const statement_t *log)
{
    copy_mark_t was = follow_mark(log, 0);
    for (unsigned i = 1; i < statement_rows(log); i++) {
        copy_mark_t now = follow_mark(log, i);
        view_outcome_t went = copy_apply(self->directory, &was, &now, statement_bytes(log, i, 2));
        if (went != VIEW_DONE && went != VIEW_STALE) {
            snprintf(session->text, sizeof session->text, "change %llu of the directory: %s",
                     (unsigned long long)now.number, view_outcome_text(went));
            return SESSION_REFUSED;
        }
        was = now;
    }
    return SESSION_OK;
}

static session_outcome_t s_catch_up_once(copies_t *self, session_t *session, unsigned *rows)
{
    statement_t log;
    copy_mark_t mark = copies_mark(self);
    session_outcome_t went = follow_read_log(session, &mark, &log);
    if (went != SESSION_OK)
        return went;
    *rows = statement_rows(&log);
    if (*rows > 1)
        went = s_commit(self, session);
    if (went == SESSION_OK)
        went = s_redo(self, session, &log);
    statement_end(&log);
    return went;
}

session_outcome_t follow_catch_up(copies_t *self, session_t *session, bool *did)
{
    unsigned rows = 2;
    session_outcome_t went = SESSION_OK;
    *did = false;
    while (went == SESSION_OK && rows > 1) {
        went = s_catch_up_once(self, session, &rows);
        *did |= went == SESSION_OK && rows > 1;
    }
    return went;
}

static void s_renew(copies_t *self, int64_t since_ms)
{
    self->beat_ms = since_ms;
    atomic_store(&self->lease_end_ms, since_ms + self->lease_ms / 5 * 4);
}

/* A host whose row is gone was thought dead, and others did not wait for it: it judges nothing
 * until it has joined again. */
static session_outcome_t s_beat(copies_t *self)
{
    statement_t beat;
    int64_t since_ms = clock_boot_ms();
    statement_begin(&beat, "applied",
                    "UPDATE postern.directory_copy SET beat = beat + 1, applied = $2 WHERE host = "
                    "$1");
    statement_uuid(&beat, &self->host);
    statement_int8(&beat, copies_mark(self).number);
    session_outcome_t went = session_exchange(&self->following, &beat, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    self->joined = statement_rows(&beat) == 1;
    statement_end(&beat);
    if (self->joined)
        s_renew(self, since_ms);
    else
        atomic_store(&self->lease_end_ms, 0);
    return SESSION_OK;
}

session_outcome_t follow_join(copies_t *self)
{
    bool did;
    statement_t join;
    statement_begin(&join, "",
                    "INSERT INTO postern.directory_copy (host, name, beat, applied) VALUES ($1, "
                    "$2, 1, $3) ON CONFLICT (host) DO UPDATE SET name = excluded.name, beat = "
                    "directory_copy.beat + 1, applied = excluded.applied");
    statement_uuid(&join, &self->host);
    statement_text(&join, self->name);
    statement_int8(&join, copies_mark(self).number);
    session_outcome_t went = session_exchange(&self->following, &join, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    statement_end(&join);
    went = follow_catch_up(self, &self->following, &did);
    if (went == SESSION_OK)
        went = s_beat(self); /* the way may have been long */
    if (went != SESSION_OK)
        return went;
    if (!self->joined)
        return SESSION_AGAIN;
    log_info("directory.joined", "number=%llu", (unsigned long long)copies_mark(self).number);
    return SESSION_OK;
}

static watched_t *s_watch(copies_t *self, const uuid_t7 *host)
{
    for (unsigned i = 0; i < self->watched_len; i++)
        if (uuid_eq(&self->watched[i].host, host))
            return &self->watched[i];
    if (self->watched_len == COPIES_MOST)
        return NULL; /* it is waited for until it has the change */
    watched_t *added = &self->watched[self->watched_len++];
    *added = (watched_t){.host = *host, .beat = UINT64_MAX};
    return added;
}

/* Those that have no row any more. */
static void s_forget(copies_t *self)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < self->watched_len; i++)
        if (self->watched[i].there)
            self->watched[kept++] = self->watched[i];
    self->watched_len = kept;
}

/* True when it is: its row is no more. */
static bool s_bury(copies_t *self, const watched_t *dead)
{
    statement_t bury;
    char id[UUID_TEXT];
    statement_begin(&bury, "", "DELETE FROM postern.directory_copy WHERE host = $1 AND beat = $2");
    statement_uuid(&bury, &dead->host);
    statement_int8(&bury, dead->beat);
    if (session_exchange(&self->following, &bury, 1, SESSION_DEADLINE_MS) != SESSION_OK)
        return false;
    bool gone = statement_rows(&bury) == 1;
    statement_end(&bury);
    uuid_text(&dead->host, id);
    metric_add(METRIC_copies_lost_total, gone);
    if (gone)
        log_warn("directory.copy_lost", "host=%s after_ms=%lld", id, (long long)self->lease_ms);
    return gone;
}

/* The last change for which this host need not be waited for. */
static uint64_t s_has(copies_t *self, const statement_t *rows, unsigned row)
{
    int64_t now_ms = clock_ms();
    uuid_t7 host = statement_id(rows, row, 0);
    uint64_t beat = statement_number(rows, row, 1);
    watched_t *watched = s_watch(self, &host);
    if (watched && watched->beat != beat) {
        watched->beat = beat;
        watched->since_ms = now_ms;
    }
    if (watched)
        watched->there = true;
    bool still = watched && now_ms - watched->since_ms >= self->lease_ms;
    return still && s_bury(self, watched) ? UINT64_MAX : statement_number(rows, row, 2);
}

/* All have the changes up to this one. */
static void s_settle(copies_t *self, uint64_t number)
{
    if (number <= atomic_load(&self->settled))
        return;
    atomic_store(&self->settled, number);
    self->waits_ms = 0;
    wake_ring(self->fd);
}

/* Of the copy furthest behind, in changes: as of when ROWS were read. */
static void s_say_lag(const statement_t *rows)
{
    uint64_t lag = 0;
    for (unsigned i = 0; i < statement_rows(rows); i++) {
        uint64_t head = statement_number(rows, i, 3), applied = statement_number(rows, i, 2);
        lag = head > applied && head - applied > lag ? head - applied : lag;
    }
    metric_set(METRIC_copies_lag, (int64_t)lag);
    metric_set(METRIC_copies_joined, (int64_t)statement_rows(rows) + 1);
}

/* Looks at the other hosts, and at what this one's last change waits for. */
static session_outcome_t s_look(copies_t *self)
{
    statement_t rows;
    uint64_t had = atomic_load(&self->changed);
    statement_begin(&rows, "copies",
                    "SELECT host, beat, applied, (SELECT version FROM postern.directory_head) FROM "
                    "postern.directory_copy WHERE host <> $1");
    statement_uuid(&rows, &self->host);
    session_outcome_t went = session_exchange(&self->following, &rows, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    s_say_lag(&rows);
    for (unsigned i = 0; i < self->watched_len; i++)
        self->watched[i].there = false;
    bool leads = true;
    for (unsigned i = 0; i < statement_rows(&rows); i++) {
        uuid_t7 host = statement_id(&rows, i, 0);
        leads &= memcmp(self->host.bytes, host.bytes, UUID_BYTES) < 0;
        uint64_t has = s_has(self, &rows, i);
        had = has < had ? has : had;
    }
    s_forget(self);
    atomic_store(&self->leads, leads);
    metric_set(METRIC_copy_leads, leads);
    statement_end(&rows);
    s_settle(self, had);
    return SESSION_OK;
}

/* The log keeps what a copy may lack that was away for a while. */
static void s_cut(copies_t *self, int64_t now_ms)
{
    statement_t cut;
    if (now_ms < self->cut_ms)
        return;
    self->cut_ms = now_ms + CUT_MS;
    statement_begin(&cut, "",
                    "DELETE FROM postern.directory_log WHERE version < (SELECT min(applied) FROM "
                    "postern.directory_copy) - $1");
    statement_int8(&cut, COPIES_KEPT);
    if (session_exchange(&self->following, &cut, 1, SESSION_DEADLINE_MS) == SESSION_OK)
        statement_end(&cut);
}

static session_outcome_t s_follow(copies_t *self)
{
    bool did = false, waits = atomic_load(&self->changed) > atomic_load(&self->settled);
    session_outcome_t went = SESSION_OK;
    if (!session_is_open(&self->following))
        went = session_open(&self->following, self->connection);
    if (went == SESSION_OK && !self->joined)
        went = follow_join(self);
    if (went == SESSION_OK)
        went = follow_catch_up(self, &self->following, &did);
    int64_t tenth_ms = self->lease_ms / 10;
    bool due = clock_boot_ms() - self->beat_ms >= (tenth_ms < BEAT_MS ? tenth_ms : BEAT_MS);
    if (went == SESSION_OK && (did || due))
        went = s_beat(self);
    if (went == SESSION_OK && (waits || due))
        went = s_look(self);
    if (went == SESSION_OK)
        s_cut(self, clock_ms());
    if (went == SESSION_OK && !waits)
        uses_turn(self, clock_ms(), false);
    return went;
}

static void s_say(copies_t *self, session_outcome_t went)
{
    int64_t now_ms = clock_ms();
    bool well = went == SESSION_OK && self->joined;
    monitor_check("copies", well ? CHECK_OK : CHECK_DEGRADED,
                  well                 ? "joined"
                  : went == SESSION_OK ? "this host was thought dead, and joins again"
                                       : self->following.text);
    if (went == SESSION_OK || now_ms - self->said_ms < SAY_MS)
        return;
    self->said_ms = now_ms;
    log_warn("directory.away", "err=%s", LOG_Q(self->following.text));
}

/* How long ago it last beat, and since when a change waits. */
static void s_say_ages(copies_t *self)
{
    bool waits = atomic_load(&self->changed) > atomic_load(&self->settled);
    if (!waits)
        self->waits_ms = 0;
    else if (self->waits_ms == 0)
        self->waits_ms = clock_ms();
    metric_set(METRIC_copies_wait_seconds, waits ? clock_ms() - self->waits_ms : 0);
    metric_set(METRIC_copy_beat_seconds, clock_boot_ms() - self->beat_ms);
}

bool follow_turn(void *arg)
{
    copies_t *self = arg;
    session_outcome_t went = s_follow(self);
    s_say(self, went);
    s_say_ages(self);
    if (went == SESSION_AGAIN)
        self->joined = false; /* its row was not there */
    bool waits = atomic_load(&self->changed) > atomic_load(&self->settled);
    if (went != SESSION_OK || !waits)
        return false;
    const struct timespec soon = {.tv_nsec = SOON_MS * 1000000};
    nanosleep(&soon, NULL);
    return true;
}

void follow_leave(copies_t *self)
{
    statement_t leave;
    atomic_store(&self->lease_end_ms, 0);
    if (!self->joined || !session_is_open(&self->following))
        return;
    uses_leave(self);
    statement_begin(&leave, "", "DELETE FROM postern.directory_copy WHERE host = $1");
    statement_uuid(&leave, &self->host);
    if (session_exchange(&self->following, &leave, 1, SESSION_DEADLINE_MS) == SESSION_OK)
        statement_end(&leave);
}
