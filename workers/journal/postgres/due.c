/* Reading what is due, alone or with its records: these come in the same statement, because a read
 * costs the way to the server. */
#include "workers/journal/outbox.h"
#include "workers/journal/postgres/reads.h"

#include <stdio.h>
#include <stdlib.h>

#define DUE_FIELDS "target, place, log, due_ms, stored_ms, first_ms, made"
enum { DUE_LOG = 2, DUE_RECORD = 7 };

static session_outcome_t s_ask_due(journal_reader_t *self, const outbox_place_t *from,
                                   uint64_t most, statement_t *ask)
{
    statement_begin(ask, "due",
                    "SELECT " DUE_FIELDS " FROM "
                    "postern.pending WHERE kind = $1 AND shard = $2 AND (target, place, log) >= "
                    "($3, $4, $5) ORDER BY target, place, log LIMIT $6");
    shard_add(ask, self->journal);
    statement_uuid(ask, &from->target);
    statement_int8(ask, reads_number(from->order));
    statement_int8(ask, reads_number(from->log));
    statement_int8(ask, most);
    return reads_wait(self, ask);
}

static outbox_due_t s_due(const statement_t *ask, unsigned row)
{
    return (outbox_due_t){.place = {.target = statement_id(ask, row, 0),
                                    .order = statement_number(ask, row, 1),
                                    .log = statement_number(ask, row, DUE_LOG)},
                          .due_ms = statement_number(ask, row, 3),
                          .stored_ms = statement_number(ask, row, 4),
                          .first_ms = statement_number(ask, row, 5),
                          .made = (unsigned)statement_number(ask, row, 6)};
}

/* The rows of ASK; *AT: where to go on. False: no more are wanted. */
static bool s_give(const statement_t *ask, outbox_place_t *at, outbox_due_fn each, void *arg)
{
    unsigned rows = statement_rows(ask);
    bool more = true;
    for (unsigned i = 0; i < rows && more; i++) {
        outbox_due_t due = s_due(ask, i);
        *at = due.place;
        at->log++;
        more = each(arg, &due);
    }
    return more;
}

void journal_due(journal_reader_t *self, const outbox_place_t *from, outbox_due_fn each, void *arg)
{
    outbox_place_t at = *from;
    session_outcome_t went = SESSION_OK;
    bool more = self->journal->delivers;
    for (uint64_t most = READS_CHUNK; more && went == SESSION_OK;) {
        statement_t ask;
        went = s_ask_due(self, &at, most, &ask);
        more = went == SESSION_OK && s_give(&ask, &at, each, arg) && statement_rows(&ask) == most;
        statement_end(&ask);
        most = most < READS_MOST ? 4 * most : most;
    }
    if (went != SESSION_OK)
        reads_lost(self);
}

/* The server counts: nothing of it goes over the network. */
bool journal_tally(journal_reader_t *self, outbox_tally_t *tally)
{
    statement_t ask;
    if (!self->journal->delivers)
        return false;
    statement_begin(&ask, "tally",
                    "SELECT count(*) FILTER (WHERE due_ms > $3), min(stored_ms) FROM "
                    "postern.pending WHERE kind = $1 AND shard = $2");
    shard_add(&ask, self->journal);
    statement_int8(&ask, reads_number(tally->now_ms));
    session_outcome_t went = reads_wait(self, &ask);
    if (went == SESSION_OK) {
        uint64_t oldest_ms = statement_number(&ask, 0, 1);
        tally->delayed = statement_number(&ask, 0, 0);
        if (!statement_is_null(&ask, 0, 1) && oldest_ms < tally->oldest_ms)
            tally->oldest_ms = oldest_ms;
    }
    statement_end(&ask);
    if (went != SESSION_OK)
        reads_lost(self);
    return false;
}

/* --- With records */

typedef struct {
    outbox_place_t at;
    const outbox_ahead_t *ahead;
    outbox_due_fn each;
    void *arg;
    bool more;  /* there are more than came, or nothing came */
    bool front; /* it begins where the target's items do */
} along_t;

/* A record counts where those before it do not fill what is to be read along. */
static void s_along_sql(const journal_t *journal, const tables_t *tables, sql_t *sql)
{
    sql_add(sql, "SELECT " DUE_FIELDS
                 ", CASE WHEN coalesce(sum(octet_length(record)) OVER w, 0) < $9 AND count(record) "
                 "OVER w < $10 THEN record END FROM (SELECT p.*, l.record FROM (SELECT " DUE_FIELDS
                 ", due_ms <= $7 AND log <> ALL ($8) AS wanted FROM postern.pending WHERE kind = "
                 "$1 AND shard = $2 AND target = $3 AND (place, log) >= ($4, $5) ORDER BY place, "
                 "log LIMIT $6) p LEFT JOIN LATERAL (");
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(sql, "%sSELECT record FROM postern.log_%c%u_%u WHERE log = p.log AND p.wanted",
                i ? " UNION ALL " : "", journal->kind, journal->options.shard,
                tables->segments[i].n);
    sql_add(sql, ") l ON true) d WINDOW w AS (ORDER BY place, log ROWS BETWEEN UNBOUNDED PRECEDING "
                 "AND 1 PRECEDING) ORDER BY place, log");
}

/* One item more than are taken says that there are more. */
static session_outcome_t s_ask_along(journal_reader_t *self, const tables_t *tables,
                                     const along_t *along, uint64_t most)
{
    const outbox_ahead_t *ahead = along->ahead;
    statement_t *ask = &self->ahead;
    array_t known = {0};
    sql_t sql = {0};
    char name[STATEMENT_NAME];
    s_along_sql(self->journal, tables, &sql);
    snprintf(name, sizeof name, "due along %u", tables->version);
    statement_begin(ask, name, sql.text);
    shard_add(ask, self->journal);
    statement_uuid(ask, &along->at.target);
    statement_int8(ask, reads_number(along->at.order));
    statement_int8(ask, reads_number(along->at.log));
    statement_int8(ask, most);
    statement_int8(ask, reads_number(ahead->until_ms));
    array_begin(&known, TYPE_INT8);
    for (size_t i = 0; i < ahead->known_len; i++)
        array_add_int8(&known, ahead->known[i]);
    statement_array(ask, &known, TYPE_INT8S);
    statement_int8(ask, ahead->bytes);
    statement_int8(ask, ahead->most);
    session_outcome_t went = reads_wait(self, ask);
    array_free(&known);
    sql_free(&sql);
    return went;
}

static uint64_t s_first(const statement_t *rows)
{
    return statement_rows(rows) > 0 ? s_due(rows, 0).place.order : UINT64_MAX;
}

/* What the server refuses with records, it may give without: they are read one by one then. */
static session_outcome_t s_read_along(journal_reader_t *self, const tables_t *tables, void *arg)
{
    along_t *along = arg;
    uint64_t most = along->ahead->most + along->ahead->known_len + 1;
    along->more = true;
    reads_ahead_end(self);
    if (tables->segments_len == 0)
        return SESSION_OK;
    if (along->front)
        along->at.order = fronts_begin(&self->journal->fronts, &along->at.target);
    session_outcome_t went = s_ask_along(self, tables, along, most);
    if (went == SESSION_OK && along->front)
        fronts_end(&self->journal->fronts, &along->at.target, s_first(&self->ahead));
    along->front = false;
    if (went == SESSION_OK)
        along->more = s_give(&self->ahead, &along->at, along->each, along->arg) &&
                      statement_rows(&self->ahead) == most;
    else
        reads_ahead_end(self);
    return went == SESSION_REFUSED ? SESSION_OK : went;
}

void journal_due_ahead(journal_reader_t *self, const outbox_place_t *from,
                       const outbox_ahead_t *ahead, outbox_due_fn each, void *arg)
{
    along_t along = {.at = *from,
                     .ahead = ahead,
                     .each = each,
                     .arg = arg,
                     .front = from->order == 0 && from->log == 0};
    if (!self->journal->delivers)
        return;
    reads_with_tables(self, s_read_along, &along);
    if (along.more && !self->failed)
        journal_due(self, &along.at, each, arg);
}

bool reads_ahead(journal_reader_t *self, uint64_t log, record_t *record)
{
    const statement_t *rows = &self->ahead;
    unsigned count = rows->result ? statement_rows(rows) : 0;
    for (unsigned i = 0; i < count; i++)
        if (statement_number(rows, i, DUE_LOG) == log && !statement_is_null(rows, i, DUE_RECORD))
            return record_read(record, statement_bytes(rows, i, DUE_RECORD)) == 0;
    return false;
}

void reads_ahead_end(journal_reader_t *self)
{
    statement_end(&self->ahead);
}
