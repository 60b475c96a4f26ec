#include "common/base/clock.h"
#include "workers/journal/lmdb/retained.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH = 2048, /* of a transaction: rows, which are also targets, and bytes */
    BATCH_BYTES = 32 << 20,
    ROOM = 64 << 20, /* of the map, beside twice of what the exports take */
    KEY_COST = 128,
};

struct journal_import {
    journal_t *journal;
    pass_t pass;
    size_t rows, bytes;  /* in it */
    uint64_t pruned_log; /* of the first record whose id is in seen; 0: none yet */
    uint64_t running_ms;
    bool keeps;
    uint64_t next_log; /* keeps: behind the last */
};

static int s_say(int rc, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s",
             rc == ENOSPC || rc == MDB_MAP_FULL
                 ? "there is no room for the new journals: free some on the disk"
             : rc == MDB_CORRUPTED
                 ? "the old journals do not fit together: restore them from a backup"
                 : mdb_strerror(rc));
    return -1;
}

static int s_begin(journal_import_t *self)
{
    self->rows = self->bytes = 0;
    return pass_begin(&self->pass, self->journal, BATCH, clock_ms());
}

static int s_commit(journal_import_t *self)
{
    return pass_commit(&self->pass) == STORE_OK ? 0 : ENOSPC;
}

/* Counts a row of SIZE bytes, ending the transaction when it is large. */
static int s_count(journal_import_t *self, size_t size)
{
    self->bytes += size;
    if (++self->rows < BATCH && self->bytes < BATCH_BYTES)
        return 0;
    int rc = s_commit(self);
    return rc ? rc : s_begin(self);
}

static uint64_t s_number(const journal_import_t *self, uint64_t log)
{
    const journal_options_t *options = &self->journal->options;
    return journal_number(log, options->shard, options->shards);
}

static int s_put(journal_import_t *self, journal_table_t table, slice_t name, const void *row,
                 size_t size, unsigned flags)
{
    MDB_val key = {name.len, (void *)name.data}, value = {size, (void *)row};
    return row_put(self->pass.txn, self->journal->table[table], &key, &value, flags);
}

/* What an answer names by its number, by its place, where that is kept. */
static journal_answer_t s_answer(const journal_import_t *self, const journal_answer_t *exported)
{
    const journal_options_t *options = &self->journal->options;
    journal_answer_t answer = *exported;
    uint64_t number = answer.log & ~JOURNAL_NUMBER;
    if (self->keeps && number % options->shards == options->shard)
        answer.log = number / options->shards;
    return answer;
}

/* The record gets the place that it had, behind what was there before. */
static int s_keep_place(journal_import_t *self, const journal_exported_t *entry, record_t *record)
{
    state_t *state = &self->pass.state;
    if (entry->log < state->next_log || entry->log >= self->next_log)
        return MDB_CORRUPTED;
    if (state->records == 0)
        state->first_log = entry->log;
    state->next_log = entry->log;
    if (record->number == s_number(self, entry->log))
        record->number = 0;
    return 0;
}

static int s_take_record(journal_import_t *self, const journal_exported_t *entry)
{
    pass_t *pass = &self->pass;
    range_row_t *range;
    record_t record = entry->record;
    int rc = self->keeps ? s_keep_place(self, entry, &record) : 0;
    if (rc != 0)
        return rc;
    if (entry->seen) {
        journal_answer_t answer = s_answer(self, &entry->answer);
        id_row_t row = {answer_row(&answer), root_row(&answer)};
        if (!self->pruned_log)
            self->pruned_log = pass->state.next_log;
        rc = s_put(self, TABLE_SEEN, slice(record.id.bytes, UUID_BYTES), &row,
                   root_row_end(sizeof row.answer, &entry->answer), MDB_NOOVERWRITE);
    }
    if (rc == 0)
        rc = pass_target(pass, &record.target, &range);
    if (rc != 0)
        return rc;
    if (range->last == 0)
        *range = (range_row_t){record.sequence, record.sequence - 1, 0};
    if (record.sequence != range->last + 1)
        return MDB_CORRUPTED;
    pass->state.running_ms = (uint64_t)record.running_ms;
    rc = pass_store(pass, &record);
    if (rc == 0 && record.flags & RECORD_DELIVER)
        rc = outbox_import(pass, entry, pass->state.next_log - 1);
    return rc ? rc : s_count(self, record_size(&record));
}

static int s_take_key(journal_import_t *self, const journal_exported_t *entry)
{
    journal_answer_t answer = s_answer(self, &entry->answer);
    kept_key_row_t row = {{.answer = answer_row(&answer), .running_ms = htole64(entry->running_ms)},
                          root_row(&answer)};
    memcpy(row.key.hash, entry->hash, sizeof row.key.hash);
    int rc = s_put(self, TABLE_KEYS, entry->name, &row,
                   root_row_end(sizeof row.key, &entry->answer), MDB_NOOVERWRITE);
    if (rc != 0)
        return rc;
    due_key_t due = {journal_key(entry->running_ms + JOURNAL_KEY_MS), journal_key(answer.log)};
    self->pass.state.keys++;
    rc = s_put(self, TABLE_KEYS_DUE, slice(&due, sizeof due), entry->name.data, entry->name.len, 0);
    return rc ? rc : s_count(self, KEY_COST);
}

static int s_take_target(journal_import_t *self, const journal_exported_t *entry)
{
    range_row_t *range;
    int rc = pass_target(&self->pass, &entry->target, &range);
    if (rc != 0)
        return rc;
    if (range->last == 0) /* retention has emptied it: only its sequence goes on */
        *range = (range_row_t){entry->range.first, entry->range.last, 0};
    else if (range->first != entry->range.first || range->last != entry->range.last)
        return MDB_CORRUPTED;
    return s_count(self, sizeof *range);
}

static int s_take_kept(journal_import_t *self, const journal_exported_t *entry)
{
    journal_table_t table = entry->kind == EXPORT_HANDLER ? TABLE_HANDLERS : TABLE_HEALTH;
    int rc = s_put(self, table, slice(entry->target.bytes, UUID_BYTES), entry->bytes.data,
                   entry->bytes.len, 0);
    return rc ? rc : s_count(self, entry->bytes.len);
}

static int s_take_retention(journal_import_t *self, const journal_exported_t *entry)
{
    const journal_note_t note = {
        .kind = NOTE_RETENTION, .target = entry->target, .bytes = entry->bytes};
    int rc = retained_apply(&self->pass, &note);
    return rc ? rc : s_count(self, sizeof(retained_row_t));
}

int journal_import(journal_import_t *self, const journal_exported_t *entry, char *err,
                   size_t err_size)
{
    static int (*const take[EXPORT_KINDS])(journal_import_t *, const journal_exported_t *) = {
        [EXPORT_RECORD] = s_take_record, [EXPORT_KEY] = s_take_key,
        [EXPORT_TARGET] = s_take_target, [EXPORT_HANDLER] = s_take_kept,
        [EXPORT_HEALTH] = s_take_kept,   [EXPORT_RETENTION] = s_take_retention,
    };
    int rc = take[entry->kind](self, entry);
    if (rc == MDB_KEYEXIST && entry->kind == EXPORT_KEY)
        return 1;
    return rc ? s_say(rc, err, err_size) : 0;
}

journal_import_t *journal_import_new(const journal_import_options_t *options, char *err,
                                     size_t err_size)
{
    journal_import_t *self = calloc(1, sizeof *self);
    journal_options_t opened = {
        .path = options->path,
        .kind = options->kind,
        .shard = options->shard,
        .shards = options->shards,
        .room_bytes = 2 * options->bytes + ROOM,
    };
    if (!self)
        abort();
    self->running_ms = options->running_ms;
    self->journal = journal_open(&opened, clock_ms(), err, err_size);
    if (self->journal) {
        state_t *state = &self->journal->state;
        self->keeps = options->keeps;
        self->next_log = options->numbers / options->shards;
        state->first_log = options->keeps ? 1 : self->next_log + 1;
        state->next_log = state->pruned_log = state->first_log;
        int rc = s_begin(self);
        if (rc == 0)
            return self;
        s_say(rc, err, err_size);
    }
    journal_import_destroy(&self);
    return NULL;
}

int journal_import_end(journal_import_t *self, char *err, size_t err_size)
{
    state_t *state = &self->pass.state;
    state->running_ms = self->running_ms;
    if (self->keeps)
        state->next_log = self->next_log;
    if (self->keeps && state->records == 0)
        state->first_log = self->next_log;
    state->pruned_log = self->pruned_log ? self->pruned_log : state->next_log;
    int rc = s_commit(self);
    return rc ? s_say(rc, err, err_size) : 0;
}

void journal_import_destroy(journal_import_t **self_p)
{
    journal_import_t *self = *self_p;
    if (!self)
        return;
    if (self->pass.txn)
        pass_abort(&self->pass);
    journal_close(&self->journal);
    free(self);
    *self_p = NULL;
}
