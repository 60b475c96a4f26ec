/* What is to be done beside storing: whether the server keeps what it commits, the clock, and
 * retention by dropping whole tables. */
#include "workers/journal/postgres/retained.h"

#include "common/base/clock.h"
#include "common/base/turning.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURN_MS = 1000,
    FORGET_MS = 60000,    /* of the running clock, between two rises of what is forgotten */
    PENDING_MS = 3600000, /* likewise, between two looks at items of which some are pending */
    CHECK_MS = 10000,
    FLOOR_MS = 600000, /* a segment's targets are read in this time */
};

struct keeper {
    journal_t *journal;
    journal_clock_fn clock;
    session_t session;
    turning_t *turning;
    pthread_mutex_t lock; /* of the session, and what follows */
    int64_t checked_ms;
    uint64_t saved_ms, retired;
    uint64_t running_ms; /* of a turn */
    uint64_t raised_ms;  /* running clock when what is forgotten was looked at last */
    tables_t tables;
};

keeper_t *keeper_new(journal_t *journal)
{
    keeper_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->journal = journal;
    self->session.name = journal->name;
    pthread_mutex_init(&self->lock, NULL);
    self->turning = turning_new();
    return self;
}

void keeper_destroy(keeper_t **self_p)
{
    keeper_t *self = *self_p;
    if (!self)
        return;
    turning_destroy(&self->turning);
    session_close(&self->session);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

/* A fence that failed is lost only where this process was not just taking the shard again. */
static session_outcome_t s_fenced(keeper_t *self, uint64_t epoch)
{
    journal_t *journal = self->journal;
    if (!atomic_load(&journal->away) && atomic_load(&journal->epoch) == epoch)
        fence_lost(journal);
    return SESSION_AGAIN;
}

static session_outcome_t s_connect(keeper_t *self)
{
    return session_is_open(&self->session)
               ? SESSION_OK
               : session_open(&self->session, self->journal->connection);
}

static session_outcome_t s_save(keeper_t *self)
{
    uint64_t epoch = atomic_load(&self->journal->epoch);
    session_outcome_t went = s_connect(self);
    if (went == SESSION_OK)
        went = tables_save(self->journal, &self->session);
    return went == SESSION_FENCED ? s_fenced(self, epoch) : went;
}

static void s_check(keeper_t *self)
{
    char lacks[SESSION_TEXT] = "";
    journal_t *journal = self->journal;
    session_outcome_t went = s_connect(self);
    if (went == SESSION_OK)
        went = owner_check(journal, &self->session, lacks);
    if (went != SESSION_OK && !atomic_exchange(&journal->unreached, true))
        trouble_say(journal, "journal.unreached", self->session.text);
    if (went != SESSION_OK)
        return;
    atomic_store(&journal->unreached, false);
    if (lacks[0] && !atomic_load(&journal->gone))
        trouble_say(journal, "journal.unsafe", lacks);
    if (!lacks[0] && atomic_load(&journal->gone))
        log_info("journal.safe", "shard=%u", journal->options.shard);
    atomic_store(&journal->gone, lacks[0] != '\0');
}

void keeper_check(keeper_t *self)
{
    pthread_mutex_lock(&self->lock);
    s_check(self);
    pthread_mutex_unlock(&self->lock);
}

static bool s_is_due(const journal_t *journal, const tables_t *tables, uint64_t running_ms)
{
    const journal_options_t *options = &journal->options;
    const segment_t *oldest = &tables->segments[0];
    uint64_t bytes = 0;
    if (tables->segments_len < 2)
        return false;
    if (running_ms >= oldest->last_ms + options->retention_ms)
        return true;
    for (unsigned i = 0; i < tables->segments_len; i++)
        bytes += tables->segments[i].bytes;
    return options->retention_bytes && bytes > options->retention_bytes &&
           running_ms >= oldest->last_ms + JOURNAL_ID_MS;
}

/* Takes the oldest of a kind of tables out of what there is, or puts it back. */
static void s_hide_segment(journal_t *journal)
{
    tables_t *tables = &journal->tables;
    pthread_mutex_lock(&journal->lock);
    memmove(tables->segments, tables->segments + 1,
            --tables->segments_len * sizeof *tables->segments);
    tables->version++;
    pthread_mutex_unlock(&journal->lock);
}

static void s_show_segment(journal_t *journal, const segment_t *segment)
{
    tables_t *tables = &journal->tables;
    pthread_mutex_lock(&journal->lock);
    assert(tables->segments_len < SEGMENTS_MOST);
    memmove(tables->segments + 1, tables->segments,
            tables->segments_len++ * sizeof *tables->segments);
    tables->segments[0] = *segment;
    tables->version++;
    pthread_mutex_unlock(&journal->lock);
}

/* The last sequence of each target of a segment, which outlives it. Done again, it changes nothing.
 */
static session_outcome_t s_save_floor(keeper_t *self, const segment_t *segment)
{
    const journal_t *journal = self->journal;
    statement_t save[2];
    sql_t sql = {0};
    fence_begin(&save[0], journal);
    sql_add(&sql,
            "INSERT INTO postern.target_floor (kind, shard, target, sequence, log) SELECT %u, %u, "
            "target, max(sequence), max(log) FROM postern.log_%c%u_%u GROUP BY target ON CONFLICT "
            "(kind, shard, target) DO UPDATE SET sequence = excluded.sequence, log = excluded.log",
            journal->number, journal->options.shard, journal->kind, journal->options.shard,
            segment->n);
    statement_begin(&save[1], "", sql.text);
    session_outcome_t went = session_exchange(&self->session, save, 2, FLOOR_MS);
    statement_end_all(save, 2);
    sql_free(&sql);
    return went;
}

/* Carries out TEXTS in one transaction, with the clock by which it is time; frees them. What fails
 * by a division by zero, and is not the fence, is AGAIN. */
static session_outcome_t s_expire(keeper_t *self, sql_t *texts, unsigned count)
{
    enum { FENCE, CLOCK, OWN, TEXTS = 3 };
    statement_t drop[OWN + TEXTS];
    fence_begin(&drop[FENCE], self->journal);
    clock_begin(&drop[CLOCK], self->journal, self->running_ms);
    for (unsigned i = 0; i < count; i++)
        statement_begin(&drop[OWN + i], "", texts[i].text);
    session_outcome_t went =
        session_exchange(&self->session, drop, OWN + count, SESSION_DEADLINE_MS);
    statement_end_all(drop, OWN + count);
    for (unsigned i = 0; i < count; i++)
        sql_free(&texts[i]);
    return went == SESSION_FENCED && self->session.failed != FENCE ? SESSION_AGAIN : went;
}

/* Fails where an item of a segment is pending: behind what has locked the table from which one
 * could be revived meanwhile. */
static void s_none_pending(const keeper_t *self, const segment_t *segment, sql_t *sql)
{
    const journal_t *journal = self->journal;
    sql_add(sql,
            "SELECT 1 / (count(*) = 0)::int FROM (SELECT 1 FROM postern.pending WHERE kind = %u "
            "AND shard = %u AND log >= %llu AND log < %llu LIMIT 1) p",
            journal->number, journal->options.shard, (unsigned long long)segment->first_log,
            (unsigned long long)segment->end_log);
}

static void s_row_sql(const journal_t *journal, sql_t *sql, const char *list, unsigned n)
{
    sql_add(sql, "DELETE FROM postern.%s WHERE kind = %u AND shard = %u AND n = %u", list,
            journal->number, journal->options.shard, n);
}

/* What points to its records goes with it. */
static session_outcome_t s_drop_table(keeper_t *self, const segment_t *segment)
{
    const journal_t *journal = self->journal;
    unsigned shard = journal->options.shard;
    unsigned long long end = segment->end_log;
    sql_t texts[3] = {{0}}, *row = &texts[0], *drop = &texts[1];
    sql_add(row,
            "WITH e AS (DELETE FROM postern.edit WHERE kind = %u AND shard = %u AND log < %llu), u "
            "AS (DELETE FROM postern.upsert WHERE kind = %u AND shard = %u AND log < %llu) ",
            journal->number, shard, end, journal->number, shard, end);
    s_row_sql(journal, row, "segment", segment->n);
    sql_add(drop, "DROP TABLE IF EXISTS postern.log_%c%u_%u", journal->kind, shard, segment->n);
    if (journal->delivers)
        sql_add(drop, ", postern.ended_%c%u_%u, postern.attempt_%c%u_%u", journal->kind, shard,
                segment->n, journal->kind, shard, segment->n);
    if (journal->delivers)
        s_none_pending(self, segment, &texts[2]);
    return s_expire(self, texts, journal->delivers ? 3 : 2);
}

/* Whether an item keeps the oldest segment: looked at before its targets are read. */
static session_outcome_t s_is_held(keeper_t *self, const segment_t *segment, bool *held)
{
    statement_t ask;
    *held = false;
    if (!self->journal->delivers)
        return SESSION_OK;
    statement_begin(&ask, "held",
                    "SELECT 1 FROM postern.pending WHERE kind = $1 AND shard = $2 AND log < $3 "
                    "LIMIT 1");
    shard_add(&ask, self->journal);
    statement_int8(&ask, segment->end_log);
    session_outcome_t went = session_exchange(&self->session, &ask, 1, SESSION_DEADLINE_MS);
    *held = went == SESSION_OK && statement_rows(&ask) > 0;
    statement_end(&ask);
    return went;
}

static session_outcome_t s_drop_segment(keeper_t *self)
{
    journal_t *journal = self->journal;
    uint64_t epoch = atomic_load(&journal->epoch);
    segment_t oldest = self->tables.segments[0];
    bool held;
    session_outcome_t went = s_is_held(self, &oldest, &held);
    if (went == SESSION_OK)
        went = held ? SESSION_AGAIN : s_save_floor(self, &oldest);
    if (went == SESSION_OK) {
        s_hide_segment(journal);
        went = s_drop_table(self, &oldest);
        if (went != SESSION_OK && went != SESSION_UNKNOWN)
            s_show_segment(journal, &oldest);
    }
    if (went == SESSION_FENCED)
        return s_fenced(self, epoch);
    if (went == SESSION_OK) {
        atomic_fetch_add(&journal->retired, oldest.end_log - oldest.first_log);
        log_info("journal.dropped", "shard=%u segment=%u messages=%llu", journal->options.shard,
                 oldest.n, (unsigned long long)(oldest.end_log - oldest.first_log));
    }
    return went;
}

static void s_hide_keys(journal_t *journal)
{
    tables_t *tables = &journal->tables;
    pthread_mutex_lock(&journal->lock);
    memmove(tables->keys, tables->keys + 1, --tables->keys_len * sizeof *tables->keys);
    tables->version++;
    pthread_mutex_unlock(&journal->lock);
}

static void s_show_keys(journal_t *journal, const keys_t *keys)
{
    tables_t *tables = &journal->tables;
    pthread_mutex_lock(&journal->lock);
    assert(tables->keys_len <= KEYS);
    memmove(tables->keys + 1, tables->keys, tables->keys_len++ * sizeof *tables->keys);
    tables->keys[0] = *keys;
    tables->version++;
    pthread_mutex_unlock(&journal->lock);
}

static session_outcome_t s_drop_keys(keeper_t *self)
{
    journal_t *journal = self->journal;
    uint64_t epoch = atomic_load(&journal->epoch);
    keys_t oldest = self->tables.keys[0];
    s_hide_keys(journal);
    sql_t texts[2] = {{0}};
    s_row_sql(journal, &texts[0], "keys", oldest.n);
    sql_add(&texts[1], "DROP TABLE IF EXISTS postern.keys_%c%u_%u", journal->kind,
            journal->options.shard, oldest.n);
    session_outcome_t went = s_expire(self, texts, 2);
    if (went != SESSION_OK && went != SESSION_UNKNOWN)
        s_show_keys(journal, &oldest);
    return went == SESSION_FENCED ? s_fenced(self, epoch) : went;
}

/* The lock is held. NULL: it is dropped, or may be. */
static segment_t *s_find_segment(journal_t *journal, unsigned n)
{
    for (unsigned i = 0; i < journal->tables.segments_len; i++)
        if (journal->tables.segments[i].n == n)
            return &journal->tables.segments[i];
    return NULL;
}

/* The ids of a segment whose last is 2 minutes old are not asked for any more. */
static session_outcome_t s_drop_ids(keeper_t *self, unsigned i)
{
    journal_t *journal = self->journal;
    uint64_t epoch = atomic_load(&journal->epoch);
    unsigned n = self->tables.segments[i].n;
    sql_t texts[2] = {{0}};
    sql_add(&texts[0],
            "UPDATE postern.segment SET ids = false WHERE kind = %u AND shard = %u AND n = %u",
            journal->number, journal->options.shard, n);
    sql_add(&texts[1], "DROP INDEX IF EXISTS postern.log_%c%u_%u_id", journal->kind,
            journal->options.shard, n);
    session_outcome_t went = s_expire(self, texts, 2);
    if (went == SESSION_FENCED)
        return s_fenced(self, epoch);
    pthread_mutex_lock(&journal->lock);
    segment_t *segment = s_find_segment(journal, n);
    if (went == SESSION_OK && segment)
        segment->ids = false;
    pthread_mutex_unlock(&journal->lock);
    return went;
}

/* --- Items that have ended */

static void s_look_later(journal_t *journal, unsigned n, uint64_t forget_ms)
{
    pthread_mutex_lock(&journal->lock);
    segment_t *segment = s_find_segment(journal, n);
    if (segment)
        segment->forget_ms = forget_ms;
    pthread_mutex_unlock(&journal->lock);
}

/* When its last item ended: the sooner of two looks that has to be. */
static session_outcome_t s_last_end(keeper_t *self, const segment_t *segment, uint64_t *done_ms)
{
    const journal_t *journal = self->journal;
    statement_t ask;
    sql_t sql = {0};
    sql_add(&sql, "SELECT max(done_ms) FROM postern.ended_%c%u_%u", journal->kind,
            journal->options.shard, segment->n);
    statement_begin(&ask, "", sql.text);
    session_outcome_t went = session_exchange(&self->session, &ask, 1, FLOOR_MS);
    if (went == SESSION_OK)
        *done_ms = statement_number(&ask, 0, 0);
    statement_end(&ask);
    sql_free(&sql);
    return went;
}

static session_outcome_t s_empty(keeper_t *self, const segment_t *segment)
{
    const journal_t *journal = self->journal;
    unsigned shard = journal->options.shard;
    sql_t texts[2] = {{0}};
    sql_add(&texts[0], "TRUNCATE postern.ended_%c%u_%u, postern.attempt_%c%u_%u", journal->kind,
            shard, segment->n, journal->kind, shard, segment->n);
    s_none_pending(self, segment, &texts[1]);
    return s_expire(self, texts, 2);
}

/* All items of a segment, where the last one ended so long ago that it is forgotten. */
static session_outcome_t s_forget(keeper_t *self, const segment_t *segment)
{
    journal_t *journal = self->journal;
    uint64_t epoch = atomic_load(&journal->epoch), done_ms = 0;
    session_outcome_t went = s_last_end(self, segment, &done_ms);
    if (went != SESSION_OK)
        return went;
    uint64_t due_ms = done_ms + journal->options.delivery_retention_ms;
    if (done_ms > 0 && due_ms > self->running_ms) {
        s_look_later(journal, segment->n, due_ms);
        return SESSION_OK;
    }
    went = s_empty(self, segment);
    if (went == SESSION_FENCED)
        return s_fenced(self, epoch);
    if (went == SESSION_OK)
        s_look_later(journal, segment->n, UINT64_MAX);
    else
        s_look_later(journal, segment->n, self->running_ms + PENDING_MS);
    return went;
}

static bool s_may_forget(const keeper_t *self, const segment_t *segment)
{
    uint64_t due_ms = segment->forget_ms
                          ? segment->forget_ms
                          : segment->last_ms + self->journal->options.delivery_retention_ms;
    return self->running_ms >= due_ms;
}

/* What is forgotten is so for good: by a clock that is stored. */
static session_outcome_t s_raise_horizon(keeper_t *self)
{
    journal_t *journal = self->journal;
    uint64_t epoch = atomic_load(&journal->epoch);
    session_outcome_t went = s_expire(self, NULL, 0);
    if (went == SESSION_OK) {
        horizon_raise(journal, self->running_ms);
        self->raised_ms = self->running_ms;
    }
    return went == SESSION_FENCED ? s_fenced(self, epoch) : went;
}

static bool s_forget_one(keeper_t *self)
{
    const tables_t *tables = &self->tables;
    if (self->running_ms >= self->raised_ms + FORGET_MS)
        return s_connect(self) == SESSION_OK && s_raise_horizon(self) == SESSION_OK;
    for (unsigned i = 0; i + 1 < tables->segments_len; i++)
        if (s_may_forget(self, &tables->segments[i]))
            return s_connect(self) == SESSION_OK &&
                   s_forget(self, &tables->segments[i]) == SESSION_OK;
    return false;
}

/* What targets keep by themselves. */
static bool s_clear_some(keeper_t *self)
{
    enum { STEPS = 64 };
    journal_t *journal = self->journal;
    uint64_t epoch = atomic_load(&journal->epoch);
    bool more = true;
    for (unsigned i = 0; i < STEPS && more; i++) {
        session_outcome_t went = s_connect(self);
        if (went == SESSION_OK)
            went = retained_step(journal, &self->session, &self->tables, self->running_ms, &more);
        if (went == SESSION_FENCED)
            s_fenced(self, epoch);
        if (went != SESSION_OK)
            return false;
    }
    return more;
}

/* One thing that is due, where anything is. True: there was, and it went well. */
static bool s_drop_one(keeper_t *self, uint64_t running_ms)
{
    journal_t *journal = self->journal;
    self->running_ms = running_ms;
    tables_t *tables = &self->tables;
    tables_copy(journal, tables);
    if (s_is_due(journal, tables, running_ms) && s_connect(self) == SESSION_OK &&
        s_drop_segment(self) == SESSION_OK)
        return true;
    if (tables->keys_len > 1 && !keys_live(&tables->keys[0], running_ms))
        return s_connect(self) == SESSION_OK && s_drop_keys(self) == SESSION_OK;
    for (unsigned i = 0; i + 1 < tables->segments_len; i++)
        if (tables->segments[i].ids && !segment_has_young(&tables->segments[i], false, running_ms))
            return s_connect(self) == SESSION_OK && s_drop_ids(self, i) == SESSION_OK;
    if (journal->delivers && s_forget_one(self))
        return true;
    return s_clear_some(self);
}

bool keeper_turn(keeper_t *self, int64_t now_ms)
{
    pthread_mutex_lock(&self->lock);
    bool more = s_drop_one(self, running_at(self->journal, now_ms));
    pthread_mutex_unlock(&self->lock);
    return more;
}

static void s_say_numbers(keeper_t *self)
{
    journal_state_t state;
    journal_inspect(self->journal, &state);
    metric_set(METRIC_journal_rows, (int64_t)state.records);
    metric_set(METRIC_journal_used_bytes, (int64_t)state.used_bytes);
    metric_add(METRIC_retired_total, (int64_t)(state.retired - self->retired));
    self->retired = state.retired;
}

/* Each ten seconds, and first after ten: the opening has looked. */
static void s_keep(keeper_t *self, int64_t now_ms)
{
    if (now_ms - self->checked_ms < CHECK_MS)
        return;
    self->checked_ms = now_ms;
    pthread_mutex_lock(&self->lock);
    s_check(self);
    uint64_t running_ms = running_at(self->journal, self->clock());
    if (running_ms != self->saved_ms && s_save(self) == SESSION_OK) {
        self->saved_ms = self->raised_ms = running_ms;
        horizon_raise(self->journal, running_ms);
    }
    s_say_numbers(self);
    pthread_mutex_unlock(&self->lock);
}

static bool s_turn(void *arg)
{
    keeper_t *self = arg;
    s_keep(self, clock_ms());
    if (!atomic_load(&self->journal->away))
        keeper_turn(self, self->clock());
    return false;
}

void keeper_start(keeper_t *self, journal_clock_fn clock)
{
    self->clock = clock;
    self->checked_ms = clock_ms();
    int rc = turning_start(self->turning, TURN_MS, s_turn, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "journal.keeper", "errno=%d", rc);
}
