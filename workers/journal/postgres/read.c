/* Reading back: what is durable, from the segments that may have it, merged by sequence. */
#include "workers/journal/postgres/reads.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <stdlib.h>

void reads_failed(journal_reader_t *self)
{
    log_warn("journal.unread", "shard=%u err=%s", self->journal->options.shard,
             LOG_Q(self->session.text));
    session_close(&self->session);
    self->failed = true;
}

session_outcome_t reads_ask(journal_reader_t *self, statement_t *ask)
{
    session_outcome_t went = SESSION_AWAY;
    for (unsigned i = 0; i < READS_TRIES; i++) {
        went = session_is_open(&self->session)
                   ? SESSION_OK
                   : session_open(&self->session, self->journal->connection);
        if (went == SESSION_OK) {
            metric_add(METRIC_journal_reads_total, 1);
            went = session_exchange(&self->session, ask, 1, SESSION_DEADLINE_MS);
        }
        if (went != SESSION_AWAY && went != SESSION_UNKNOWN)
            break;
    }
    return went;
}

/* The first and the last sequence of a target among what is durable. */
static void s_range_sql(const journal_t *journal, const tables_t *tables, sql_t *sql)
{
    unsigned shard = journal->options.shard;
    sql_add(sql, "SELECT (SELECT min(s) FROM (SELECT NULL::bigint AS s");
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(sql,
                " UNION ALL (SELECT sequence FROM postern.log_%c%u_%u WHERE target = $1 AND log < "
                "$2 ORDER BY sequence LIMIT 1)",
                journal->kind, shard, tables->segments[i].n);
    sql_add(sql,
            ") a), (SELECT max(s) FROM (SELECT sequence AS s FROM postern.target_floor WHERE "
            "kind = %u AND shard = %u AND target = $1",
            journal->number, shard);
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(sql,
                " UNION ALL (SELECT sequence FROM postern.log_%c%u_%u WHERE target = $1 AND log < "
                "$2 ORDER BY sequence DESC LIMIT 1)",
                journal->kind, shard, tables->segments[i].n);
    sql_add(sql, ") b)");
}

static session_outcome_t s_range(journal_reader_t *self, const tables_t *tables,
                                 const uuid_t7 *target, uint64_t end_log, journal_range_t *range)
{
    sql_t sql = {0};
    char name[STATEMENT_NAME];
    statement_t ask;
    s_range_sql(self->journal, tables, &sql);
    snprintf(name, sizeof name, "range %u", tables->version);
    statement_begin(&ask, name, sql.text);
    statement_uuid(&ask, target);
    statement_int8(&ask, end_log);
    session_outcome_t went = reads_ask(self, &ask);
    sql_free(&sql);
    if (went != SESSION_OK)
        return went;
    range->last = statement_number(&ask, 0, 1);
    range->first = statement_is_null(&ask, 0, 0) ? range->last + 1 : statement_number(&ask, 0, 0);
    statement_end(&ask);
    return SESSION_OK;
}

static void s_rows_sql(const journal_t *journal, const tables_t *tables, sql_t *sql)
{
    sql_add(sql, "SELECT log, sequence, record FROM (");
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(sql,
                "%sSELECT log, sequence, record FROM postern.log_%c%u_%u WHERE target = $1 AND "
                "sequence >= $2 AND log < $3",
                i ? " UNION ALL " : "", journal->kind, journal->options.shard,
                tables->segments[i].n);
    sql_add(sql, ") r ORDER BY sequence LIMIT $4");
}

/* A read on its way. */
typedef struct {
    const uuid_t7 *target;
    uint64_t next, end_log;
    journal_each_fn each;
    void *arg;
    uint64_t most; /* rows at once */
    bool more;
} walk_t;

session_outcome_t reads_record(journal_reader_t *self, uint64_t log, slice_t bytes,
                               record_t *record)
{
    if (record_read(record, bytes) == 0)
        return SESSION_OK;
    snprintf(self->session.text, sizeof self->session.text, "the record at %llu is damaged",
             (unsigned long long)log);
    self->damaged = true;
    return SESSION_REFUSED;
}

static session_outcome_t s_give(journal_reader_t *self, walk_t *walk, const statement_t *rows)
{
    unsigned count = statement_rows(rows);
    session_outcome_t went = SESSION_OK;
    for (unsigned i = 0; i < count && walk->more && went == SESSION_OK; i++) {
        record_t record;
        uint64_t log = statement_number(rows, i, 0);
        went = reads_record(self, log, statement_bytes(rows, i, 2), &record);
        walk->next = statement_number(rows, i, 1) + 1;
        if (went == SESSION_OK)
            walk->more = walk->each(walk->arg, log, &record);
    }
    walk->more &= count == walk->most;
    return went;
}

static session_outcome_t s_rows(journal_reader_t *self, const tables_t *tables, walk_t *walk)
{
    sql_t sql = {0};
    char name[STATEMENT_NAME];
    session_outcome_t went = SESSION_OK;
    s_rows_sql(self->journal, tables, &sql);
    snprintf(name, sizeof name, "rows %u", tables->version);
    while (walk->more && went == SESSION_OK) {
        statement_t ask;
        statement_begin(&ask, name, sql.text);
        statement_uuid(&ask, walk->target);
        statement_int8(&ask, walk->next);
        statement_int8(&ask, walk->end_log);
        statement_int8(&ask, walk->most);
        went = reads_ask(self, &ask);
        if (went == SESSION_OK)
            went = s_give(self, walk, &ask);
        statement_end(&ask);
    }
    sql_free(&sql);
    return went;
}

/* A segment that is dropped meanwhile was due: the rest is read without it. */
static void s_read(journal_reader_t *self, journal_range_t *range, walk_t *walk)
{
    tables_t *tables = malloc(sizeof *tables);
    session_outcome_t went = SESSION_GONE;
    if (!tables)
        abort();
    *range = (journal_range_t){.first = 1};
    for (unsigned i = 0; i < READS_TRIES && went == SESSION_GONE; i++) {
        tables_copy(self->journal, tables);
        went = tables->segments_len == 0
                   ? SESSION_OK
                   : s_range(self, tables, walk->target, walk->end_log, range);
        if (went == SESSION_OK && walk->each && range->first <= range->last)
            went = s_rows(self, tables, walk);
    }
    free(tables);
    if (went != SESSION_OK)
        reads_failed(self);
}

static walk_t s_walk(const journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                     journal_each_fn each, void *arg)
{
    return (walk_t){.target = target,
                    .next = from,
                    .end_log = atomic_load(&self->journal->committed_log),
                    .each = each,
                    .arg = arg,
                    .most = READS_CHUNK,
                    .more = true};
}

void journal_read(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                  journal_range_t *range, journal_each_fn each, void *arg)
{
    walk_t walk = s_walk(self, target, from, each, arg);
    s_read(self, range, &walk);
}

void journal_range(journal_reader_t *self, const uuid_t7 *target, journal_range_t *range)
{
    walk_t walk = s_walk(self, target, 0, NULL, NULL);
    s_read(self, range, &walk);
}

void reads_one(journal_reader_t *self, const uuid_t7 *target, uint64_t from, journal_each_fn each,
               void *arg)
{
    walk_t walk = s_walk(self, target, from, each, arg);
    journal_range_t ignored;
    walk.most = 1;
    s_read(self, &ignored, &walk);
}

/* A read that failed says so through journal_try, where it is in one. */
bool journal_try(journal_reader_t *self, void (*read)(void *arg), void *arg)
{
    self->failed = self->damaged = false;
    self->trying = true;
    read(arg);
    reads_ahead_end(self);
    self->trying = false;
    if (self->damaged)
        metric_add(METRIC_damaged_reads_total, 1);
    return !self->failed;
}

journal_asked_t journal_tried(const journal_reader_t *self)
{
    return self->damaged ? JOURNAL_DAMAGED : JOURNAL_UNREACHED;
}

journal_reader_t *journal_reader(journal_t *self)
{
    return &self->reader;
}
