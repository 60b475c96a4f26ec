/* Reading the outbox, but what is due. A read waits for the server where that is away, as the
 * writer does: what is not read is not delivered, and nobody else could. */
#include "workers/journal/postgres/items.h"
#include "workers/journal/postgres/reads.h"

#include "common/life/life.h"
#include "common/log/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t journal_note(journal_t *self, const journal_note_t *note)
{
    assert(self->delivers && note->kind != NOTE_RETENTION);
    if (notes_add(&self->notes, note)) /* else the writer knows of those before it */
        writer_nudge(self->writer);
    return self->notes.given;
}

bool journal_has_notes(journal_t *self)
{
    return notes_wait(&self->notes);
}

uint64_t journal_noted(const journal_t *self)
{
    return notes_noted(&self->notes);
}

uint64_t journal_committed(const journal_t *self)
{
    return atomic_load(&self->committed_log);
}

uint64_t journal_running_ms(journal_t *self, int64_t now_ms)
{
    return running_at(self, now_ms);
}

session_outcome_t reads_wait(journal_reader_t *self, statement_t *ask)
{
    session_outcome_t went = reads_ask(self, ask);
    const journal_t *journal = self->journal;
    while ((went == SESSION_AWAY || went == SESSION_UNKNOWN || went == SESSION_AGAIN) &&
           !atomic_load(&journal->stopping) && !life_stopping()) {
        owner_pause();
        went = reads_ask(self, ask);
    }
    return went;
}

/* What a reader of the main thread fails to read before its loop begins is not known to it. */
void reads_lost(journal_reader_t *self)
{
    if (!self->trying && !life_stopping())
        log_fatal(EXIT_FAULT, "journal.unread", "shard=%u err=%s", self->journal->options.shard,
                  LOG_Q(self->session.text));
    reads_failed(self);
}

/* --- Items */

/* Items of $1, or of target $1 the one at log $2, on from there; $3: what ended before is
 * forgotten; $4 of them. */
typedef enum { ITEMS_NEWEST, ITEMS_DEAD_NEWEST, ITEMS_DEAD_OLDEST, ITEMS_ONE } items_which_t;

static const struct {
    const char *name, *where, *order;
    bool dead;
} s_which[] = {
    [ITEMS_NEWEST] = {"items", "log <= $2", "log DESC", false},
    [ITEMS_DEAD_NEWEST] = {"dead items", "log <= $2", "log DESC", true},
    [ITEMS_DEAD_OLDEST] = {"dead", "log >= $2", "log", true},
    [ITEMS_ONE] = {"item", "log = $2", "log", false},
};

static void s_items_sql(const journal_t *journal, const tables_t *tables, items_which_t which,
                        sql_t *sql)
{
    const char *where = s_which[which].where, *order = s_which[which].order;
    sql_add(sql, "SELECT log, id, state, made, attempts, time_ms, due_ms FROM (");
    if (!s_which[which].dead)
        sql_add(sql,
                "(SELECT log, id, 1::smallint AS state, made::bigint, attempts, time_ms, due_ms "
                "FROM postern.pending WHERE kind = %u AND shard = %u AND target = $1 AND %s ORDER "
                "BY %s LIMIT $4)",
                journal->number, journal->options.shard, where, order);
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(sql,
                "%s(SELECT log, id, state, made, attempts, time_ms, 0::bigint AS due_ms FROM "
                "postern.ended_%c%u_%u WHERE target = $1 AND %s AND done_ms >= $3%s ORDER BY %s "
                "LIMIT $4)",
                i || !s_which[which].dead ? " UNION ALL " : "", journal->kind,
                journal->options.shard, tables->segments[i].n, where,
                s_which[which].dead ? " AND state = 3" : "", order);
    sql_add(sql, ") i ORDER BY %s LIMIT $4", order);
}

/* A walk through items of a target. */
typedef struct {
    items_which_t which;
    const uuid_t7 *target;
    uint64_t at, most;
    outbox_item_fn each;
    void *arg;
    bool more;
} walk_t;

static outbox_item_t s_item(const statement_t *ask, unsigned row, const uuid_t7 *target)
{
    return (outbox_item_t){.target = *target,
                           .log = statement_number(ask, row, 0),
                           .id = statement_id(ask, row, 1),
                           .state = (outbox_state_t)statement_number(ask, row, 2),
                           .made = (unsigned)statement_number(ask, row, 3),
                           .attempts = (unsigned)statement_number(ask, row, 4),
                           .time_ms = (int64_t)statement_number(ask, row, 5),
                           .due_ms = statement_number(ask, row, 6)};
}

static void s_give(walk_t *walk, const statement_t *ask)
{
    unsigned rows = statement_rows(ask);
    for (unsigned i = 0; i < rows && walk->more; i++) {
        outbox_item_t item = s_item(ask, i, walk->target);
        walk->at = walk->which == ITEMS_DEAD_OLDEST ? item.log + 1 : item.log - 1;
        walk->more = walk->each(walk->arg, &item);
    }
    walk->more &= rows == walk->most && walk->which != ITEMS_ONE;
}

static session_outcome_t s_read_items(journal_reader_t *self, const tables_t *tables, void *arg)
{
    walk_t *walk = arg;
    sql_t sql = {0};
    char name[STATEMENT_NAME];
    session_outcome_t went = SESSION_OK;
    if (tables->segments_len == 0)
        return SESSION_OK;
    s_items_sql(self->journal, tables, walk->which, &sql);
    snprintf(name, sizeof name, "%s %u", s_which[walk->which].name, tables->version);
    while (walk->more && went == SESSION_OK) {
        statement_t ask;
        statement_begin(&ask, name, sql.text);
        statement_uuid(&ask, walk->target);
        statement_int8(&ask, reads_number(walk->at));
        statement_int8(&ask, journal_horizon(self->journal));
        statement_int8(&ask, walk->most);
        went = reads_wait(self, &ask);
        if (went == SESSION_OK)
            s_give(walk, &ask);
        statement_end(&ask);
        walk->most = walk->most < READS_MOST ? 4 * walk->most : walk->most;
    }
    sql_free(&sql);
    return went;
}

void reads_with_tables(journal_reader_t *self, reads_fn read, void *arg)
{
    tables_t *tables = malloc(sizeof *tables);
    session_outcome_t went = SESSION_GONE;
    if (!tables)
        abort();
    for (unsigned i = 0; i < READS_TRIES && went == SESSION_GONE; i++) {
        tables_copy(self->journal, tables);
        went = self->journal->delivers ? read(self, tables, arg) : SESSION_OK;
    }
    free(tables);
    if (went != SESSION_OK)
        reads_lost(self);
}

static void s_walk(journal_reader_t *self, items_which_t which, const uuid_t7 *target, uint64_t at,
                   outbox_item_fn each, void *arg)
{
    walk_t walk = {which, target, at, READS_CHUNK, each, arg, true};
    reads_with_tables(self, s_read_items, &walk);
}

void journal_items(journal_reader_t *self, const uuid_t7 *target, uint64_t until, bool dead_only,
                   outbox_item_fn each, void *arg)
{
    s_walk(self, dead_only ? ITEMS_DEAD_NEWEST : ITEMS_NEWEST, target, until, each, arg);
}

void journal_dead(journal_reader_t *self, const uuid_t7 *target, uint64_t from, outbox_item_fn each,
                  void *arg)
{
    s_walk(self, ITEMS_DEAD_OLDEST, target, from, each, arg);
}

static bool s_take_one(void *arg, const outbox_item_t *item)
{
    *(outbox_item_t *)arg = *item;
    return false;
}

bool journal_item(journal_reader_t *self, const uuid_t7 *target, uint64_t log, outbox_item_t *item)
{
    outbox_item_t found = {.log = 0};
    if (log == 0 || log > INT64_MAX)
        return false;
    s_walk(self, ITEMS_ONE, target, log, s_take_one, &found);
    if (found.log)
        *item = found;
    return found.log != 0;
}

/* --- Targets that have items */

typedef struct {
    const uuid_t7 *after;
    bool dead, found;
    uuid_t7 target;
} next_t;

static session_outcome_t s_read_target(journal_reader_t *self, const tables_t *tables, void *arg)
{
    static const uuid_t7 first;
    next_t *next = arg;
    const journal_t *journal = self->journal;
    const char *past = next->after ? ">" : ">=";
    sql_t sql = {0};
    statement_t ask;
    sql_add(&sql, "SELECT target FROM (SELECT NULL::uuid AS target WHERE $2::bigint IS NULL");
    if (!next->dead)
        sql_add(&sql,
                " UNION ALL (SELECT target FROM postern.pending WHERE kind = %u AND shard = %u AND "
                "target %s $1 ORDER BY target LIMIT 1)",
                journal->number, journal->options.shard, past);
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(&sql,
                " UNION ALL (SELECT target FROM postern.ended_%c%u_%u WHERE target %s $1 AND "
                "done_ms >= $2%s ORDER BY target LIMIT 1)",
                journal->kind, journal->options.shard, tables->segments[i].n, past,
                next->dead ? " AND state = 3" : "");
    sql_add(&sql, ") t ORDER BY target LIMIT 1");
    statement_begin(&ask, "", sql.text);
    statement_uuid(&ask, next->after ? next->after : &first);
    statement_int8(&ask, journal_horizon(journal));
    session_outcome_t went = reads_wait(self, &ask);
    next->found = went == SESSION_OK && statement_rows(&ask) > 0;
    if (next->found)
        next->target = statement_id(&ask, 0, 0);
    statement_end(&ask);
    sql_free(&sql);
    return went;
}

bool journal_item_target(journal_reader_t *self, const uuid_t7 *after, bool dead_only,
                         uuid_t7 *target)
{
    next_t next = {.after = after, .dead = dead_only};
    reads_with_tables(self, s_read_target, &next);
    if (next.found)
        *target = next.target;
    return next.found;
}

/* --- What lies in one segment */

typedef struct {
    uint64_t log;
    const char *what, *table, *columns, *behind;
    bool of_item; /* which must not be forgotten */
    void (*take)(void *arg, const statement_t *ask, unsigned row);
    void *arg;
} of_segment_t;

static session_outcome_t s_read_segment(journal_reader_t *self, const tables_t *tables, void *arg)
{
    const of_segment_t *of = arg;
    const segment_t *segment = tables_segment(tables, of->log);
    sql_t sql = {0};
    statement_t ask;
    char name[STATEMENT_NAME];
    if (!segment)
        return SESSION_OK;
    const journal_t *journal = self->journal;
    unsigned shard = journal->options.shard;
    sql_add(&sql, "SELECT %s FROM postern.%s_%c%u_%u WHERE log = $1 AND $2::bigint >= 0",
            of->columns, of->table, journal->kind, shard, segment->n);
    if (of->of_item)
        sql_add(&sql,
                " AND (EXISTS (SELECT 1 FROM postern.ended_%c%u_%u e WHERE e.log = $1 AND "
                "e.done_ms >= $2) OR EXISTS (SELECT 1 FROM postern.pending p WHERE p.kind = %u AND "
                "p.shard = %u AND p.log = $1))",
                journal->kind, shard, segment->n, journal->number, shard);
    sql_add(&sql, "%s", of->behind);
    snprintf(name, sizeof name, "%s %u", of->what, segment->n);
    statement_begin(&ask, name, sql.text);
    statement_int8(&ask, reads_number(of->log));
    statement_int8(&ask, journal_horizon(journal));
    session_outcome_t went = reads_wait(self, &ask);
    unsigned rows = went == SESSION_OK ? statement_rows(&ask) : 0;
    for (unsigned i = 0; i < rows; i++)
        of->take(of->arg, &ask, i);
    statement_end(&ask);
    sql_free(&sql);
    return went;
}

typedef struct {
    outbox_attempt_fn each;
    void *arg;
} attempts_t;

static void s_take_attempt(void *arg, const statement_t *ask, unsigned row)
{
    const attempts_t *self = arg;
    outbox_attempt_t attempt = {.time_ms = (int64_t)statement_number(ask, row, 1),
                                .duration_us = statement_number(ask, row, 2),
                                .status = (unsigned)statement_number(ask, row, 3),
                                .outcome = (unsigned)statement_number(ask, row, 4),
                                .trace = statement_bytes(ask, row, 5),
                                .answer = statement_bytes(ask, row, 6)};
    self->each(self->arg, (unsigned)statement_number(ask, row, 0), &attempt);
}

void journal_attempts(journal_reader_t *self, uint64_t log, outbox_attempt_fn each, void *arg)
{
    attempts_t attempts = {each, arg};
    of_segment_t of = {log,
                       "attempts",
                       "attempt",
                       "number, time_ms, duration_us, status, outcome, trace, answer",
                       " ORDER BY number",
                       true,
                       s_take_attempt,
                       &attempts};
    reads_with_tables(self, s_read_segment, &of);
}

typedef struct {
    journal_reader_t *reader;
    uint64_t log;
    outbox_record_fn each;
    void *arg;
    bool found;
} one_t;

/* One that is damaged is as good as not there. */
static void s_take_record(void *arg, const statement_t *ask, unsigned row)
{
    one_t *self = arg;
    record_t record;
    self->found =
        reads_record(self->reader, self->log, statement_bytes(ask, row, 0), &record) == SESSION_OK;
    if (self->found)
        self->each(self->arg, &record);
    else
        log_error("journal.damaged", "shard=%u err=%s", self->reader->journal->options.shard,
                  LOG_Q(self->reader->session.text));
}

bool journal_record(journal_reader_t *self, uint64_t log, outbox_record_fn each, void *arg)
{
    one_t one = {self, log, each, arg, false};
    record_t record;
    if (reads_ahead(self, log, &record)) {
        each(arg, &record);
        return true;
    }
    of_segment_t of = {log, "record", "log", "record", "", false, s_take_record, &one};
    reads_with_tables(self, s_read_segment, &of);
    return one.found;
}

/* --- What is kept, and how much there is */

static void s_kept(journal_reader_t *self, note_kind_t what, outbox_kept_fn each, void *arg)
{
    statement_t ask;
    if (!self->journal->delivers)
        return;
    statement_begin(&ask, "kept",
                    "SELECT target, bytes FROM postern.kept WHERE kind = $1 AND shard = $2 AND "
                    "what = $3 ORDER BY target");
    shard_add(&ask, self->journal);
    statement_int2(&ask, (uint16_t)what);
    session_outcome_t went = reads_wait(self, &ask);
    unsigned rows = went == SESSION_OK ? statement_rows(&ask) : 0;
    for (unsigned i = 0; i < rows; i++) {
        uuid_t7 target = statement_id(&ask, i, 0);
        each(arg, &target, statement_bytes(&ask, i, 1));
    }
    statement_end(&ask);
    if (went != SESSION_OK)
        reads_lost(self);
}

void journal_handlers(journal_reader_t *self, outbox_kept_fn each, void *arg)
{
    s_kept(self, NOTE_HANDLER, each, arg);
}

void journal_health(journal_reader_t *self, outbox_kept_fn each, void *arg)
{
    s_kept(self, NOTE_HEALTH, each, arg);
}

static session_outcome_t s_read_counts(journal_reader_t *self, const tables_t *tables, void *arg)
{
    outbox_counts_t *counts = arg;
    const journal_t *journal = self->journal;
    sql_t sql = {0};
    statement_t ask;
    char name[STATEMENT_NAME];
    sql_add(&sql,
            "SELECT (SELECT count(*) FROM postern.pending WHERE kind = %u AND shard = %u), (SELECT "
            "coalesce(sum(n), 0)::bigint FROM (SELECT 0::bigint AS n WHERE $1::bigint >= 0",
            journal->number, journal->options.shard);
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(&sql,
                " UNION ALL SELECT count(*) FROM postern.ended_%c%u_%u WHERE state = 3 AND done_ms "
                ">= $1",
                journal->kind, journal->options.shard, tables->segments[i].n);
    sql_add(&sql, ") c)");
    snprintf(name, sizeof name, "counts %u", tables->version);
    statement_begin(&ask, name, sql.text);
    statement_int8(&ask, journal_horizon(journal));
    session_outcome_t went = reads_wait(self, &ask);
    if (went == SESSION_OK)
        *counts = (outbox_counts_t){statement_number(&ask, 0, 0), statement_number(&ask, 0, 1)};
    statement_end(&ask);
    sql_free(&sql);
    return went;
}

outbox_counts_t journal_outbox_counts(journal_reader_t *self)
{
    outbox_counts_t counts = {0};
    reads_with_tables(self, s_read_counts, &counts);
    return counts;
}

bool journal_is_served(const journal_t *self)
{
    (void)self;
    return true;
}
