#include "workers/journal/postgres/retained.h"

#include "common/base/clock.h"
#include "common/base/map.h"
#include "workers/journal/postgres/unowned.h"
#include "workers/journal/retention.h"

#include <stdlib.h>

enum {
    TARGETS = 100,   /* that are looked at, or saved, at once */
    PAGE = 256,      /* records of a target that are removed at once */
    APART_MS = 1000, /* between two looks at all targets, or longer: */
    SHARE = 20,      /* these take at most so much of the time, as one of so many parts */
    COUNT_MS = 600000,
};

typedef struct {
    UT_hash_handle hh;
    uuid_t7 target;
    retention_t told;
    uint64_t saved; /* the version that is durable; what follows is the keeper's */
    uint64_t first; /* its oldest record when its bytes were counted last */
    uint64_t counted, bytes, erasures;
} keeps_t;

struct retained {
    bool able;
    atomic_uint_fast64_t erasures;
    pthread_mutex_t lock; /* of the map, the list, and what both threads have of a target */
    keeps_t *map;
    keeps_t **list;
    size_t len, room;
    size_t at;        /* the keeper's: the next target to look at */
    uint64_t next_ms; /* running clock when the next look at all begins */
    int64_t began_ms;
};

retained_t *retained_new(void)
{
    retained_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void retained_destroy(retained_t **self_p)
{
    retained_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->len; i++) {
        HASH_DEL(self->map, self->list[i]);
        free(self->list[i]);
    }
    free(self->list);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

void retained_erased(retained_t *self)
{
    atomic_fetch_add(&self->erasures, 1);
}

/* The lock is held. */
static keeps_t *s_keeps(retained_t *self, const uuid_t7 *target)
{
    keeps_t *keeps;
    HASH_FIND(hh, self->map, target, sizeof *target, keeps);
    if (keeps)
        return keeps;
    if (self->len == self->room) {
        self->room = self->room ? 2 * self->room : 16;
        self->list = realloc(self->list, self->room * sizeof *self->list);
        if (!self->list)
            abort();
    }
    keeps = self->list[self->len++] = calloc(1, sizeof *keeps);
    if (!keeps)
        abort();
    keeps->target = *target;
    HASH_ADD(hh, self->map, target, sizeof keeps->target, keeps);
    return keeps;
}

session_outcome_t retained_read(journal_t *self, session_t *session)
{
    statement_t ask;
    retained_t *retained = self->retained;
    statement_begin(&ask, "",
                    "SELECT target, version, age_ms, messages, bytes FROM postern.retained WHERE "
                    "kind = $1 AND shard = $2");
    shard_add(&ask, self);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_GONE)
        return SESSION_OK;
    unsigned rows = went == SESSION_OK ? statement_rows(&ask) : 0;
    for (unsigned i = 0; i < rows; i++) {
        uuid_t7 target = statement_id(&ask, i, 0);
        keeps_t *keeps = s_keeps(retained, &target);
        keeps->told = (retention_t){statement_number(&ask, i, 1), statement_number(&ask, i, 2),
                                    statement_number(&ask, i, 3), statement_number(&ask, i, 4)};
        keeps->saved = keeps->told.version;
    }
    retained->able = went == SESSION_OK;
    statement_end(&ask);
    return went;
}

/* --- What is told */

retention_told_t journal_retain(journal_t *self, const uuid_t7 *target,
                                const retention_t *retention)
{
    retained_t *retained = self->retained;
    if (!retained->able)
        return RETENTION_UNABLE;
    pthread_mutex_lock(&retained->lock);
    keeps_t *keeps = s_keeps(retained, target);
    bool news = retention->version > keeps->told.version;
    if (news)
        keeps->told = *retention;
    bool kept = keeps->saved >= keeps->told.version;
    pthread_mutex_unlock(&retained->lock);
    if (news)
        retention_log(target, retention);
    return kept ? RETENTION_KEPT : RETENTION_TAKEN;
}

/* Its version is 0, which is saved. */
void retained_enter(retained_t *self, const uuid_t7 *target, const journal_unowned_t *unowned)
{
    pthread_mutex_lock(&self->lock);
    keeps_t *keeps = s_keeps(self, target);
    if (keeps->told.version == 0)
        keeps->told = (retention_t){0, unowned->age_ms, unowned->messages, unowned->bytes};
    pthread_mutex_unlock(&self->lock);
}

typedef struct {
    uuid_t7 target;
    retention_t told;
} saved_t;

static size_t s_take_unsaved(retained_t *self, saved_t to[TARGETS])
{
    size_t count = 0;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->len && count < TARGETS; i++)
        if (self->list[i]->saved < self->list[i]->told.version)
            to[count++] = (saved_t){self->list[i]->target, self->list[i]->told};
    pthread_mutex_unlock(&self->lock);
    return count;
}

static void s_take_saved(retained_t *self, const saved_t *saved, size_t count)
{
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < count; i++)
        s_keeps(self, &saved[i].target)->saved = saved[i].told.version;
    pthread_mutex_unlock(&self->lock);
}

static session_outcome_t s_save(journal_t *self, session_t *session, const saved_t *saved,
                                size_t count)
{
    enum { COLUMNS = 5 };
    statement_t save[2];
    array_t columns[COLUMNS] = {{0}};
    for (unsigned i = 0; i < COLUMNS; i++)
        array_begin(&columns[i], i ? TYPE_INT8 : TYPE_UUID);
    for (size_t i = 0; i < count; i++) {
        array_add_bytes(&columns[0], slice(saved[i].target.bytes, UUID_BYTES));
        array_add_int8(&columns[1], saved[i].told.version);
        array_add_int8(&columns[2], saved[i].told.age_ms);
        array_add_int8(&columns[3], saved[i].told.messages);
        array_add_int8(&columns[4], saved[i].told.bytes);
    }
    fence_begin(&save[0], self);
    statement_begin(&save[1], "retained",
                    "INSERT INTO postern.retained (kind, shard, target, version, age_ms, messages, "
                    "bytes) SELECT $1, $2, u.* FROM unnest($3, $4, $5, $6, $7) u ON CONFLICT "
                    "(kind, shard, target) DO UPDATE SET version = excluded.version, age_ms = "
                    "excluded.age_ms, messages = excluded.messages, bytes = excluded.bytes");
    shard_add(&save[1], self);
    for (unsigned i = 0; i < COLUMNS; i++)
        statement_array(&save[1], &columns[i], i ? TYPE_INT8S : TYPE_UUIDS);
    session_outcome_t went = session_exchange(session, save, 2, SESSION_DEADLINE_MS);
    statement_end_all(save, 2);
    for (unsigned i = 0; i < COLUMNS; i++)
        array_free(&columns[i]);
    return went;
}

/* --- What is due */

typedef struct {
    journal_t *journal;
    session_t *session;
    const tables_t *tables;
    uint64_t running_ms;
    keeps_t *keeps;
    retention_t told;
    uint64_t first, last;   /* sequences of the target */
    uint64_t pending;       /* log of its oldest pending event; UINT64_MAX: none */
    uint64_t cut, cut_log;  /* the last record that is due; 0: none is */
    uint64_t count, length; /* of these, and their bytes */
    bool more;              /* there may be other ones behind them */
} turn_t;

/* TEXT of each segment's log, in one. */
static void s_each_log(const turn_t *self, sql_t *sql, const char *columns, const char *where)
{
    for (unsigned i = 0; i < self->tables->segments_len; i++)
        sql_add(sql, "%s(SELECT %s FROM postern.log_%c%u_%u l WHERE l.target = %s)",
                i ? " UNION ALL " : "", columns, self->journal->kind, self->journal->options.shard,
                self->tables->segments[i].n, where);
}

static session_outcome_t s_ask(turn_t *self, statement_t *ask)
{
    return session_exchange(self->session, ask, 1, SESSION_DEADLINE_MS);
}

/* Counts what is behind what was counted, or all where that cannot be right any more. */
static session_outcome_t s_count(turn_t *self)
{
    statement_t ask;
    sql_t sql = {0};
    char name[STATEMENT_NAME];
    keeps_t *keeps = self->keeps;
    uint64_t erasures = atomic_load(&self->journal->retained->erasures);
    if (keeps->counted == 0 || keeps->first != self->first || keeps->erasures != erasures)
        keeps->counted = keeps->bytes = 0;
    keeps->first = self->first;
    keeps->erasures = erasures;
    if (keeps->counted >= self->last)
        return SESSION_OK;
    sql_add(&sql, "SELECT sum(b)::bigint, max(s) FROM (");
    s_each_log(self, &sql, "sum(octet_length(l.record) + $3) AS b, max(l.sequence) AS s",
               "$1 AND l.sequence > $2");
    sql_add(&sql, ") x");
    snprintf(name, sizeof name, "retained bytes %u", self->tables->version);
    statement_begin(&ask, name, sql.text);
    statement_uuid(&ask, &keeps->target);
    statement_int8(&ask, keeps->counted);
    statement_int8(&ask, JOURNAL_RECORD_COST);
    session_outcome_t went = session_exchange(self->session, &ask, 1, COUNT_MS);
    if (went == SESSION_OK && !statement_is_null(&ask, 0, 1)) {
        keeps->bytes += statement_number(&ask, 0, 0);
        keeps->counted = statement_number(&ask, 0, 1);
    }
    statement_end(&ask);
    sql_free(&sql);
    return went;
}

static bool s_is_due(const turn_t *self, uint64_t sequence, uint64_t log, uint64_t stored_ms)
{
    const tables_t *tables = self->tables;
    uint64_t age_ms = self->running_ms > stored_ms ? self->running_ms - stored_ms : 0;
    uint64_t behind = self->last - sequence, left = self->keeps->bytes - self->length;
    bool due = (self->told.age_ms && age_ms >= self->told.age_ms) ||
               (self->told.messages && behind >= self->told.messages) ||
               (self->told.bytes && left > self->told.bytes && behind > 0);
    return due && age_ms >= JOURNAL_ID_MS && log < self->pending &&
           log + 1 < tables->segments[tables->segments_len - 1].end_log;
}

/* Its oldest records, and which of them are due. */
static session_outcome_t s_look(turn_t *self)
{
    statement_t ask;
    sql_t sql = {0};
    char name[STATEMENT_NAME];
    const journal_t *journal = self->journal;
    sql_add(&sql, "SELECT sequence, log, head, size, ");
    if (journal->delivers)
        sql_add(&sql,
                "(SELECT min(log) FROM postern.pending WHERE kind = %u AND shard = %u AND target = "
                "$1)",
                journal->number, journal->options.shard);
    else
        sql_add(&sql, "NULL::bigint");
    sql_add(&sql, " FROM (");
    s_each_log(self, &sql,
               "l.sequence, l.log, substring(l.record, 1, $2::int) AS head, "
               "octet_length(l.record) AS size",
               "$1 ORDER BY l.sequence LIMIT $3");
    sql_add(&sql, ") r ORDER BY sequence LIMIT $3");
    snprintf(name, sizeof name, "retained page %u", self->tables->version);
    statement_begin(&ask, name, sql.text);
    statement_uuid(&ask, &self->keeps->target);
    statement_int8(&ask, RECORD_HEAD);
    statement_int8(&ask, PAGE);
    session_outcome_t went = s_ask(self, &ask);
    unsigned rows = went == SESSION_OK ? statement_rows(&ask) : 0;
    self->pending =
        rows && !statement_is_null(&ask, 0, 4) ? statement_number(&ask, 0, 4) : UINT64_MAX;
    for (unsigned i = 0; i < rows; i++) {
        uint64_t sequence = statement_number(&ask, i, 0), log = statement_number(&ask, i, 1);
        if (!s_is_due(self, sequence, log, record_stored_ms(statement_bytes(&ask, i, 2))))
            break;
        self->cut = sequence;
        self->cut_log = log;
        self->count++;
        self->length += statement_number(&ask, i, 3) + JOURNAL_RECORD_COST;
    }
    self->more = self->count == PAGE;
    statement_end(&ask);
    sql_free(&sql);
    return went;
}

/* The rows of its records, and of what stands for them elsewhere: of $1 up to sequence $2, log $3.
 */
static void s_rows_sql(const turn_t *self, sql_t *sql)
{
    const journal_t *journal = self->journal;
    unsigned shard = journal->options.shard;
    sql_add(sql,
            "WITH f AS (INSERT INTO postern.target_floor AS t (kind, shard, target, sequence, log) "
            "VALUES (%u, %u, $1, $2, $3) ON CONFLICT (kind, shard, target) DO UPDATE SET sequence "
            "= greatest(t.sequence, excluded.sequence), log = greatest(t.log, excluded.log)), e AS "
            "(DELETE FROM postern.edit WHERE kind = %u AND shard = %u AND target = $1 AND log <= "
            "$3), u AS (DELETE FROM postern.upsert WHERE kind = %u AND shard = %u AND target = $1 "
            "AND log <= $3)",
            journal->number, shard, journal->number, shard, journal->number, shard);
    for (unsigned i = 0; i < self->tables->segments_len; i++) {
        unsigned n = self->tables->segments[i].n;
        if (self->tables->segments[i].first_log > self->cut_log)
            break;
        sql_add(sql,
                ", l%u AS (DELETE FROM postern.log_%c%u_%u WHERE target = $1 AND sequence <= $2)",
                i, journal->kind, shard, n);
        if (journal->delivers)
            sql_add(sql,
                    ", i%u AS (DELETE FROM postern.ended_%c%u_%u WHERE target = $1 AND log <= $3 "
                    "RETURNING log), a%u AS (DELETE FROM postern.attempt_%c%u_%u WHERE log IN "
                    "(SELECT log FROM i%u))",
                    i, journal->kind, shard, n, i, journal->kind, shard, n, i);
    }
    sql_add(sql, " SELECT 1");
}

/* What is due goes, unless one of its events is pending again; with the clock by which it is. */
static session_outcome_t s_remove(turn_t *self)
{
    enum { FENCE, CLOCK, ROWS, NONE_PENDING, ALL };
    statement_t remove[ALL];
    sql_t sql = {0};
    const journal_t *journal = self->journal;
    fence_begin(&remove[FENCE], journal);
    clock_begin(&remove[CLOCK], journal, self->running_ms);
    s_rows_sql(self, &sql);
    statement_begin(&remove[ROWS], "", sql.text);
    statement_uuid(&remove[ROWS], &self->keeps->target);
    statement_int8(&remove[ROWS], self->cut);
    statement_int8(&remove[ROWS], self->cut_log);
    statement_begin(&remove[NONE_PENDING], "none pending",
                    "SELECT 1 / (count(*) = 0)::int FROM postern.pending WHERE kind = $1 AND shard "
                    "= $2 AND target = $3 AND log <= $4");
    shard_add(&remove[NONE_PENDING], journal);
    statement_uuid(&remove[NONE_PENDING], &self->keeps->target);
    statement_int8(&remove[NONE_PENDING], self->cut_log);
    size_t count = journal->delivers ? ALL : ALL - 1;
    session_outcome_t went = session_exchange(self->session, remove, count, SESSION_DEADLINE_MS);
    statement_end_all(remove, count);
    sql_free(&sql);
    return went == SESSION_FENCED && self->session->failed != FENCE ? SESSION_AGAIN : went;
}

static session_outcome_t s_clear(turn_t *self)
{
    session_outcome_t went = self->told.bytes ? s_count(self) : SESSION_OK;
    if (went == SESSION_OK)
        went = s_look(self);
    if (went != SESSION_OK || self->count == 0)
        return went;
    went = s_remove(self);
    if (went != SESSION_OK)
        return went;
    atomic_fetch_add(&self->journal->retired, self->count);
    self->keeps->first = self->cut + 1;
    self->keeps->bytes -= self->told.bytes ? self->length : 0;
    self->keeps->counted = self->told.bytes ? self->keeps->counted : 0;
    return SESSION_OK;
}

/* --- A look at some targets */

typedef struct {
    keeps_t *keeps;
    retention_t told;
} wants_t;

/* The next targets that have a retention; *END: those behind them are the first ones again. */
static size_t s_next(retained_t *self, wants_t to[TARGETS], bool *end)
{
    size_t count = 0;
    pthread_mutex_lock(&self->lock);
    for (; self->at < self->len && count < TARGETS; self->at++) {
        keeps_t *keeps = self->list[self->at];
        if (keeps->told.age_ms || keeps->told.messages || keeps->told.bytes)
            to[count++] = (wants_t){keeps, keeps->told};
    }
    *end = self->at == self->len;
    pthread_mutex_unlock(&self->lock);
    return count;
}

/* Whether its oldest record may be due. */
static bool s_may_clear(turn_t *self, uint64_t stored_ms)
{
    const keeps_t *keeps = self->keeps;
    bool counts = self->told.bytes && (self->last > keeps->counted || self->first != keeps->first ||
                                       keeps->bytes > self->told.bytes);
    return self->first <= self->last && (counts || s_is_due(self, self->first, 0, stored_ms));
}

/* What the oldest and the newest record of each are. */
static session_outcome_t s_look_at(turn_t *with, const wants_t *wants, size_t count,
                                   statement_t *ask)
{
    sql_t sql = {0};
    array_t targets = {0};
    char name[STATEMENT_NAME];
    sql_add(&sql, "SELECT t.i, f.sequence, f.head, m.sequence FROM unnest($1) WITH ORDINALITY "
                  "t(target, i) CROSS JOIN LATERAL (SELECT * FROM (");
    s_each_log(with, &sql, "l.sequence, substring(l.record, 1, $2::int) AS head",
               "t.target ORDER BY l.sequence LIMIT 1");
    sql_add(&sql, ") o ORDER BY sequence LIMIT 1) f CROSS JOIN LATERAL (SELECT max(sequence) AS "
                  "sequence FROM (");
    s_each_log(with, &sql, "max(l.sequence) AS sequence", "t.target");
    sql_add(&sql, ") n) m");
    snprintf(name, sizeof name, "retained look %u", with->tables->version);
    array_begin(&targets, TYPE_UUID);
    for (size_t i = 0; i < count; i++)
        array_add_bytes(&targets, slice(wants[i].keeps->target.bytes, UUID_BYTES));
    statement_begin(ask, name, sql.text);
    statement_array(ask, &targets, TYPE_UUIDS);
    statement_int8(ask, RECORD_HEAD);
    session_outcome_t went = s_ask(with, ask);
    array_free(&targets);
    sql_free(&sql);
    return went;
}

static session_outcome_t s_take_turns(turn_t *with, const wants_t *wants, size_t count)
{
    statement_t ask;
    session_outcome_t went = s_look_at(with, wants, count, &ask);
    unsigned rows = went == SESSION_OK ? statement_rows(&ask) : 0;
    for (unsigned i = 0; i < rows && went == SESSION_OK; i++) {
        const wants_t *of = &wants[statement_number(&ask, i, 0) - 1];
        turn_t turn = {.journal = with->journal,
                       .session = with->session,
                       .tables = with->tables,
                       .running_ms = with->running_ms,
                       .keeps = of->keeps,
                       .told = of->told,
                       .first = statement_number(&ask, i, 1),
                       .last = statement_number(&ask, i, 3),
                       .pending = UINT64_MAX};
        if (s_may_clear(&turn, record_stored_ms(statement_bytes(&ask, i, 2))))
            went = s_clear(&turn);
        if (went == SESSION_AGAIN) /* an event is pending again, or it is locked */
            went = SESSION_OK;
        with->more |= turn.more;
    }
    statement_end(&ask);
    return went;
}

static session_outcome_t s_save_some(journal_t *self, session_t *session, bool *more)
{
    saved_t saved[TARGETS];
    size_t count = s_take_unsaved(self->retained, saved);
    session_outcome_t went = count ? s_save(self, session, saved, count) : SESSION_OK;
    if (went == SESSION_OK)
        s_take_saved(self->retained, saved, count);
    *more = went == SESSION_OK && count > 0;
    return went;
}

/* The looks at all targets are apart by what they take. */
static void s_end_round(retained_t *self, bool more, uint64_t running_ms)
{
    uint64_t took_ms = (uint64_t)(clock_ms() - self->began_ms) * SHARE;
    self->at = 0;
    self->next_ms = more ? running_ms : running_ms + (took_ms > APART_MS ? took_ms : APART_MS);
}

session_outcome_t retained_step(journal_t *self, session_t *session, const tables_t *tables,
                                uint64_t running_ms, bool *more)
{
    wants_t wants[TARGETS];
    retained_t *retained = self->retained;
    turn_t with = {.journal = self, .session = session, .tables = tables, .running_ms = running_ms};
    bool end;
    session_outcome_t went = s_save_some(self, session, more);
    if (went == SESSION_OK && !*more)
        went = unowned_survey(self, session, tables, more);
    if (went != SESSION_OK || *more || tables->segments_len == 0 || running_ms < retained->next_ms)
        return went;
    if (retained->at == 0)
        retained->began_ms = clock_ms();
    size_t count = s_next(retained, wants, &end);
    if (count > 0)
        went = s_take_turns(&with, wants, count);
    if (end)
        s_end_round(retained, with.more, running_ms);
    *more = went == SESSION_OK && (!end || with.more);
    return went;
}
