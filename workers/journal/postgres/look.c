/* What the tables know of the entries of a drain: one round trip. */
#include "workers/journal/postgres/edits.h"
#include "workers/journal/revisions.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    journal_t *journal;
    journal_entry_t *const *entries;
    known_t *known;
    size_t count;
    uint64_t running_ms;
    const tables_t *tables;
    array_t ids, keys, targets;
    uint32_t *id_of, *key_of; /* which entry an element is of */
    sql_t sql[3];
    statement_t statements[3];
    unsigned asked, ids_at, keys_at, targets_at; /* statements; 3: it is not asked */
} look_t;

/* Those whose ids may still be sent again, from the newest back. */
static void s_ask_ids(look_t *self)
{
    sql_t *sql = &self->sql[self->asked];
    const journal_t *journal = self->journal;
    unsigned parts = 0;
    if (self->ids.count == 0)
        return;
    for (unsigned i = self->tables->segments_len; i > 0; i--) {
        const segment_t *segment = &self->tables->segments[i - 1];
        bool open = i == self->tables->segments_len;
        if (!segment_has_young(segment, open, self->running_ms))
            continue;
        sql_add(sql,
                "%sSELECT t.i, l.log, l.answer, l.record FROM unnest($1) WITH ORDINALITY t(id, i) "
                "JOIN postern.log_%c%u_%u l ON l.id = t.id",
                parts++ ? " UNION ALL " : "", journal->kind, journal->options.shard, segment->n);
    }
    if (parts == 0)
        return;
    self->ids_at = self->asked++;
    statement_begin(&self->statements[self->ids_at], "", sql->text);
    statement_array(&self->statements[self->ids_at], &self->ids, TYPE_UUIDS);
}

static void s_ask_keys(look_t *self)
{
    sql_t *sql = &self->sql[self->asked];
    const journal_t *journal = self->journal;
    unsigned parts = 0;
    if (self->keys.count == 0)
        return;
    for (unsigned i = 0; i < self->tables->keys_len; i++)
        if (keys_live(&self->tables->keys[i], self->running_ms))
            sql_add(sql,
                    "%sSELECT t.i, k.log, k.time_ms, k.running_ms, k.answer, k.hash, k.revision, "
                    "k.root_number, k.root_ms FROM "
                    "unnest($1) WITH ORDINALITY t(key, i) JOIN postern.keys_%c%u_%u k ON k.key = "
                    "t.key",
                    parts++ ? " UNION ALL " : "", journal->kind, journal->options.shard,
                    self->tables->keys[i].n);
    if (parts == 0)
        return;
    self->keys_at = self->asked++;
    statement_begin(&self->statements[self->keys_at], "", sql->text);
    statement_array(&self->statements[self->keys_at], &self->keys, TYPE_BYTEAS);
}

static void s_ask_targets(look_t *self)
{
    sql_t *sql = &self->sql[self->asked];
    const journal_t *journal = self->journal;
    if (self->targets.count == 0)
        return;
    sql_add(sql, "SELECT t.target, m.sequence, m.log FROM (SELECT DISTINCT unnest($1) AS target) t "
                 "CROSS JOIN LATERAL (");
    for (unsigned i = self->tables->segments_len; i > 0; i--)
        sql_add(sql,
                "(SELECT l.sequence, l.log FROM postern.log_%c%u_%u l WHERE l.target = t.target "
                "ORDER BY l.sequence DESC LIMIT 1) UNION ALL ",
                journal->kind, journal->options.shard, self->tables->segments[i - 1].n);
    sql_add(
        sql,
        "SELECT f.sequence, f.log FROM postern.target_floor f WHERE f.kind = %u AND f.shard = %u "
        "AND f.target = t.target ORDER BY 1 DESC LIMIT 1) m",
        journal->number, journal->options.shard);
    self->targets_at = self->asked++;
    statement_begin(&self->statements[self->targets_at], "", sql->text);
    statement_array(&self->statements[self->targets_at], &self->targets, TYPE_UUIDS);
}

/* A record as it was answered when it was stored. */
static void s_take_ids(look_t *self)
{
    const statement_t *rows = &self->statements[self->ids_at];
    for (unsigned i = 0; i < statement_rows(rows); i++) {
        known_t *known = &self->known[self->id_of[statement_number(rows, i, 0) - 1]];
        record_t record;
        if (record_read(&record, statement_bytes(rows, i, 3)) != 0)
            continue;
        bool young = self->running_ms < (uint64_t)record.running_ms + JOURNAL_ID_MS;
        known->seen |= young;
        known->expired |= !young;
        if (!young)
            continue;
        known->answer = (journal_answer_t){.log = statement_number(rows, i, 1),
                                           .time_ms = record.time_ms,
                                           .answer = (uint8_t)statement_number(rows, i, 2)};
        revisions_answer(&record, &known->answer);
    }
}

/* The newest of a key counts. */
static void s_take_keys(look_t *self)
{
    const statement_t *rows = &self->statements[self->keys_at];
    for (unsigned i = 0; i < statement_rows(rows); i++) {
        known_t *known = &self->known[self->key_of[statement_number(rows, i, 0) - 1]];
        slice_t hash = statement_bytes(rows, i, 5);
        uint64_t stored_ms = statement_number(rows, i, 3);
        uint64_t age_ms = self->running_ms > stored_ms ? self->running_ms - stored_ms : 0;
        if (known->keyed && known->key.age_ms <= age_ms)
            continue;
        known->keyed = true;
        known->key = (seen_key_t){.age_ms = age_ms,
                                  .answer = {.log = statement_number(rows, i, 1),
                                             .time_ms = (int64_t)statement_number(rows, i, 2),
                                             .answer = (uint8_t)statement_number(rows, i, 4),
                                             .revision = (uint32_t)statement_number(rows, i, 6),
                                             .root_number = statement_number(rows, i, 7),
                                             .root_ms = (int64_t)statement_number(rows, i, 8)}};
        if (hash.len == sizeof known->key.hash)
            memcpy(known->key.hash, hash.data, hash.len);
    }
}

/* A target that has nothing begins at 0. */
static void s_take_targets(look_t *self)
{
    targets_t *targets = self->journal->targets;
    for (size_t i = 0; i < self->count; i++)
        if (!targets_find(targets, &self->entries[i]->record.target))
            targets_tell(targets, &self->entries[i]->record.target, 0, 0);
    const statement_t *rows = &self->statements[self->targets_at];
    for (unsigned i = 0; i < statement_rows(rows); i++) {
        uuid_t7 target = statement_id(rows, i, 0);
        targets_tell(targets, &target, statement_number(rows, i, 1), statement_number(rows, i, 2));
    }
}

static void s_gather(look_t *self)
{
    array_begin(&self->ids, TYPE_UUID);
    array_begin(&self->keys, TYPE_BYTEA);
    array_begin(&self->targets, TYPE_UUID);
    for (uint32_t i = 0; i < self->count; i++) {
        const journal_entry_t *entry = self->entries[i];
        const uuid_t7 *target = &entry->record.target;
        if (self->known[i].look) {
            self->id_of[self->ids.count] = i;
            array_add_bytes(&self->ids, slice(entry->record.id.bytes, UUID_BYTES));
        }
        if (self->known[i].look && entry->dedupe.len > 0) {
            self->key_of[self->keys.count] = i;
            array_add_bytes(&self->keys, entry->dedupe);
        }
        if (!targets_find(self->journal->targets, target))
            array_add_bytes(&self->targets, slice(target->bytes, UUID_BYTES));
    }
}

static void s_end(look_t *self)
{
    for (unsigned i = 0; i < 3; i++)
        sql_free(&self->sql[i]);
    for (unsigned i = 0; i < self->asked; i++)
        statement_end(&self->statements[i]);
    array_free(&self->ids);
    array_free(&self->keys);
    array_free(&self->targets);
    free(self->id_of);
    free(self->key_of);
}

session_outcome_t look_up(journal_t *self, journal_entry_t *const *entries, known_t *known,
                          size_t count, uint64_t running_ms)
{
    look_t look = {.journal = self,
                   .entries = entries,
                   .known = known,
                   .count = count,
                   .running_ms = running_ms,
                   .tables = &self->known,
                   .ids_at = 3,
                   .keys_at = 3,
                   .targets_at = 3,
                   .id_of = malloc(count * sizeof(uint32_t)),
                   .key_of = malloc(count * sizeof(uint32_t))};
    if (!look.id_of || !look.key_of)
        abort();
    session_outcome_t went = SESSION_OK;
    s_gather(&look);
    s_ask_ids(&look);
    s_ask_keys(&look);
    s_ask_targets(&look);
    if (look.asked)
        went = session_exchange(&self->writing, look.statements, look.asked, SESSION_DEADLINE_MS);
    if (went == SESSION_OK && look.ids_at < 3)
        s_take_ids(&look);
    if (went == SESSION_OK && look.keys_at < 3)
        s_take_keys(&look);
    if (went == SESSION_OK && look.targets_at < 3)
        s_take_targets(&look);
    s_end(&look);
    return went;
}
