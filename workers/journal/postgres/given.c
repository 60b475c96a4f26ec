/* A journal in PostgreSQL as exported entries. */
#include "workers/journal/postgres/port.h"
#include "workers/journal/revisions.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 256, BYTES = 8 << 20, KEY_ROWS = 4096 };

typedef enum { ROWS, PENDING, ENDED, ATTEMPTS, STATEMENTS } part_t;

struct given {
    port_t *port;
    export_kind_t stage;
    unsigned table; /* of the segments, or of the tables of keys */
    bool asked;     /* ROWS has rows, from ROW on */
    unsigned row, next[STATEMENTS];
    uint64_t from; /* log sequence */
    char key[512]; /* the last one */
    size_t key_len;
    statement_t ask[STATEMENTS];
    sql_t sql[STATEMENTS];
    uint64_t numbers[RETENTION_NUMBERS];
    journal_exported_t entry;
};

given_t *given_new(port_t *port)
{
    given_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->port = port;
    return self;
}

static void s_end(given_t *self)
{
    statement_end_all(self->ask, STATEMENTS);
    self->asked = false;
}

void given_destroy(given_t **self_p)
{
    given_t *self = *self_p;
    if (!self)
        return;
    s_end(self);
    for (unsigned i = 0; i < STATEMENTS; i++)
        sql_free(&self->sql[i]);
    free(self);
    *self_p = NULL;
}

static int s_ask(given_t *self, unsigned count, char *err, size_t err_size)
{
    session_outcome_t went =
        session_exchange(&self->port->journal.writing, self->ask, count, PORT_MS);
    self->asked = went == SESSION_OK;
    self->row = 0;
    return self->asked ? 0 : port_say(self->port, "reading", err, err_size);
}

/* --- Records, with their items */

/* The items of the rows that came, and their attempts, in the order of the rows. */
static void s_items_begin(given_t *self, uint64_t first, uint64_t last)
{
    const journal_t *journal = &self->port->journal;
    unsigned n = journal->tables.segments[self->table].n;
    unsigned long long from = first, to = last;
    sql_t *sql = self->sql;
    sql_begin(&sql[PENDING]);
    sql_add(&sql[PENDING],
            "SELECT log, made, attempts, place, stored_ms, first_ms, replied, 1::bigint, due_ms "
            "FROM postern.pending WHERE kind = %u AND shard = %u AND log BETWEEN %llu AND %llu "
            "ORDER BY log",
            journal->number, journal->options.shard, from, to);
    sql_begin(&sql[ENDED]);
    sql_add(&sql[ENDED],
            "SELECT log, made, attempts, place, stored_ms, first_ms, replied, state::bigint, "
            "done_ms FROM postern.ended_%c%u_%u WHERE log BETWEEN %llu AND %llu ORDER BY log",
            journal->kind, journal->options.shard, n, from, to);
    sql_begin(&sql[ATTEMPTS]);
    sql_add(&sql[ATTEMPTS],
            "SELECT log, number, time_ms, duration_us, status, outcome, trace, answer FROM "
            "postern.attempt_%c%u_%u WHERE log BETWEEN %llu AND %llu ORDER BY log, number",
            journal->kind, journal->options.shard, n, from, to);
    for (unsigned i = PENDING; i < STATEMENTS; i++) {
        statement_begin(&self->ask[i], "", sql[i].text);
        self->next[i] = 0;
    }
}

static int s_ask_items(given_t *self, unsigned rows, char *err, size_t err_size)
{
    const statement_t *ask = &self->ask[ROWS];
    s_items_begin(self, statement_number(ask, 0, 0), statement_number(ask, rows - 1, 0));
    session_outcome_t went = session_exchange(&self->port->journal.writing, self->ask + PENDING,
                                              STATEMENTS - PENDING, PORT_MS);
    return went == SESSION_OK ? 0 : port_say(self->port, "reading items", err, err_size);
}

/* As many as have some megabytes. */
static int s_ask_records(given_t *self, char *err, size_t err_size)
{
    const journal_t *journal = &self->port->journal;
    sql_t *sql = &self->sql[ROWS];
    s_end(self);
    sql_begin(sql);
    sql_add(sql,
            "SELECT log, id IS NOT NULL, answer, record FROM (SELECT *, sum(octet_length(record)) "
            "OVER (ORDER BY log) - octet_length(record) AS before FROM (SELECT * FROM "
            "postern.log_%c%u_%u WHERE log >= %llu ORDER BY log LIMIT %u) page) page WHERE before "
            "< %u ORDER BY log",
            journal->kind, journal->options.shard, journal->tables.segments[self->table].n,
            (unsigned long long)self->from, (unsigned)MOST, (unsigned)BYTES);
    statement_begin(&self->ask[ROWS], "", sql->text);
    if (s_ask(self, 1, err, err_size) != 0)
        return -1;
    unsigned rows = statement_rows(&self->ask[ROWS]);
    if (rows == 0)
        return 0;
    self->from = statement_number(&self->ask[ROWS], rows - 1, 0) + 1;
    return journal->delivers ? s_ask_items(self, rows, err, err_size) : 0;
}

static void s_give_attempts(given_t *self)
{
    const statement_t *rows = &self->ask[ATTEMPTS];
    journal_exported_t *entry = &self->entry;
    unsigned *at = &self->next[ATTEMPTS], end = statement_rows(rows), first = *at;
    while (first < end && statement_number(rows, first, 0) < entry->log)
        first++;
    for (*at = first; *at < end && statement_number(rows, *at, 0) == entry->log;)
        ++*at;
    if (*at - first > OUTBOX_ATTEMPTS)
        first = *at - OUTBOX_ATTEMPTS;
    for (unsigned i = first; i < *at; i++) {
        entry->numbers[entry->attempts_len] = statement_number(rows, i, 1);
        entry->attempts[entry->attempts_len++] =
            (outbox_attempt_t){.time_ms = (int64_t)statement_number(rows, i, 2),
                               .duration_us = statement_number(rows, i, 3),
                               .status = (unsigned)statement_number(rows, i, 4),
                               .outcome = (unsigned)statement_number(rows, i, 5),
                               .trace = statement_bytes(rows, i, 6),
                               .answer = statement_bytes(rows, i, 7)};
    }
}

static void s_give_item(given_t *self, part_t part)
{
    const statement_t *rows = &self->ask[part];
    journal_exported_t *entry = &self->entry;
    unsigned *at = &self->next[part];
    while (*at < statement_rows(rows) && statement_number(rows, *at, 0) < entry->log)
        ++*at;
    if (*at == statement_rows(rows) || statement_number(rows, *at, 0) != entry->log)
        return;
    entry->delivers = true;
    entry->stored_ms = statement_number(rows, *at, 4);
    entry->replied = statement_number(rows, *at, 6) != 0;
    entry->course = (outbox_course_t){.state = (outbox_state_t)statement_number(rows, *at, 7),
                                      .made = (unsigned)statement_number(rows, *at, 1),
                                      .attempts = (unsigned)statement_number(rows, *at, 2),
                                      .order = statement_number(rows, *at, 3),
                                      .first_ms = statement_number(rows, *at, 5)};
    *(part == PENDING ? &entry->course.due_ms : &entry->course.done_ms) =
        statement_number(rows, *at, 8);
}

static int s_give_record(given_t *self, char *err, size_t err_size)
{
    const statement_t *rows = &self->ask[ROWS];
    journal_t *journal = &self->port->journal;
    journal_exported_t *entry = &self->entry;
    record_t *record = &entry->record;
    entry->log = statement_number(rows, self->row, 0);
    if (record_read(record, statement_bytes(rows, self->row, 3)) != 0) {
        snprintf(journal->writing.text, SESSION_TEXT, "the record at %llu is damaged",
                 (unsigned long long)entry->log);
        return port_say(self->port, "reading", err, err_size);
    }
    uint64_t number = journal_number(entry->log, journal->options.shard, journal->options.shards);
    entry->placed = true;
    entry->target = record->target;
    entry->seen = statement_number(rows, self->row, 1) != 0;
    if (!record->number)
        record->number = number;
    if (entry->seen) {
        entry->answer = (journal_answer_t){.log = JOURNAL_NUMBER | number,
                                           .time_ms = record->time_ms,
                                           .answer = (uint8_t)statement_number(rows, self->row, 2)};
        revisions_answer(record, &entry->answer);
    }
    self->row++;
    if (!journal->delivers || !(record->flags & RECORD_DELIVER))
        return 1;
    s_give_item(self, PENDING);
    s_give_item(self, ENDED);
    if (entry->delivers)
        s_give_attempts(self);
    return 1;
}

/* The next row of the tables of a stage, of which there are LEN: 1, an entry; 0, no more. */
static int s_next_row(given_t *self, unsigned len, int ask(given_t *, char *, size_t),
                      int give(given_t *, char *, size_t), char *err, size_t err_size)
{
    while (self->table < len) {
        if (!self->asked && ask(self, err, err_size) != 0)
            return -1;
        unsigned rows = statement_rows(&self->ask[ROWS]);
        if (self->row < rows)
            return give(self, err, err_size);
        s_end(self);
        if (rows == 0) {
            self->table++;
            self->from = self->key_len = 0;
        }
    }
    return 0;
}

static int s_next_record(given_t *self, char *err, size_t err_size)
{
    return s_next_row(self, self->port->journal.tables.segments_len, s_ask_records, s_give_record,
                      err, err_size);
}

/* --- Keys */

static int s_ask_keys(given_t *self, char *err, size_t err_size)
{
    const journal_t *journal = &self->port->journal;
    sql_t *sql = &self->sql[ROWS];
    s_end(self);
    sql_begin(sql);
    sql_add(sql,
            "SELECT key, log, time_ms, running_ms, answer, hash, revision, root_number, root_ms "
            "FROM postern.keys_%c%u_%u WHERE key > $1 AND running_ms > %lld ORDER BY key LIMIT %u",
            journal->kind, journal->options.shard, journal->tables.keys[self->table].n,
            (long long)journal->base_ms - JOURNAL_KEY_MS, KEY_ROWS);
    statement_begin(&self->ask[ROWS], "", sql->text);
    statement_bytea(&self->ask[ROWS], slice(self->key, self->key_len));
    return s_ask(self, 1, err, err_size);
}

static int s_give_key(given_t *self, char *err, size_t err_size)
{
    (void)err, (void)err_size;
    const statement_t *rows = &self->ask[ROWS];
    const journal_options_t *options = &self->port->journal.options;
    journal_exported_t *entry = &self->entry;
    unsigned row = self->row++;
    slice_t hash = statement_bytes(rows, row, 5);
    entry->name = statement_bytes(rows, row, 0);
    entry->running_ms = statement_number(rows, row, 3);
    if (hash.len == sizeof entry->hash)
        memcpy(entry->hash, hash.data, hash.len);
    entry->answer =
        (journal_answer_t){.log = JOURNAL_NUMBER | journal_number(statement_number(rows, row, 1),
                                                                  options->shard, options->shards),
                           .time_ms = (int64_t)statement_number(rows, row, 2),
                           .answer = (uint8_t)statement_number(rows, row, 4),
                           .revision = (uint32_t)statement_number(rows, row, 6),
                           .root_number = statement_number(rows, row, 7),
                           .root_ms = (int64_t)statement_number(rows, row, 8)};
    if (self->row == statement_rows(rows)) {
        assert(entry->name.len <= sizeof self->key);
        memcpy(self->key, entry->name.data, entry->name.len);
        self->key_len = entry->name.len;
    }
    return 1;
}

static int s_next_key(given_t *self, char *err, size_t err_size)
{
    return s_next_row(self, self->port->journal.tables.keys_len, s_ask_keys, s_give_key, err,
                      err_size);
}

/* --- Targets, and what is kept */

/* The next row of the table of a stage, all of which comes at once and begins with a target: 1; 0,
 * no more. */
static int s_next_of_target(given_t *self, void begin(given_t *), char *err, size_t err_size)
{
    const statement_t *rows = &self->ask[ROWS];
    if (!self->asked) {
        begin(self);
        if (s_ask(self, 1, err, err_size) != 0)
            return -1;
    }
    if (self->row == statement_rows(rows))
        return 0;
    self->entry.placed = true;
    self->entry.target = statement_id(rows, self->row++, 0);
    return 1;
}

static void s_targets_begin(given_t *self)
{
    const journal_t *journal = &self->port->journal;
    sql_t *sql = &self->sql[ROWS];
    sql_begin(sql);
    sql_add(sql,
            "SELECT target, min(first), max(last) FROM (SELECT target, NULL::bigint AS first, "
            "sequence AS last FROM postern.target_floor WHERE kind = %u AND shard = %u",
            journal->number, journal->options.shard);
    for (unsigned i = 0; i < journal->tables.segments_len; i++)
        sql_add(sql,
                " UNION ALL SELECT target, min(sequence), max(sequence) FROM postern.log_%c%u_%u "
                "GROUP BY target",
                journal->kind, journal->options.shard, journal->tables.segments[i].n);
    sql_add(sql, ") t GROUP BY target ORDER BY target");
    statement_begin(&self->ask[ROWS], "", sql->text);
}

static int s_next_target(given_t *self, char *err, size_t err_size)
{
    const statement_t *rows = &self->ask[ROWS];
    journal_range_t *range = &self->entry.range;
    int rc = s_next_of_target(self, s_targets_begin, err, err_size);
    if (rc != 1)
        return rc;
    unsigned row = self->row - 1;
    range->last = statement_number(rows, row, 2);
    range->first =
        statement_is_null(rows, row, 1) ? range->last + 1 : statement_number(rows, row, 1);
    return 1;
}

static void s_kept_begin(given_t *self)
{
    static const note_kind_t what[EXPORT_KINDS] = {
        [EXPORT_HANDLER] = NOTE_HANDLER, [EXPORT_HEALTH] = NOTE_HEALTH};
    statement_t *ask = &self->ask[ROWS];
    statement_begin(ask, "",
                    "SELECT target, bytes FROM postern.kept WHERE kind = $1 AND shard = $2 AND "
                    "what = $3 ORDER BY target");
    shard_add(ask, &self->port->journal);
    statement_int2(ask, (uint16_t)what[self->stage]);
}

static int s_next_kept(given_t *self, char *err, size_t err_size)
{
    int rc = s_next_of_target(self, s_kept_begin, err, err_size);
    if (rc == 1)
        self->entry.bytes = statement_bytes(&self->ask[ROWS], self->row - 1, 1);
    return rc;
}

static void s_retention_begin(given_t *self)
{
    statement_t *ask = &self->ask[ROWS];
    statement_begin(ask, "",
                    "SELECT target, version, age_ms, messages, bytes FROM postern.retained WHERE "
                    "kind = $1 AND shard = $2 ORDER BY target");
    shard_add(ask, &self->port->journal);
}

static int s_next_retention(given_t *self, char *err, size_t err_size)
{
    int rc = s_next_of_target(self, s_retention_begin, err, err_size);
    for (unsigned i = 0; rc == 1 && i < RETENTION_NUMBERS; i++)
        self->numbers[i] = htole64(statement_number(&self->ask[ROWS], self->row - 1, 1 + i));
    if (rc == 1)
        self->entry.bytes = slice(self->numbers, sizeof self->numbers);
    return rc;
}

int given_next(given_t *self, const journal_exported_t **entry, char *err, size_t err_size)
{
    static int (*const next[EXPORT_KINDS])(given_t *, char *, size_t) = {
        [EXPORT_RECORD] = s_next_record, [EXPORT_KEY] = s_next_key,
        [EXPORT_TARGET] = s_next_target, [EXPORT_HANDLER] = s_next_kept,
        [EXPORT_HEALTH] = s_next_kept,   [EXPORT_RETENTION] = s_next_retention,
    };
    *entry = NULL;
    for (; self->stage < EXPORT_KINDS; self->stage++) {
        self->entry = (journal_exported_t){.kind = self->stage};
        int rc = next[self->stage](self, err, err_size);
        if (rc != 0) {
            *entry = &self->entry;
            return rc < 0 ? -1 : 0;
        }
        s_end(self);
        self->table = 0;
    }
    return 0;
}
