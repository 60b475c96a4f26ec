/* Storing a drain: judge it by what is known, send what is new as one transaction, and find out
 * what became of that. */
#include "workers/journal/postgres/edits.h"
#include "workers/journal/postgres/items.h"
#include "workers/journal/postgres/retained.h"
#include "workers/journal/postgres/unowned.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 4 * POSTGRES_ROWS, /* a power of two */
    TRIES = 3,                  /* of what a conflict has undone */
    FULL_MS = 1000,             /* between two looks for room */
    FENCE = 0,
};

/* Which entry of the drain has an id or a key: open addressing, 0: free. */
typedef struct {
    uint16_t slots[PLACES];
} places_t;

typedef enum { LOGS, TARGETS, SEQUENCES, IDS, ANSWERS, RECORDS, COLUMNS } column_t;
typedef enum {
    KEY,
    KEY_LOG,
    KEY_TIME,
    KEY_RUNNING,
    KEY_ANSWER,
    KEY_HASH,
    KEY_REVISION,
    KEY_ROOT_NUMBER,
    KEY_ROOT_MS,
    KEY_COLUMNS
} key_column_t;
static const uint32_t s_types[COLUMNS] = {TYPE_INT8, TYPE_UUID, TYPE_INT8,
                                          TYPE_UUID, TYPE_INT2, TYPE_BYTEA};
static const uint32_t s_key_types[KEY_COLUMNS] = {TYPE_BYTEA, TYPE_INT8, TYPE_INT8,
                                                  TYPE_INT8,  TYPE_INT2, TYPE_BYTEA,
                                                  TYPE_INT8,  TYPE_INT8, TYPE_INT8};

struct append {
    journal_entry_t **entries; /* a part of the drain */
    size_t count, stored, keys;
    int64_t now_ms; /* the journal's clock */
    uint64_t running_ms, bytes, first_log;
    uuid_t7 first_id;
    bool may_store;
    known_t *known; /* of each */
    places_t ids, by_key;
    edits_t edits;
    items_t items;
    array_t columns[COLUMNS], key_columns[KEY_COLUMNS], expired;
};

append_t *append_new(void)
{
    append_t *self = calloc(1, sizeof *self);
    if (self)
        self->known = calloc(POSTGRES_ROWS, sizeof *self->known);
    if (!self || !self->known)
        abort();
    return self;
}

void append_destroy(append_t **self_p)
{
    append_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < COLUMNS; i++)
        array_free(&self->columns[i]);
    for (unsigned i = 0; i < KEY_COLUMNS; i++)
        array_free(&self->key_columns[i]);
    array_free(&self->expired);
    edits_end(&self->edits);
    items_end(&self->items);
    free(self->known);
    free(self);
    *self_p = NULL;
}

static uint64_t s_hash(slice_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

static slice_t s_id(const journal_entry_t *entry)
{
    return slice(entry->record.id.bytes, UUID_BYTES);
}

static slice_t s_key(const journal_entry_t *entry)
{
    return entry->dedupe;
}

/* The slot of an entry of the same name, or the free one for it. */
static uint16_t *s_place(append_t *self, places_t *places, slice_t (*name)(const journal_entry_t *),
                         const journal_entry_t *entry)
{
    for (size_t at = s_hash(name(entry));; at++) {
        uint16_t *slot = &places->slots[at & (PLACES - 1)];
        if (*slot == 0 || slice_eq(name(self->entries[*slot - 1]), name(entry)))
            return slot;
    }
}

static uint64_t s_live_keys(const journal_t *journal, uint64_t running_ms)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < journal->known.keys_len; i++)
        if (keys_live(&journal->known.keys[i], running_ms))
            count += journal->known.keys[i].count;
    return count;
}

static void s_add_key(append_t *self, const journal_entry_t *entry)
{
    array_t *to = self->key_columns;
    array_add_bytes(&to[KEY], entry->dedupe);
    array_add_int8(&to[KEY_LOG], entry->answer.log);
    array_add_int8(&to[KEY_TIME], (uint64_t)entry->answer.time_ms);
    array_add_int8(&to[KEY_RUNNING], self->running_ms);
    array_add_int2(&to[KEY_ANSWER], entry->answer.answer);
    array_add_bytes(&to[KEY_HASH], slice(entry->hash, sizeof entry->hash));
    array_add_int8(&to[KEY_REVISION], entry->answer.revision);
    array_add_int8(&to[KEY_ROOT_NUMBER], entry->answer.root_number);
    array_add_int8(&to[KEY_ROOT_MS], (uint64_t)entry->answer.root_ms);
    self->keys++;
}

static void s_add_row(append_t *self, journal_t *journal, journal_entry_t *entry)
{
    array_t *to = self->columns;
    record_t *record = &entry->record;
    uint64_t log = self->first_log + self->stored;
    target_t *target = targets_find(journal->targets, &record->target);
    assert(target);
    targets_place(journal->targets, target, log, &record->sequence, &record->previous);
    record->running_ms = (int64_t)self->running_ms;
    entry->answer.log = log;
    entry->answer.time_ms = record->time_ms;
    array_add_int8(&to[LOGS], log);
    array_add_bytes(&to[TARGETS], slice(record->target.bytes, UUID_BYTES));
    array_add_int8(&to[SEQUENCES], record->sequence);
    array_add_bytes(&to[IDS], s_id(entry));
    array_add_int2(&to[ANSWERS], entry->answer.answer);
    record_write(record, array_add(&to[RECORDS], record_size(record)));
    items_add(&self->items, record, log);
    unowned_enter(journal, record);
    if (self->stored++ == 0)
        self->first_id = record->id;
    self->bytes += record_cost(record);
}

/* By its id, of the drain itself or of the tables, then by its key. */
static session_outcome_t s_judge_one(append_t *self, journal_t *journal, size_t i,
                                     uint64_t live_keys)
{
    journal_entry_t *entry = self->entries[i];
    const known_t *known = &self->known[i];
    bool keyed = entry->dedupe.len > 0;
    uint16_t *id = s_place(self, &self->ids, s_id, entry);
    uint16_t *key = keyed ? s_place(self, &self->by_key, s_key, entry) : NULL;
    const journal_answer_t *hit = *id           ? &self->entries[*id - 1]->answer
                                  : known->seen ? &known->answer
                                                : NULL;
    seen_key_t within;
    const seen_key_t *key_hit = known->keyed ? &known->key : NULL;
    if (key && *key) {
        const journal_entry_t *other = self->entries[*key - 1];
        within = (seen_key_t){.answer = other->answer};
        memcpy(within.hash, other->hash, sizeof within.hash);
        key_hit = &within;
    }
    seen_room_t room = {self->may_store, live_keys + self->keys < journal->options.keys};
    seen_decide(hit, key_hit, room, entry);
    if (entry->record.flags & RECORD_REPLY && !known->wanted)
        entry->outcome = JOURNAL_RESENT;
    session_outcome_t went = SESSION_OK;
    if (entry->outcome == JOURNAL_STORED && edits_concern(entry))
        went = edits_judge(journal, entry);
    if (went != SESSION_OK || entry->outcome != JOURNAL_STORED)
        return went;
    *id = (uint16_t)(i + 1);
    if (key)
        *key = (uint16_t)(i + 1);
    if (known->expired)
        array_add_bytes(&self->expired, s_id(entry));
    s_add_row(self, journal, entry);
    if (key)
        s_add_key(self, entry);
    return edits_concern(entry) ? edits_prepare(&self->edits, journal, &entry->record) : SESSION_OK;
}

/* Goes through the entries, and puts what is to be stored into the columns. */
static session_outcome_t s_judge(append_t *self, journal_t *journal)
{
    session_outcome_t went = SESSION_OK;
    uint64_t live_keys = s_live_keys(journal, self->running_ms);
    memset(&self->ids, 0, sizeof self->ids);
    memset(&self->by_key, 0, sizeof self->by_key);
    self->stored = self->keys = 0;
    self->bytes = 0;
    const segment_t *open = tables_open_segment(&journal->known);
    self->first_log = open ? open->end_log : 1; /* without one nothing may be stored */
    targets_begin(journal->targets);
    for (unsigned i = 0; i < COLUMNS; i++)
        array_begin(&self->columns[i], s_types[i]);
    for (unsigned i = 0; i < KEY_COLUMNS; i++)
        array_begin(&self->key_columns[i], s_key_types[i]);
    array_begin(&self->expired, TYPE_UUID);
    items_begin(&self->items);
    for (size_t i = 0; i < self->count && went == SESSION_OK; i++)
        went = s_judge_one(self, journal, i, live_keys);
    return went;
}

/* Names a statement after the newest segment, or the newest table of keys, under which it is
 * prepared once. */
static void s_name(statement_t *to, sql_t *sql, const char *what, unsigned n)
{
    char name[STATEMENT_NAME];
    snprintf(name, sizeof name, "%s %u", what, n);
    statement_begin(to, name, sql->text);
}

/* The ids of segments before the open one are no violated key there. */
static bool s_probe_begin(append_t *self, journal_t *journal, statement_t *to, sql_t *sql)
{
    const tables_t *tables = &journal->known;
    unsigned parts = 0;
    for (unsigned i = 0; i + 1 < tables->segments_len; i++)
        if (segment_has_young(&tables->segments[i], false, self->running_ms))
            sql_add(sql,
                    "%sSELECT 1 FROM postern.log_%c%u_%u WHERE id = ANY ($1) AND NOT id "
                    "= ANY ($2)",
                    parts++ ? " UNION ALL " : "SELECT 1 / (count(*) = 0)::int FROM (",
                    journal->kind, journal->options.shard, tables->segments[i].n);
    if (parts == 0)
        return false;
    sql_add(sql, ") f");
    statement_begin(to, "", sql->text);
    statement_array(to, &self->columns[IDS], TYPE_UUIDS);
    statement_array(to, &self->expired, TYPE_UUIDS);
    return true;
}

/* An id that is stored anew leaves the row that had it. */
static void s_expire_begin(append_t *self, journal_t *journal, statement_t *to, sql_t *sql)
{
    sql_add(sql, "UPDATE postern.log_%c%u_%u SET id = NULL WHERE id = ANY ($1)", journal->kind,
            journal->options.shard, tables_open_segment(&journal->known)->n);
    statement_begin(to, "", sql->text);
    statement_array(to, &self->expired, TYPE_UUIDS);
}

static void s_rows_begin(append_t *self, journal_t *journal, statement_t *to, sql_t *sql)
{
    static const uint32_t types[COLUMNS] = {TYPE_INT8S, TYPE_UUIDS, TYPE_INT8S,
                                            TYPE_UUIDS, TYPE_INT2S, TYPE_BYTEAS};
    unsigned n = tables_open_segment(&journal->known)->n;
    sql_add(sql,
            "INSERT INTO postern.log_%c%u_%u (log, target, sequence, id, answer, record) SELECT * "
            "FROM unnest($1, $2, $3, $4, $5, $6)",
            journal->kind, journal->options.shard, n);
    s_name(to, sql, "rows", n);
    for (unsigned i = 0; i < COLUMNS; i++)
        statement_array(to, &self->columns[i], types[i]);
}

static void s_keys_begin(append_t *self, journal_t *journal, statement_t *to, sql_t *sql)
{
    static const uint32_t types[KEY_COLUMNS] = {TYPE_BYTEAS, TYPE_INT8S, TYPE_INT8S,
                                                TYPE_INT8S,  TYPE_INT2S, TYPE_BYTEAS,
                                                TYPE_INT8S,  TYPE_INT8S, TYPE_INT8S};
    unsigned n = journal->known.keys[journal->known.keys_len - 1].n;
    sql_add(sql,
            "INSERT INTO postern.keys_%c%u_%u (key, log, time_ms, running_ms, answer, hash, "
            "revision, root_number, root_ms) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, "
            "$9)",
            journal->kind, journal->options.shard, n);
    s_name(to, sql, "keys", n);
    for (unsigned i = 0; i < KEY_COLUMNS; i++)
        statement_array(to, &self->key_columns[i], types[i]);
}

/* SESSION_FENCED of any but the first statement is what the probe says. */
static session_outcome_t s_send(append_t *self, journal_t *journal)
{
    enum { MOST = 5 };
    statement_t all[MOST + ITEMS_STATEMENTS + EDITS_STATEMENTS];
    sql_t sql[MOST] = {{0}};
    unsigned count = 0, rows_at;
    fence_begin(&all[count++], journal);
    if (s_probe_begin(self, journal, &all[count], &sql[count]))
        count++;
    if (self->expired.count > 0) {
        s_expire_begin(self, journal, &all[count], &sql[count]);
        count++;
    }
    rows_at = count++;
    s_rows_begin(self, journal, &all[rows_at], &sql[rows_at]);
    if (self->keys > 0) {
        s_keys_begin(self, journal, &all[count], &sql[count]);
        count++;
    }
    count += (unsigned)items_send(&self->items, journal, self->running_ms, &all[count]);
    if (edits_concern(self->entries[0])) /* then it is alone */
        count += (unsigned)edits_begin(&self->edits, journal, &self->entries[0]->record,
                                       self->first_log, &all[count]);
    session_outcome_t went = session_exchange(&journal->writing, all, count, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        assert(statement_rows(&all[rows_at]) == self->stored);
    if (self->edits.logs.count > 0)
        retained_erased(journal->retained);
    statement_end_all(all, count);
    for (unsigned i = 0; i < MOST; i++)
        sql_free(&sql[i]);
    return went == SESSION_FENCED && journal->writing.failed != FENCE ? SESSION_SEEN : went;
}

/* It is durable. */
static void s_keep(append_t *self, journal_t *journal)
{
    targets_keep(journal->targets);
    pthread_mutex_lock(&journal->lock);
    segment_t *open = tables_open_segment(&journal->tables);
    open->end_log = self->first_log + self->stored;
    open->bytes += self->bytes;
    open->last_ms = self->running_ms;
    if (self->keys > 0) {
        keys_t *keys = &journal->tables.keys[journal->tables.keys_len - 1];
        keys->count += self->keys;
        keys->last_ms = self->running_ms;
    }
    pthread_mutex_unlock(&journal->lock);
    atomic_store(&journal->committed_log, self->first_log + self->stored);
    asking_rose(journal->asking);
}

/* After the shard was taken again: whether the drain's first row is there, and so all of them. */
static session_outcome_t s_is_there(const append_t *self, journal_t *journal, bool *there)
{
    statement_t ask;
    sql_t sql = {0};
    sql_add(&sql, "SELECT id FROM postern.log_%c%u_%u WHERE log = $1", journal->kind,
            journal->options.shard, tables_open_segment(&journal->known)->n);
    statement_begin(&ask, "", sql.text);
    statement_int8(&ask, self->first_log);
    session_outcome_t went = session_exchange(&journal->writing, &ask, 1, SESSION_DEADLINE_MS);
    sql_free(&sql);
    if (went != SESSION_OK)
        return went;
    *there = statement_rows(&ask) == 1;
    if (*there) {
        uuid_t7 id = statement_id(&ask, 0, 0);
        assert(uuid_eq(&id, &self->first_id));
    }
    statement_end(&ask);
    return SESSION_OK;
}

/* False: it is time to stop, and nobody knows. */
static bool s_resolve(const append_t *self, journal_t *journal, bool *there)
{
    session_outcome_t went;
    metric_add(METRIC_journal_unknown_total, 1);
    do {
        log_warn("journal.unknown", "shard=%u messages=%zu err=%s", journal->options.shard,
                 self->stored, LOG_Q(journal->writing.text));
        if (!owner_retake(journal, &journal->writing))
            return false;
        tables_copy(journal, &journal->known);
        went = s_is_there(self, journal, there);
    } while (went != SESSION_OK);
    log_info("journal.resolved", "shard=%u messages=%zu stored=%d", journal->options.shard,
             self->stored, *there);
    return true;
}

static void s_note_full(append_t *self, journal_t *journal, session_outcome_t went)
{
    char text[SESSION_TEXT + 64];
    snprintf(text, sizeof text, "%.500s%s", journal->writing.text,
             went == SESSION_FULL ? ": free room on the server, and it goes on by itself" : "");
    if (!atomic_exchange(&journal->full, true) && !journal_is_short(journal))
        trouble_say(journal, "journal.full", text);
    atomic_store(&journal->short_ms, clock_ms());
    metric_add(METRIC_commit_failures_total, 1);
    if (!self->may_store) /* not even a look went well */
        owner_pause();
    journal->full_next_ms = self->now_ms + FULL_MS;
    self->may_store = false;
}

/* What has come before is looked for at once: without room, after a resend, of a key. */
static void s_mark(append_t *self, const journal_t *journal, bool all)
{
    all |= !self->may_store || self->now_ms < journal->look_until_ms;
    for (size_t i = 0; i < self->count; i++) {
        const journal_entry_t *entry = self->entries[i];
        self->known[i] = (known_t){.look = all || entry->refused || entry->dedupe.len > 0 ||
                                           edits_concern(entry)};
    }
}

static bool s_has_new_keys(const append_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i]->dedupe.len > 0 && !self->entries[i]->refused)
            return true;
    return false;
}

/* Makes the tables that the rows are to go to. */
static session_outcome_t s_make_tables(append_t *self, journal_t *journal)
{
    session_outcome_t went = SESSION_OK;
    if (tables_is_full(journal, self->running_ms))
        went = tables_roll(journal, self->running_ms);
    if (went == SESSION_OK && s_has_new_keys(self) &&
        tables_are_keys_full(journal, self->running_ms))
        went = tables_roll_keys(journal, self->running_ms);
    return went;
}

typedef enum { PART_DONE, PART_AGAIN, PART_STOP } part_t;

/* What follows from an outcome, of a transaction or of what came before it. */
static part_t s_follow(append_t *self, journal_t *journal, session_outcome_t went, bool sent,
                       unsigned *tries)
{
    bool there = false;
    switch (went) {
    case SESSION_OK:
        break;
    case SESSION_SEEN:
        if (journal->writing.is_number)
            fence_lost(journal);
        journal->look_until_ms = self->now_ms + LOOK_MS;
        if (++*tries < TRIES)
            return PART_AGAIN;
        s_note_full(self, journal, went);
        return PART_AGAIN;
    case SESSION_FENCED:
        fence_lost(journal);
    case SESSION_AGAIN:
    case SESSION_GONE:
        if (++*tries < TRIES)
            return PART_AGAIN;
        /* fall through */
    case SESSION_FULL:
    case SESSION_REFUSED:
        s_note_full(self, journal, went);
        return PART_AGAIN;
    case SESSION_AWAY:
        return owner_retake(journal, &journal->writing) ? PART_AGAIN : PART_STOP;
    case SESSION_UNKNOWN:
        if (!sent)
            return owner_retake(journal, &journal->writing) ? PART_AGAIN : PART_STOP;
        if (!s_resolve(self, journal, &there))
            return PART_STOP;
        if (!there)
            return PART_AGAIN;
        self->keys = 0; /* they were counted again */
        break;
    }
    if (sent)
        s_keep(self, journal);
    return PART_DONE;
}

/* One try of a part of a drain. */
static part_t s_try(append_t *self, journal_t *journal, unsigned *tries)
{
    session_outcome_t went = SESSION_OK;
    bool sent = false;
    tables_copy(journal, &journal->known);
    if (self->may_store)
        went = s_make_tables(self, journal);
    s_mark(self, journal, *tries > 0);
    if (went == SESSION_OK)
        went = look_up(journal, self->entries, self->known, self->count, self->running_ms);
    if (went == SESSION_OK && journal->delivers)
        went = items_judge(journal, self->entries, self->known, self->count);
    if (went == SESSION_OK)
        went = s_judge(self, journal);
    sent = went == SESSION_OK && self->stored > 0;
    if (sent)
        went = s_send(self, journal);
    if (went == SESSION_OK && sent) {
        atomic_store(&journal->full, false);
        atomic_store(&journal->short_ms, 0);
    }
    return s_follow(self, journal, went, sent, tries);
}

/* The next entries that make a transaction: one that changes another record alone, because it is
 * judged by what is stored. */
static size_t s_part(journal_entry_t *const *entries, size_t count)
{
    size_t rows = 0, bytes = 0;
    if (edits_concern(entries[0]))
        return 1;
    while (rows < count && rows < POSTGRES_ROWS && (rows == 0 || bytes < POSTGRES_BYTES) &&
           !edits_concern(entries[rows]))
        bytes += record_cost(&entries[rows++]->record);
    return rows;
}

size_t journal_append(journal_t *journal, journal_entry_t **entries, size_t count, int64_t now_ms)
{
    append_t *self = journal->append;
    size_t stored = 0;
    int64_t began_us = clock_us();
    for (size_t at = 0; at < count; at += self->count) {
        part_t part;
        unsigned tries = 0;
        self->entries = entries + at;
        self->count = s_part(entries + at, count - at);
        self->now_ms = now_ms;
        self->running_ms = running_at(journal, now_ms);
        self->may_store = !atomic_load(&journal->gone) &&
                          (!atomic_load(&journal->full) || now_ms >= journal->full_next_ms);
        do
            part = s_try(self, journal, &tries);
        while (part == PART_AGAIN);
        if (part == PART_STOP)
            break;
        stored += self->stored;
    }
    if (stored > 0) {
        metric_add(METRIC_commits_total, 1);
        metric_observe_us(METRIC_commit_seconds, clock_us() - began_us);
    }
    return stored;
}
