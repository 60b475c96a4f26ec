/* The segments, and the tables of keys: what there is, and the next one. */
#include "workers/journal/postgres/postgres.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The rows of the open segment, and the running clock of the last. */
static session_outcome_t s_measure(journal_t *self, session_t *session, segment_t *open)
{
    sql_t sql = {0};
    statement_t ask;
    record_t record;
    sql_begin(&sql);
    sql_add(&sql, "SELECT log, record FROM postern.log_%c%u_%u ORDER BY log DESC LIMIT 1",
            self->kind, self->options.shard, open->n);
    statement_begin(&ask, "", sql.text);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    sql_free(&sql);
    if (went != SESSION_OK)
        return went;
    open->end_log = open->first_log;
    open->last_ms = open->first_ms;
    if (statement_rows(&ask)) {
        open->end_log = statement_number(&ask, 0, 0) + 1;
        if (record_read(&record, statement_bytes(&ask, 0, 1)) == 0)
            open->last_ms = (uint64_t)record.running_ms;
    }
    statement_end(&ask);
    return SESSION_OK;
}

/* What this process knows better: the bytes of the open one. */
static void s_keep_bytes(const tables_t *known, tables_t *to)
{
    for (unsigned i = 0; i < known->segments_len; i++)
        for (unsigned k = 0; k < to->segments_len; k++)
            if (known->segments[i].n == to->segments[k].n &&
                known->segments[i].bytes > to->segments[k].bytes)
                to->segments[k].bytes = known->segments[i].bytes;
}

static session_outcome_t s_read_segments(journal_t *self, session_t *session, tables_t *to)
{
    statement_t ask;
    statement_begin(&ask, "",
                    "SELECT n, first_log, last_log, first_ms, last_ms, bytes, ids FROM "
                    "postern.segment WHERE kind = $1 AND shard = $2 ORDER BY n");
    shard_add(&ask, self);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    unsigned rows = statement_rows(&ask), from = rows > SEGMENTS_MOST ? rows - SEGMENTS_MOST : 0;
    to->segments_len = 0;
    for (unsigned i = from; i < rows; i++) {
        segment_t *segment = &to->segments[to->segments_len++];
        *segment = (segment_t){.n = (unsigned)statement_number(&ask, i, 0),
                               .first_log = statement_number(&ask, i, 1),
                               .end_log = statement_number(&ask, i, 2) + 1,
                               .first_ms = statement_number(&ask, i, 3),
                               .last_ms = statement_number(&ask, i, 4),
                               .bytes = statement_number(&ask, i, 5),
                               .ids = statement_number(&ask, i, 6)};
    }
    statement_end(&ask);
    segment_t *open = tables_open_segment(to);
    return open ? s_measure(self, session, open) : SESSION_OK;
}

static session_outcome_t s_count_keys(journal_t *self, session_t *session, keys_t *keys)
{
    sql_t sql = {0};
    statement_t ask;
    sql_begin(&sql);
    sql_add(&sql, "SELECT count(*), max(running_ms) FROM postern.keys_%c%u_%u", self->kind,
            self->options.shard, keys->n);
    statement_begin(&ask, "", sql.text);
    session_outcome_t went = session_exchange(session, &ask, 1, 10 * SESSION_DEADLINE_MS);
    sql_free(&sql);
    if (went != SESSION_OK)
        return went;
    keys->count = statement_number(&ask, 0, 0);
    keys->last_ms = statement_number(&ask, 0, 1);
    statement_end(&ask);
    return SESSION_OK;
}

static session_outcome_t s_read_keys(journal_t *self, session_t *session, tables_t *to)
{
    statement_t ask;
    statement_begin(
        &ask, "", "SELECT n, first_ms FROM postern.keys WHERE kind = $1 AND shard = $2 ORDER BY n");
    shard_add(&ask, self);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    unsigned rows = statement_rows(&ask), from = rows > KEYS + 1 ? rows - KEYS - 1 : 0;
    to->keys_len = 0;
    for (unsigned i = from; i < rows; i++)
        to->keys[to->keys_len++] = (keys_t){.n = (unsigned)statement_number(&ask, i, 0),
                                            .first_ms = statement_number(&ask, i, 1)};
    statement_end(&ask);
    for (unsigned i = 0; i < to->keys_len && went == SESSION_OK; i++)
        went = s_count_keys(self, session, &to->keys[i]);
    return went;
}

session_outcome_t tables_read(journal_t *self, session_t *session)
{
    tables_t *to = calloc(1, sizeof *to);
    if (!to)
        abort();
    session_outcome_t went = s_read_segments(self, session, to);
    if (went == SESSION_OK)
        went = s_read_keys(self, session, to);
    if (went == SESSION_OK) {
        pthread_mutex_lock(&self->lock);
        s_keep_bytes(&self->tables, to);
        to->version = self->tables.version + 1;
        self->tables = *to;
        pthread_mutex_unlock(&self->lock);
    }
    free(to);
    return went;
}

/* Of all that stands in them. */
static uint64_t s_bytes(const tables_t *tables)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < tables->segments_len; i++)
        bytes += tables->segments[i].bytes;
    return bytes;
}

bool tables_is_full(const journal_t *self, uint64_t running_ms)
{
    const tables_t *tables = &self->known;
    if (tables->segments_len == 0)
        return true;
    const segment_t *open = &tables->segments[tables->segments_len - 1];
    uint64_t share_ms = self->options.retention_ms / SEGMENT_SHARES;
    uint64_t most_ms =
        share_ms < SEGMENT_MS || tables->segments_len > SEGMENTS / 2 ? share_ms : SEGMENT_MS;
    uint64_t most = s_bytes(tables) / SEGMENT_SHARES;
    most = most > SEGMENT_BYTES ? most : SEGMENT_BYTES;
    if (self->options.retention_bytes)
        most = self->options.retention_bytes / 16;
    if (open->end_log == open->first_log || tables->segments_len >= SEGMENTS)
        return false;
    return running_ms - open->first_ms >= most_ms || open->bytes >= most;
}

bool tables_are_keys_full(const journal_t *self, uint64_t running_ms)
{
    unsigned len = self->known.keys_len;
    return len == 0 || (len < KEYS && running_ms - self->known.keys[len - 1].first_ms >= KEYS_MS);
}

/* Ends the open one; n 0 where there is none. */
static void s_seal_begin(statement_t *to, const journal_t *self, const segment_t *open)
{
    statement_begin(to, "",
                    "UPDATE postern.segment SET last_log = $4, last_ms = $5, bytes = $6 WHERE kind "
                    "= $1 AND shard = $2 AND n = $3");
    shard_add(to, self);
    statement_int8(to, open ? open->n : 0);
    statement_int8(to, open ? open->end_log - 1 : 0);
    statement_int8(to, open ? open->last_ms : 0);
    statement_int8(to, open ? open->bytes : 0);
}

static void s_insert_begin(statement_t *to, const journal_t *self, const segment_t *next)
{
    statement_begin(to, "",
                    "INSERT INTO postern.segment (kind, shard, n, first_log, first_ms, bytes, ids) "
                    "VALUES ($1, $2, $3, $4, $5, 0, true)");
    shard_add(to, self);
    statement_int8(to, next->n);
    statement_int8(to, next->first_log);
    statement_int8(to, next->first_ms);
}

/* What items.h says of a segment. */
enum { ITEM_TABLES = 4 };
static void s_items_begin(const journal_t *self, const segment_t *segment, sql_t sql[ITEM_TABLES],
                          statement_t *make, unsigned *count)
{
    char name[32];
    snprintf(name, sizeof name, "%c%u_%u", self->kind, self->options.shard, segment->n);
    sql_add(&sql[0],
            "CREATE TABLE postern.ended_%s (log bigint PRIMARY KEY, target uuid NOT NULL, id uuid "
            "NOT NULL, state smallint NOT NULL, made bigint NOT NULL, attempts bigint NOT NULL, "
            "place bigint NOT NULL, stored_ms bigint NOT NULL, first_ms bigint NOT NULL, time_ms "
            "bigint NOT NULL, done_ms bigint NOT NULL, replied boolean NOT NULL)",
            name);
    sql_add(&sql[1], "CREATE INDEX ended_%s_target ON postern.ended_%s (target, log)", name, name);
    sql_add(&sql[2], "CREATE INDEX ended_%s_dead ON postern.ended_%s (target, log) WHERE state = 3",
            name, name);
    sql_add(&sql[3],
            "CREATE TABLE postern.attempt_%s (log bigint, number bigint, time_ms bigint NOT NULL, "
            "duration_us bigint NOT NULL, status smallint NOT NULL, outcome smallint NOT NULL, "
            "trace bytea NOT NULL, answer bytea NOT NULL, PRIMARY KEY (log, number))",
            name);
    for (unsigned i = 0; i < ITEM_TABLES; i++)
        statement_begin(&make[(*count)++], "", sql[i].text);
}

/* Bodies are not compressed by the server: it costs more than it saves. */
static session_outcome_t s_make(journal_t *self, const segment_t *open, const segment_t *next)
{
    enum { FENCE, SEAL, TABLE, STORAGE, IDS, TARGETS, INSERT, ALL };
    statement_t make[ALL + ITEM_TABLES];
    sql_t sql[ALL] = {{0}};
    char name[48];
    snprintf(name, sizeof name, "log_%c%u_%u", self->kind, self->options.shard, next->n);
    sql_add(
        &sql[TABLE],
        "CREATE TABLE postern.%s (log bigint PRIMARY KEY, target uuid NOT NULL, sequence bigint "
        "NOT NULL, id uuid, answer smallint NOT NULL, record bytea NOT NULL)",
        name);
    sql_add(&sql[STORAGE], "ALTER TABLE postern.%s ALTER COLUMN record SET STORAGE EXTERNAL", name);
    sql_add(&sql[IDS], "CREATE UNIQUE INDEX %s_id ON postern.%s (id)", name, name);
    sql_add(&sql[TARGETS], "CREATE INDEX %s_target ON postern.%s (target, sequence)", name, name);
    fence_begin(&make[FENCE], self);
    s_seal_begin(&make[SEAL], self, open);
    for (unsigned i = TABLE; i <= TARGETS; i++)
        statement_begin(&make[i], "", sql[i].text);
    s_insert_begin(&make[INSERT], self, next);
    unsigned count = ALL;
    sql_t of_items[ITEM_TABLES] = {{0}};
    if (self->delivers)
        s_items_begin(self, next, of_items, make, &count);
    session_outcome_t went = session_exchange(&self->writing, make, count, SESSION_DEADLINE_MS);
    statement_end_all(make, count);
    for (unsigned i = 0; i < ALL; i++)
        sql_free(&sql[i]);
    for (unsigned i = 0; i < ITEM_TABLES; i++)
        sql_free(&of_items[i]);
    return went;
}

session_outcome_t tables_roll(journal_t *self, uint64_t running_ms)
{
    const segment_t *open = tables_open_segment(&self->known);
    segment_t next = {.n = open ? open->n + 1 : 1,
                      .first_log = open ? open->end_log : 1,
                      .end_log = open ? open->end_log : 1,
                      .first_ms = running_ms,
                      .last_ms = running_ms,
                      .ids = true};
    session_outcome_t went = s_make(self, open, &next);
    if (went == SESSION_FENCED)
        fence_lost(self);
    if (went != SESSION_OK)
        return went;
    pthread_mutex_lock(&self->lock);
    assert(self->tables.segments_len < SEGMENTS_MOST);
    self->tables.segments[self->tables.segments_len++] = next;
    self->tables.version++;
    pthread_mutex_unlock(&self->lock);
    tables_copy(self, &self->known);
    return went;
}

void tables_roll_on(journal_t *self, uint64_t running_ms)
{
    tables_copy(self, &self->known);
    if (self->known.segments_len && !atomic_load(&self->gone) && !atomic_load(&self->full) &&
        tables_is_full(self, running_ms))
        tables_roll(self, running_ms); /* else with the next message */
}

session_outcome_t tables_roll_keys(journal_t *self, uint64_t running_ms)
{
    statement_t make[3];
    sql_t sql = {0};
    unsigned len = self->known.keys_len;
    keys_t next = {.n = len ? self->known.keys[len - 1].n + 1 : 1, .first_ms = running_ms};
    fence_begin(&make[0], self);
    sql_add(&sql,
            "CREATE TABLE postern.keys_%c%u_%u (key bytea PRIMARY KEY, log bigint NOT NULL, "
            "time_ms bigint NOT NULL, running_ms bigint NOT NULL, answer smallint NOT NULL, hash "
            "bytea NOT NULL, revision bigint NOT NULL, root_number bigint NOT NULL, root_ms bigint "
            "NOT NULL)",
            self->kind, self->options.shard, next.n);
    statement_begin(&make[1], "", sql.text);
    statement_begin(&make[2], "",
                    "INSERT INTO postern.keys (kind, shard, n, first_ms) VALUES ($1, $2, $3, $4)");
    shard_add(&make[2], self);
    statement_int8(&make[2], next.n);
    statement_int8(&make[2], next.first_ms);
    session_outcome_t went = session_exchange(&self->writing, make, 3, SESSION_DEADLINE_MS);
    statement_end_all(make, 3);
    sql_free(&sql);
    if (went == SESSION_FENCED)
        fence_lost(self);
    if (went != SESSION_OK)
        return went;
    pthread_mutex_lock(&self->lock);
    assert(self->tables.keys_len <= KEYS);
    self->tables.keys[self->tables.keys_len++] = next;
    self->tables.version++;
    pthread_mutex_unlock(&self->lock);
    tables_copy(self, &self->known);
    return went;
}

void clock_begin(statement_t *to, const journal_t *journal, uint64_t running_ms)
{
    statement_begin(to, "clock",
                    "UPDATE postern.lease SET beat = beat + 1, running_ms = greatest(running_ms, "
                    "$1) WHERE what = $2");
    statement_int8(to, running_ms);
    statement_text(to, journal->lease);
}

session_outcome_t tables_save(journal_t *self, session_t *session)
{
    statement_t save[3];
    pthread_mutex_lock(&self->lock);
    const segment_t *at = tables_open_segment(&self->tables);
    segment_t open = at ? *at : (segment_t){0};
    pthread_mutex_unlock(&self->lock);
    fence_begin(&save[0], self);
    clock_begin(&save[1], self, atomic_load(&self->running_ms));
    statement_begin(&save[2], "",
                    "UPDATE postern.segment SET bytes = $4 WHERE kind = $1 AND shard = $2 AND n = "
                    "$3 AND last_log IS NULL");
    shard_add(&save[2], self);
    statement_int8(&save[2], open.n);
    statement_int8(&save[2], open.bytes);
    session_outcome_t went = session_exchange(session, save, 3, SESSION_DEADLINE_MS);
    statement_end_all(save, 3);
    return went;
}
