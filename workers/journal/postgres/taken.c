/* A journal in PostgreSQL made of exported entries: rows are gathered and written some thousand at
 * once, into segments and tables of keys as a worker would have made them. */
#include "workers/journal/postgres/port.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ROWS = 2000, /* of a transaction */
    BYTES = 8 << 20,
    SHARES = 64,    /* of the whole time: a segment's */
    KEY_TABLES = 4, /* that live keys can be in */
    COLUMNS = 12,
};

/* What is gathered, by statement. */
typedef enum {
    RECORD,
    PENDING,
    ENDED,
    ATTEMPT,
    EDIT,
    FREED,
    UPSERT,
    FLOOR,
    KEEP,
    RETAIN,
    KEY, /* of the oldest table of keys, and one more of each other */
    PARTS = KEY + KEY_TABLES
} part_t;
_Static_assert(1 + PARTS <= SESSION_STATEMENTS, "a journal with a little of all, behind the fence");

#define KEY_PART                                                                                   \
    {                                                                                              \
        "bnnnsbnnn",                                                                               \
            "INSERT INTO postern.keys_$t_$n (key, log, time_ms, running_ms, answer, hash, "        \
            "revision, root_number, root_ms) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, "    \
            "$8, $9)"                                                                              \
    }

/* The types of its columns, a letter each: n int8, s int2, u uuid, b bytea; and its statement, with
 * the numbers of segment, kind and shard in the place of $n, $k and $s. */
static const struct {
    const char *types, *sql;
} s_parts[PARTS] = {
    [RECORD] = {"nunusbs",
                "INSERT INTO postern.log_$t_$n (log, target, sequence, id, answer, record) SELECT "
                "log, target, sequence, CASE WHEN seen <> 0 THEN id END, answer, record FROM "
                "unnest($1, $2, $3, $4, $5, $6, $7) u (log, target, sequence, id, answer, record, "
                "seen)"},
    [PENDING] = {"nuunnnnnnnsn",
                 "INSERT INTO postern.pending (kind, shard, log, target, id, time_ms, made, "
                 "attempts, place, stored_ms, first_ms, due_ms, replied) SELECT $k, $s, log, "
                 "target, id, time_ms, made, attempts, place, stored_ms, first_ms, until_ms, "
                 "replied <> 0 FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) u "
                 "(log, target, id, time_ms, made, attempts, place, stored_ms, first_ms, until_ms, "
                 "replied, state)"},
    [ENDED] = {"nuunnnnnnnsn",
               "INSERT INTO postern.ended_$t_$n (log, target, id, time_ms, made, attempts, place, "
               "stored_ms, first_ms, done_ms, replied, state) SELECT log, target, id, time_ms, "
               "made, attempts, place, stored_ms, first_ms, until_ms, replied <> 0, state FROM "
               "unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) u (log, target, id, "
               "time_ms, made, attempts, place, stored_ms, first_ms, until_ms, replied, state)"},
    [ATTEMPT] = {"nnnnssbb",
                 "INSERT INTO postern.attempt_$t_$n (log, number, time_ms, duration_us, status, "
                 "outcome, trace, answer) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)"},
    [EDIT] =
        {"unnnnnns",
         "INSERT INTO postern.edit (kind, shard, target, root, revision, log, sequence, "
         "root_number, root_ms, deletes) SELECT $k, $s, target, root, revision, log, sequence, "
         "root_number, root_ms, deletes <> 0 FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) u "
         "(target, root, revision, log, sequence, root_number, root_ms, deletes)"},
    [FREED] = {"ubn",
               "DELETE FROM postern.upsert p USING unnest($1, $2, $3) u (target, key, root) WHERE "
               "p.kind = $k AND p.shard = $s AND p.target = u.target AND p.key = u.key AND p.root "
               "= u.root"},
    [UPSERT] = {"ubnnnn",
                "INSERT INTO postern.upsert (kind, shard, target, key, root, root_number, root_ms, "
                "log) SELECT $k, $s, target, key, root, root_number, root_ms, log FROM unnest($1, "
                "$2, $3, $4, $5, $6) u (target, key, root, root_number, root_ms, log) ON CONFLICT "
                "(kind, shard, target, key) DO UPDATE SET root = excluded.root, root_number = "
                "excluded.root_number, root_ms = excluded.root_ms, log = excluded.log"},
    [FLOOR] = {"un",
               "INSERT INTO postern.target_floor (kind, shard, target, sequence, log) SELECT $k, "
               "$s, target, sequence, 0 FROM unnest($1, $2) u (target, sequence)"},
    [KEEP] = {"sub",
              "INSERT INTO postern.kept (kind, shard, what, target, bytes) SELECT $k, $s, what, "
              "target, bytes FROM unnest($1, $2, $3) u (what, target, bytes)"},
    [RETAIN] = {"unnnn",
                "INSERT INTO postern.retained (kind, shard, target, version, age_ms, messages, "
                "bytes) SELECT $k, $s, target, version, age_ms, messages, bytes FROM unnest($1, "
                "$2, $3, $4, $5) u (target, version, age_ms, messages, bytes)"},
    [KEY] = KEY_PART,
    [KEY + 1] = KEY_PART,
    [KEY + 2] = KEY_PART,
    [KEY + 3] = KEY_PART,
};

/* A key of a message, as a transaction has it. */
typedef struct {
    uuid_t7 target;
    uint8_t key[RECORD_KEY];
} keyed_t;

struct taken {
    port_t *port;
    journal_facts_t facts;
    array_t columns[PARTS][COLUMNS];
    sql_t sql[PARTS];
    size_t rows, bytes, keyed_len;
    keyed_t keyed[ROWS];
    uint64_t span_ms, share;
};

static uint32_t s_type(char letter)
{
    return letter == 'n'   ? TYPE_INT8
           : letter == 's' ? TYPE_INT2
           : letter == 'u' ? TYPE_UUID
                           : TYPE_BYTEA;
}

static uint32_t s_array_type(char letter)
{
    return letter == 'n'   ? TYPE_INT8S
           : letter == 's' ? TYPE_INT2S
           : letter == 'u' ? TYPE_UUIDS
                           : TYPE_BYTEAS;
}

static void s_begin(taken_t *self)
{
    self->rows = self->bytes = self->keyed_len = 0;
    for (unsigned i = 0; i < PARTS; i++)
        for (unsigned k = 0; s_parts[i].types[k]; k++)
            array_begin(&self->columns[i][k], s_type(s_parts[i].types[k]));
}

taken_t *taken_new(port_t *port, const journal_facts_t *facts)
{
    taken_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->port = port;
    self->facts = *facts;
    self->span_ms = facts->running_ms / SHARES;
    self->span_ms = self->span_ms > SEGMENT_MS ? self->span_ms : SEGMENT_MS;
    self->share = facts->bytes / SEGMENT_SHARES;
    self->share = self->share > SEGMENT_BYTES ? self->share : SEGMENT_BYTES;
    s_begin(self);
    return self;
}

void taken_destroy(taken_t **self_p)
{
    taken_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < PARTS; i++) {
        sql_free(&self->sql[i]);
        for (unsigned k = 0; k < COLUMNS; k++)
            array_free(&self->columns[i][k]);
    }
    free(self);
    *self_p = NULL;
}

/* --- The transaction */

static void s_text(taken_t *self, part_t part)
{
    const journal_t *journal = &self->port->journal;
    const tables_t *tables = &journal->tables;
    unsigned n = part >= KEY            ? tables->keys[part - KEY].n
                 : tables->segments_len ? tables->segments[tables->segments_len - 1].n
                                        : 0;
    sql_t *sql = &self->sql[part];
    sql_begin(sql);
    for (const char *at = s_parts[part].sql; *at; at++)
        if (at[0] != '$' || (at[1] >= '0' && at[1] <= '9'))
            sql_add(sql, "%c", *at);
        else if (*++at == 't')
            sql_add(sql, "%c%u", journal->kind, journal->options.shard);
        else
            sql_add(sql, "%u",
                    *at == 'n'   ? n
                    : *at == 'k' ? journal->number
                                 : journal->options.shard);
}

static int s_flush(taken_t *self, char *err, size_t err_size)
{
    statement_t all[1 + PARTS];
    unsigned count = 1;
    if (self->rows == 0)
        return 0;
    for (unsigned i = 0; i < PARTS; i++) {
        if (self->columns[i][0].count == 0)
            continue;
        s_text(self, (part_t)i);
        statement_t *one = &all[count++];
        statement_begin(one, "", self->sql[i].text);
        for (unsigned k = 0; s_parts[i].types[k]; k++)
            statement_array(one, &self->columns[i][k], s_array_type(s_parts[i].types[k]));
    }
    int rc = port_do(self->port, all, count, err, err_size);
    s_begin(self);
    return rc;
}

/* One more row, with what it takes. */
static int s_count(taken_t *self, size_t bytes, char *err, size_t err_size)
{
    self->bytes += bytes;
    return ++self->rows < ROWS && self->bytes < BYTES ? 0 : s_flush(self, err, err_size);
}

/* --- Segments */

static int s_roll(taken_t *self, uint64_t running_ms, char *err, size_t err_size)
{
    journal_t *journal = &self->port->journal;
    if (s_flush(self, err, err_size) != 0)
        return -1;
    tables_copy(journal, &journal->known);
    if (tables_roll(journal, running_ms) == SESSION_OK)
        return 0;
    return port_say(self->port, "the next segment", err, err_size);
}

static int s_place(taken_t *self, const journal_exported_t *entry, char *err, size_t err_size)
{
    journal_t *journal = &self->port->journal;
    uint64_t running_ms = (uint64_t)entry->record.running_ms;
    segment_t *open = tables_open_segment(&journal->tables);
    bool full =
        !open || (open->end_log > open->first_log &&
                  (running_ms - open->first_ms >= self->span_ms || open->bytes >= self->share));
    if (full && journal->tables.segments_len < SEGMENTS - 1 &&
        s_roll(self, running_ms, err, err_size) != 0)
        return -1;
    open = tables_open_segment(&journal->tables);
    if (entry->log < open->end_log) {
        snprintf(err, err_size, "record %llu does not come behind the one before it",
                 (unsigned long long)entry->log);
        return -1;
    }
    open->end_log = entry->log + 1;
    open->last_ms = running_ms;
    open->bytes += record_cost(&entry->record);
    return 0;
}

/* --- Entries */

static void s_add_row(taken_t *self, const journal_exported_t *entry, const record_t *record)
{
    array_t *to = self->columns[RECORD];
    array_add_int8(&to[0], entry->log);
    array_add_bytes(&to[1], slice(record->target.bytes, UUID_BYTES));
    array_add_int8(&to[2], record->sequence);
    array_add_bytes(&to[3], slice(record->id.bytes, UUID_BYTES));
    array_add_int2(&to[4], entry->seen ? entry->answer.answer : 0);
    record_write(record, array_add(&to[5], record_size(record)));
    array_add_int2(&to[6], entry->seen);
}

static void s_add_attempt(taken_t *self, uint64_t log, uint64_t number,
                          const outbox_attempt_t *attempt)
{
    array_t *to = self->columns[ATTEMPT];
    array_add_int8(&to[0], log);
    array_add_int8(&to[1], number);
    array_add_int8(&to[2], (uint64_t)attempt->time_ms);
    array_add_int8(&to[3], attempt->duration_us);
    array_add_int2(&to[4], (uint16_t)attempt->status);
    array_add_int2(&to[5], (uint16_t)attempt->outcome);
    array_add_bytes(&to[6], attempt->trace);
    array_add_bytes(&to[7], attempt->answer);
    self->bytes += attempt->trace.len + attempt->answer.len;
}

static void s_add_item(taken_t *self, const journal_exported_t *entry, const record_t *record)
{
    const outbox_course_t *course = &entry->course;
    bool pending = course->state == OUTBOX_PENDING;
    array_t *to = self->columns[pending ? PENDING : ENDED];
    array_add_int8(&to[0], entry->log);
    array_add_bytes(&to[1], slice(record->target.bytes, UUID_BYTES));
    array_add_bytes(&to[2], slice(record->id.bytes, UUID_BYTES));
    array_add_int8(&to[3], (uint64_t)record->time_ms);
    array_add_int8(&to[4], course->made);
    array_add_int8(&to[5], course->attempts);
    array_add_int8(&to[6], course->order);
    array_add_int8(&to[7], entry->stored_ms);
    array_add_int8(&to[8], course->first_ms);
    array_add_int8(&to[9], pending ? course->due_ms : course->done_ms);
    array_add_int2(&to[10], entry->replied);
    array_add_int8(&to[11], (uint64_t)course->state);
    for (unsigned i = 0; i < entry->attempts_len; i++)
        s_add_attempt(self, entry->log, entry->numbers[i], &entry->attempts[i]);
}

static void s_add_edit(taken_t *self, uint64_t log, const record_t *record)
{
    array_t *to = self->columns[EDIT];
    array_add_bytes(&to[0], slice(record->target.bytes, UUID_BYTES));
    array_add_int8(&to[1], record->root);
    array_add_int8(&to[2], record->revision);
    array_add_int8(&to[3], log);
    array_add_int8(&to[4], record->sequence);
    array_add_int8(&to[5], record->root_number);
    array_add_int8(&to[6], (uint64_t)record->root_ms);
    array_add_int2(&to[7], (record->flags & RECORD_DELETE) != 0);
}

/* Whether the transaction has the record's key; has it from here on. */
static bool s_is_keyed(taken_t *self, const record_t *record)
{
    keyed_t is = {.target = record->target};
    memcpy(is.key, record->key, RECORD_KEY);
    for (size_t i = 0; i < self->keyed_len; i++)
        if (memcmp(&self->keyed[i], &is, sizeof is) == 0)
            return true;
    self->keyed[self->keyed_len++] = is;
    return false;
}

/* Which message has the key from here on. A key stands in a transaction once: what has it again
 * begins another one. */
static int s_add_key(taken_t *self, uint64_t log, const record_t *record, char *err,
                     size_t err_size)
{
    const journal_options_t *options = &self->port->journal.options;
    bool deletes = record->flags & RECORD_DELETE;
    if (s_is_keyed(self, record) && (s_flush(self, err, err_size) != 0 || s_is_keyed(self, record)))
        return -1;
    array_t *to = self->columns[deletes ? FREED : UPSERT];
    array_add_bytes(&to[0], slice(record->target.bytes, UUID_BYTES));
    array_add_bytes(&to[1], slice(record->key, RECORD_KEY));
    array_add_int8(&to[2], record_root(record));
    if (deletes)
        return 0;
    array_add_int8(&to[3], record->root ? record->root_number
                                        : journal_number(log, options->shard, options->shards));
    array_add_int8(&to[4], (uint64_t)(record->root ? record->root_ms : record->time_ms));
    array_add_int8(&to[5], log);
    return 0;
}

/* The engine finds a message by the place that its number says. */
static int s_number(const taken_t *self, const journal_exported_t *entry, record_t *record,
                    char *err, size_t err_size)
{
    const journal_options_t *options = &self->port->journal.options;
    if (record->number &&
        record->number != journal_number(entry->log, options->shard, options->shards)) {
        snprintf(
            err, err_size,
            "%s-%u has messages from before a reshard, which a journal in PostgreSQL would not "
            "find by their ids: migrate when retention has removed them",
            options->kind, options->shard);
        return -1;
    }
    record->number = 0;
    return 0;
}

static int s_take_record(taken_t *self, const journal_exported_t *entry, char *err, size_t err_size)
{
    record_t record = entry->record;
    if (s_number(self, entry, &record, err, err_size) != 0 ||
        s_place(self, entry, err, err_size) != 0)
        return -1;
    if (record_is_keyed(&record) && s_add_key(self, entry->log, &record, err, err_size) != 0)
        return -1;
    s_add_row(self, entry, &record);
    if (record.root)
        s_add_edit(self, entry->log, &record);
    if (entry->delivers)
        s_add_item(self, entry, &record);
    return s_count(self, record_size(&record), err, err_size);
}

/* Which of the tables a key of an age belongs to: they are made oldest first, and each takes keys
 * of as long as it would have. */
static unsigned s_key_table(const taken_t *self, uint64_t running_ms)
{
    uint64_t age_ms = self->facts.running_ms - running_ms;
    unsigned back = (unsigned)(age_ms / KEYS_MS);
    return back < KEY_TABLES ? KEY_TABLES - 1 - back : 0;
}

static int s_make_key_tables(taken_t *self, char *err, size_t err_size)
{
    journal_t *journal = &self->port->journal;
    for (unsigned i = 0; i < KEY_TABLES; i++) {
        uint64_t back_ms = (uint64_t)KEYS_MS * (KEY_TABLES - i);
        uint64_t running_ms = self->facts.running_ms;
        tables_copy(journal, &journal->known);
        if (tables_roll_keys(journal, running_ms > back_ms ? running_ms - back_ms : 0) !=
            SESSION_OK)
            return port_say(self->port, "the next table of keys", err, err_size);
    }
    return 0;
}

static int s_take_key(taken_t *self, const journal_exported_t *entry, char *err, size_t err_size)
{
    journal_t *journal = &self->port->journal;
    const journal_options_t *options = &journal->options;
    array_t *to = self->columns[KEY + s_key_table(self, entry->running_ms)];
    uint64_t number = entry->answer.log & ~JOURNAL_NUMBER;
    bool ours = number % options->shards == options->shard;
    if (journal->tables.keys_len == 0 && s_make_key_tables(self, err, err_size) != 0)
        return -1;
    array_add_bytes(&to[0], entry->name);
    array_add_int8(&to[1], ours ? number / options->shards : entry->answer.log);
    array_add_int8(&to[2], (uint64_t)entry->answer.time_ms);
    array_add_int8(&to[3], entry->running_ms);
    array_add_int2(&to[4], entry->answer.answer);
    array_add_bytes(&to[5], slice(entry->hash, sizeof entry->hash));
    array_add_int8(&to[6], entry->answer.revision);
    array_add_int8(&to[7], entry->answer.root_number);
    array_add_int8(&to[8], (uint64_t)entry->answer.root_ms);
    return s_count(self, entry->name.len, err, err_size);
}

/* One whose records retention has removed goes on with its sequence. */
static int s_take_target(taken_t *self, const journal_exported_t *entry, char *err, size_t err_size)
{
    array_t *to = self->columns[FLOOR];
    if (entry->range.first <= entry->range.last)
        return 0;
    array_add_bytes(&to[0], slice(entry->target.bytes, UUID_BYTES));
    array_add_int8(&to[1], entry->range.last);
    return s_count(self, UUID_BYTES, err, err_size);
}

static int s_take_kept(taken_t *self, const journal_exported_t *entry, char *err, size_t err_size)
{
    array_t *to = self->columns[KEEP];
    array_add_int2(&to[0], entry->kind == EXPORT_HANDLER ? NOTE_HANDLER : NOTE_HEALTH);
    array_add_bytes(&to[1], slice(entry->target.bytes, UUID_BYTES));
    array_add_bytes(&to[2], entry->bytes);
    return s_count(self, entry->bytes.len, err, err_size);
}

/* Four numbers, little-endian: retention_t. */
static int s_take_retention(taken_t *self, const journal_exported_t *entry, char *err,
                            size_t err_size)
{
    array_t *to = self->columns[RETAIN];
    uint64_t numbers[RETENTION_NUMBERS] = {0};
    if (entry->bytes.len == sizeof numbers)
        memcpy(numbers, entry->bytes.data, sizeof numbers);
    array_add_bytes(&to[0], slice(entry->target.bytes, UUID_BYTES));
    for (unsigned i = 0; i < RETENTION_NUMBERS; i++)
        array_add_int8(&to[1 + i], le64toh(numbers[i]));
    return s_count(self, entry->bytes.len, err, err_size);
}

int taken_add(taken_t *self, const journal_exported_t *entry, char *err, size_t err_size)
{
    static int (*const take[EXPORT_KINDS])(taken_t *, const journal_exported_t *, char *,
                                           size_t) = {
        [EXPORT_RECORD] = s_take_record, [EXPORT_KEY] = s_take_key,
        [EXPORT_TARGET] = s_take_target, [EXPORT_HANDLER] = s_take_kept,
        [EXPORT_HEALTH] = s_take_kept,   [EXPORT_RETENTION] = s_take_retention,
    };
    return take[entry->kind](self, entry, err, err_size);
}

static int s_set_clock(taken_t *self, char *err, size_t err_size)
{
    statement_t set[2];
    statement_begin(&set[1], "", "UPDATE postern.lease SET running_ms = $1 WHERE what = $2");
    statement_int8(&set[1], self->facts.running_ms);
    statement_text(&set[1], self->port->journal.lease);
    return port_do(self->port, set, 2, err, err_size);
}

int taken_end(taken_t *self, char *err, size_t err_size)
{
    journal_t *journal = &self->port->journal;
    uint64_t next_log = self->facts.numbers / self->facts.shards;
    if (s_flush(self, err, err_size) != 0)
        return -1;
    if (next_log > 1 && journal->tables.segments_len == 0 &&
        s_roll(self, self->facts.running_ms, err, err_size) != 0)
        return -1;
    segment_t *open = tables_open_segment(&journal->tables);
    if (open && open->end_log < next_log)
        open->end_log = next_log;
    if (open && s_roll(self, self->facts.running_ms, err, err_size) != 0)
        return -1;
    if (s_set_clock(self, err, err_size) != 0)
        return -1;
    journal->base_ms = self->facts.running_ms;
    if (tables_read(journal, &journal->writing) == SESSION_OK)
        return 0;
    return port_say(self->port, "reading again", err, err_size);
}
