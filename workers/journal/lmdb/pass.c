#include "workers/journal/lmdb/ahead.h"
#include "workers/journal/lmdb/edits.h"
#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/journal/lmdb/retained.h"

#include "common/base/clock.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* NOW_MS 0: where it stood. */
static uint64_t s_running(const journal_t *journal, int64_t now_ms)
{
    uint64_t running = journal->base_ms, told = now_ms ? atomic_load(&journal->told_ms) : 0;
    if (now_ms > journal->opened_ms)
        running += (uint64_t)(now_ms - journal->opened_ms);
    running = running > told ? running : told;
    return running > journal->state.running_ms ? running : journal->state.running_ms;
}

static target_slot_t *s_slot(const target_set_t *set, uint64_t number, const uuid_t7 *target)
{
    uint64_t hash;
    memcpy(&hash, target->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    hash *= 0x9e3779b97f4a7c15u;
    for (size_t i = hash >> 32;; i++) {
        target_slot_t *slot = &set->slots[i & (set->room - 1)];
        if (slot->pass != number || uuid_eq(&slot->target, target))
            return slot;
    }
}

/* Room for TOUCHED targets beside those that the pass has. */
static void s_make_room(target_set_t *set, size_t touched, uint64_t number)
{
    target_set_t old = *set;
    size_t room = set->room ? set->room : 1024;
    while (room < 2 * (set->used_len + touched))
        room *= 2;
    if (room == set->room)
        return;
    *set = (target_set_t){.room = room, .used_len = old.used_len};
    set->slots = calloc(room, sizeof *set->slots);
    set->used = calloc(room, sizeof *set->used);
    if (!set->slots || !set->used)
        abort();
    for (size_t i = 0; i < old.used_len; i++) {
        set->used[i] = s_slot(set, number, &old.used[i]->target);
        *set->used[i] = *old.used[i];
    }
    free(old.slots);
    free(old.used);
}

void pass_extend(pass_t *self, size_t touched, int64_t now_ms)
{
    journal_t *journal = self->journal;
    uint64_t running_ms = s_running(journal, now_ms);
    if (running_ms > self->state.running_ms)
        self->state.running_ms = running_ms;
    s_make_room(&journal->targets, touched, journal->number);
}

static int s_open_cursors(pass_t *self)
{
    static const journal_table_t tables[] = {TABLE_LOG, TABLE_SEEN, TABLE_KEYS, TABLE_KEYS_DUE};
    MDB_cursor **cursors[] = {&self->log, &self->seen, &self->keys, &self->keys_due};
    int rc = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && rc == 0; i++)
        rc = mdb_cursor_open(self->txn, self->journal->table[tables[i]], cursors[i]);
    return rc;
}

int pass_begin(pass_t *self, journal_t *journal, size_t touched, int64_t now_ms)
{
    *self = (pass_t){.journal = journal, .state = journal->state};
    journal->number++;
    journal->targets.used_len = 0;
    recent_clear(&journal->recent);
    pass_extend(self, touched, now_ms);
    int rc = mdb_txn_begin(journal->env, NULL, 0, &self->txn);
    return rc ? rc : s_open_cursors(self);
}

/* Cursors of a write transaction go before it does. */
static void s_close_cursors(pass_t *self)
{
    MDB_cursor **cursors[] = {&self->log, &self->seen, &self->keys, &self->keys_due};
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++)
        if (*cursors[i]) {
            mdb_cursor_close(*cursors[i]);
            *cursors[i] = NULL;
        }
}

void pass_abort(pass_t *self)
{
    s_close_cursors(self);
    if (self->txn)
        mdb_txn_abort(self->txn);
    self->txn = NULL;
}

static int s_put_targets(pass_t *self)
{
    const target_set_t *set = &self->journal->targets;
    int rc = 0;
    for (size_t i = 0; i < set->used_len && rc == 0; i++) {
        target_slot_t *slot = set->used[i];
        range_row_t row = {htole64(slot->range.first), htole64(slot->range.last),
                           htole64(slot->range.last_log)};
        MDB_val key = {UUID_BYTES, slot->target.bytes}, value = {sizeof row, &row};
        rc = row_put(self->txn, self->journal->table[TABLE_TARGETS], &key, &value, 0);
    }
    return rc;
}

int state_write(MDB_txn *txn, MDB_dbi meta, const state_t *state)
{
    state_row_t row = {
        htole64(state->running_ms), htole64(state->first_log),  htole64(state->next_log),
        htole64(state->pruned_log), htole64(state->keys),       htole64(state->bytes),
        htole64(state->generation), htole64(state->framed),     htole64(state->wal_bytes),
        htole64(state->targets),    htole64(state->summed_log), htole64(state->records)};
    MDB_val key = {5, "state"}, value = {sizeof row, &row};
    return row_put(txn, meta, &key, &value, 0);
}

store_commit_t pass_close(pass_t *self)
{
    int rc = s_put_targets(self);
    if (rc == 0)
        rc = state_write(self->txn, self->journal->table[TABLE_META], &self->state);
    if (rc != 0) {
        pass_abort(self);
        if (store_failure(rc) != STORE_FULL)
            store_fail(self->journal->store, "put", rc);
        return STORE_FULL;
    }
    s_close_cursors(self);
    return STORE_OK;
}

store_commit_t pass_end(pass_t *self)
{
    journal_t *journal = self->journal;
    int64_t began_us = clock_us();
    store_commit_t went = store_commit(journal->store, self->txn);
    self->txn = NULL;
    if (went == STORE_UNKNOWN)
        store_fail(journal->store, "commit", 0);
    if (went == STORE_OK)
        metric_observe_us(METRIC_checkpoint_seconds, clock_us() - began_us);
    return went;
}

store_commit_t pass_commit(pass_t *self)
{
    store_commit_t went = pass_close(self);
    if (went == STORE_OK)
        went = pass_end(self);
    if (went == STORE_OK)
        self->journal->state = self->state;
    return went;
}

int range_read(const journal_t *journal, MDB_txn *txn, const uuid_t7 *target, range_row_t *range)
{
    range_row_t row;
    int rc = row_read(txn, journal->table[TABLE_TARGETS], slice(target->bytes, UUID_BYTES), &row,
                      sizeof row);
    *range = rc == 0 ? (range_row_t){le64toh(row.first), le64toh(row.last), le64toh(row.last_log)}
                     : (range_row_t){1, 0, 0};
    return rc;
}

int pass_target(pass_t *self, const uuid_t7 *target, range_row_t **range)
{
    journal_t *journal = self->journal;
    target_set_t *set = &journal->targets;
    target_slot_t *slot = s_slot(set, journal->number, target);
    *range = &slot->range;
    if (slot->pass == journal->number)
        return 0;
    assert(set->used_len < set->room / 2);
    slot->pass = journal->number;
    slot->target = *target;
    set->used[set->used_len++] = slot;
    int rc = range_read(journal, self->txn, target, &slot->range);
    self->state.targets += rc == MDB_NOTFOUND;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int pass_look(const pass_t *self, const uuid_t7 *target, range_row_t *range)
{
    const journal_t *journal = self->journal;
    const target_slot_t *slot = s_slot(&journal->targets, journal->number, target);
    if (slot->pass != journal->number)
        return range_read(journal, self->txn, target, range);
    *range = slot->range;
    return 0;
}

int state_read(MDB_txn *txn, MDB_dbi meta, state_t *state)
{
    MDB_val key = {5, "state"}, value;
    state_row_t row = {0};
    int rc = row_get(txn, meta, &key, &value);
    *state = (state_t){.first_log = 1, .next_log = 1, .pruned_log = 1, .summed_log = 1};
    if (rc != 0)
        return rc;
    /* Before schema 9 the log had no holes. Before 6 nothing was said of the write-ahead file,
     * before 3 there was none. */
    if (value.mv_size != sizeof row && value.mv_size != offsetof(state_row_t, records) &&
        value.mv_size != offsetof(state_row_t, framed) &&
        value.mv_size != offsetof(state_row_t, generation))
        return MDB_CORRUPTED;
    memcpy(&row, value.mv_data, value.mv_size);
    *state = (state_t){le64toh(row.running_ms),
                       le64toh(row.first_log),
                       le64toh(row.next_log),
                       le64toh(row.pruned_log),
                       le64toh(row.keys),
                       le64toh(row.bytes),
                       le64toh(row.generation),
                       le64toh(row.framed),
                       le64toh(row.wal_bytes),
                       le64toh(row.targets),
                       le64toh(row.summed_log),
                       le64toh(row.records),
                       value.mv_size < offsetof(state_row_t, records)};
    if (value.mv_size != sizeof row)
        state->records = state->next_log - state->first_log;
    if (state->wal_old)
        state->summed_log = state->next_log;
    return 0;
}

static int s_put_place(pass_t *self, const record_t *record, uint64_t log)
{
    place_key_t place = journal_place(&record->target, record->sequence);
    MDB_val key = {sizeof place, &place}, value = {sizeof log, &log};
    return row_put(self->txn, self->journal->table[TABLE_BY_TARGET], &key, &value, 0);
}

void pass_place(pass_t *self, record_t *record, range_row_t *range)
{
    record->sequence = range->last + 1;
    record->previous = range->last_log;
    record->running_ms = (int64_t)self->state.running_ms;
    range->last = record->sequence;
    range->last_log = self->state.next_log++;
    self->state.bytes += record_size(record) + JOURNAL_RECORD_COST;
    self->state.records++;
    self->stored++;
}

int pass_store(pass_t *self, record_t *record)
{
    range_row_t *range;
    int rc = pass_target(self, &record->target, &range);
    if (rc != 0)
        return rc;
    if (range->first > range->last && (rc = unowned_enter(self, &record->target, record->op)) != 0)
        return rc;
    pass_place(self, record, range);
    size_t size = row_record_size(record);
    uint64_t number = range->last_log, log = journal_key(number);
    MDB_val key = {sizeof log, &log}, value = {size, NULL};
    rc = mdb_cursor_put(self->log, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (rc != 0)
        return rc;
    row_record_write(record, &key, value.mv_data);
    if (record->sequence % JOURNAL_STRIDE == 0 && (rc = s_put_place(self, record, log)) != 0)
        return rc;
    if (record_is_related(record) && (rc = edits_store(self, record, number)) != 0)
        return rc;
    if (record->flags & RECORD_DELIVER && (rc = outbox_store(self, record, number)) != 0)
        return rc;
    if (record->flags & RECORD_REPLY && (rc = outbox_replied(self, record)) != 0)
        return rc;
    self->awaited |= (record->flags & (RECORD_DELIVER | RECORD_REPLY)) != 0;
    return 0;
}
