#include "workers/journal/lmdb/outbox_rows.h"

#include <assert.h>

static void s_begin(journal_reader_t *self)
{
    int rc = reader_begin(self);
    if (rc != 0)
        store_fail(self->journal->store, "read of the outbox", rc);
}

static void s_end(journal_reader_t *self, int rc)
{
    reader_end(self);
    if (rc != 0 && rc != MDB_NOTFOUND)
        reader_failed(self, "read of the outbox", rc);
}

/* Until s_end. */
static MDB_cursor *s_cursor(journal_reader_t *self, journal_table_t table)
{
    s_begin(self);
    int rc = mdb_cursor_open(self->txn, self->journal->table[table], &self->cursor);
    if (rc != 0)
        store_fail(self->journal->store, "read of the outbox", rc);
    return self->cursor;
}

uint64_t journal_committed(const journal_t *self)
{
    return atomic_load(&self->committed_log);
}

uint64_t journal_running_ms(journal_t *self, int64_t now_ms)
{
    uint64_t running_ms =
        self->base_ms + (now_ms > self->opened_ms ? (uint64_t)(now_ms - self->opened_ms) : 0);
    if (running_ms > atomic_load(&self->told_ms))
        atomic_store(&self->told_ms, running_ms);
    return running_ms;
}

static int s_read_due(const MDB_val *key, const MDB_val *value, outbox_due_t *due)
{
    outbox_key_t name;
    due_row_t row;
    if (key->mv_size != sizeof name || value->mv_size != sizeof row)
        return MDB_CORRUPTED;
    memcpy(&name, key->mv_data, sizeof name);
    memcpy(&row, value->mv_data, sizeof row);
    *due = (outbox_due_t){
        .place = {.order = be64toh(name.order), .log = be64toh(name.log)},
        .due_ms = le64toh(row.due_ms),
        .stored_ms = le64toh(row.stored_ms),
        .first_ms = le64toh(row.first_ms),
        .made = le16toh(row.made),
    };
    memcpy(due->place.target.bytes, name.target, UUID_BYTES);
    return 0;
}

void journal_due(journal_reader_t *self, const outbox_place_t *from, outbox_due_fn each, void *arg)
{
    MDB_cursor *cursor = s_cursor(self, TABLE_OUTBOX);
    outbox_key_t name = outbox_key(&from->target, from->order, from->log);
    MDB_val key = outbox_val(&name, sizeof name), value;
    bool more = true;
    int rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && more) {
        outbox_due_t due;
        rc = s_read_due(&key, &value, &due);
        if (rc != 0)
            break;
        more = each(arg, &due);
        rc = row_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    s_end(self, rc);
}

typedef struct {
    outbox_tally_t *tally;
    unsigned rows;
    bool more;
} step_t;

static bool s_count_due(void *arg, const outbox_due_t *due)
{
    step_t *self = arg;
    self->more = self->rows == OUTBOX_STEP;
    self->tally->at = due->place;
    if (self->more)
        return false;
    self->rows++;
    self->tally->delayed += due->due_ms > self->tally->now_ms;
    if (due->stored_ms < self->tally->oldest_ms)
        self->tally->oldest_ms = due->stored_ms;
    return true;
}

bool journal_tally(journal_reader_t *self, outbox_tally_t *tally)
{
    step_t step = {.tally = tally};
    outbox_place_t from = tally->at;
    journal_due(self, &from, s_count_due, &step);
    return step.more;
}

/* A read is a look into the map: there is nothing to save. */
void journal_due_ahead(journal_reader_t *self, const outbox_place_t *from,
                       const outbox_ahead_t *ahead, outbox_due_fn each, void *arg)
{
    (void)ahead;
    journal_due(self, from, each, arg);
}

static outbox_item_t s_item(const uuid_t7 *target, uint64_t log, const item_row_t *row)
{
    outbox_item_t item = {
        .target = *target,
        .log = log,
        .state = item_state(row),
        .made = le16toh(row->made),
        .attempts = le32toh(row->attempts),
        .time_ms = (int64_t)le64toh(row->time_ms),
        .due_ms = le64toh(row->due_ms),
    };
    memcpy(item.id.bytes, row->id, UUID_BYTES);
    return item;
}

static int s_get(journal_reader_t *self, const uuid_t7 *target, uint64_t log, outbox_item_t *item)
{
    item_key_t name = item_key(target, log);
    item_row_t row;
    int rc = row_read(self->txn, self->journal->table[TABLE_ITEMS], slice(&name, sizeof name), &row,
                      sizeof row);
    if (rc == 0)
        *item = s_item(target, log, &row);
    return rc;
}

bool journal_item(journal_reader_t *self, const uuid_t7 *target, uint64_t log, outbox_item_t *item)
{
    s_begin(self);
    int rc = s_get(self, target, log, item);
    s_end(self, rc);
    return rc == 0;
}

/* The last of a table with keys of item_key_t that is not after NAME. */
static int s_last(MDB_cursor *cursor, const item_key_t *name, MDB_val *key, MDB_val *value)
{
    *key = outbox_val(name, sizeof *name);
    int rc = row_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND)
        return row_cursor_get(cursor, key, value, MDB_LAST);
    if (rc == 0 && memcmp(key->mv_data, name, sizeof *name) != 0)
        return row_cursor_get(cursor, key, value, MDB_PREV);
    return rc;
}

/* Walks a table with keys of item_key_t from where the cursor stands. */
static int s_walk(journal_reader_t *self, MDB_cursor *cursor, const uuid_t7 *target, MDB_val key,
                  MDB_cursor_op step, outbox_item_fn each, void *arg)
{
    MDB_val value;
    int rc = 0;
    for (bool more = true; rc == 0 && more; rc = row_cursor_get(cursor, &key, &value, step)) {
        item_key_t name;
        outbox_item_t item;
        if (key.mv_size != sizeof name)
            return MDB_CORRUPTED;
        memcpy(&name, key.mv_data, sizeof name);
        if (memcmp(name.target, target->bytes, UUID_BYTES) != 0)
            return 0;
        rc = s_get(self, target, be64toh(name.log), &item);
        if (rc != 0)
            return rc;
        more = each(arg, &item);
    }
    return rc;
}

void journal_items(journal_reader_t *self, const uuid_t7 *target, uint64_t until, bool dead_only,
                   outbox_item_fn each, void *arg)
{
    MDB_cursor *cursor = s_cursor(self, dead_only ? TABLE_DEAD : TABLE_ITEMS);
    item_key_t name = item_key(target, until);
    MDB_val key, value;
    int rc = s_last(cursor, &name, &key, &value);
    if (rc == 0)
        rc = s_walk(self, cursor, target, key, MDB_PREV, each, arg);
    s_end(self, rc);
}

bool journal_item_target(journal_reader_t *self, const uuid_t7 *after, bool dead_only,
                         uuid_t7 *target)
{
    static const uuid_t7 first;
    MDB_cursor *cursor = s_cursor(self, dead_only ? TABLE_DEAD : TABLE_ITEMS);
    item_key_t name = item_key(after ? after : &first, after ? UINT64_MAX : 0);
    MDB_val key = outbox_val(&name, sizeof name), value;
    int rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0 && key.mv_size != sizeof name)
        rc = MDB_CORRUPTED;
    if (rc == 0)
        memcpy(target->bytes, key.mv_data, UUID_BYTES);
    s_end(self, rc);
    return rc == 0;
}

void journal_dead(journal_reader_t *self, const uuid_t7 *target, uint64_t from, outbox_item_fn each,
                  void *arg)
{
    MDB_cursor *cursor = s_cursor(self, TABLE_DEAD);
    item_key_t name = item_key(target, from);
    MDB_val key = outbox_val(&name, sizeof name), value;
    int rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0)
        rc = s_walk(self, cursor, target, key, MDB_NEXT, each, arg);
    s_end(self, rc);
}

int attempt_read(slice_t bytes, outbox_attempt_t *attempt)
{
    attempt_row_t row;
    trace_row_t trace = {0};
    if (bytes.len < sizeof row)
        return MDB_CORRUPTED;
    memcpy(&row, bytes.data, sizeof row);
    bytes = slice(bytes.data + sizeof row, bytes.len - sizeof row);
    unsigned status = le16toh(row.status);
    if (status & ATTEMPT_TRACED) {
        if (bytes.len < sizeof trace)
            return MDB_CORRUPTED;
        memcpy(&trace, bytes.data, sizeof trace);
        bytes = slice(bytes.data + sizeof trace, bytes.len - sizeof trace);
    }
    size_t len = le16toh(trace.len);
    if (len > bytes.len)
        return MDB_CORRUPTED;
    *attempt = (outbox_attempt_t){
        .time_ms = (int64_t)le64toh(row.time_ms),
        .duration_us = le64toh(row.duration_us),
        .status = status & ~(unsigned)ATTEMPT_TRACED,
        .outcome = row.outcome,
        .trace = slice(bytes.data, len),
        .answer = slice(bytes.data + len, bytes.len - len),
    };
    return 0;
}

void journal_attempts(journal_reader_t *self, uint64_t log, outbox_attempt_fn each, void *arg)
{
    MDB_cursor *cursor = s_cursor(self, TABLE_ATTEMPTS);
    attempt_key_t name = {htobe64(log), 0};
    MDB_val key = outbox_val(&name, sizeof name), value;
    int rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0) {
        outbox_attempt_t attempt;
        if (key.mv_size != sizeof name) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(&name, key.mv_data, sizeof name);
        if (be64toh(name.log) != log)
            break;
        rc = attempt_read(slice(value.mv_data, value.mv_size), &attempt);
        if (rc != 0)
            break;
        each(arg, (unsigned)be64toh(name.number), &attempt);
        rc = row_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    s_end(self, rc);
}

typedef struct {
    journal_reader_t *reader;
    uint64_t log;
    outbox_record_fn each;
    void *arg;
    bool found;
} one_t;

static void s_record(void *arg)
{
    one_t *self = arg;
    journal_reader_t *reader = self->reader;
    const journal_t *journal = reader->journal;
    uint64_t number = journal_key(self->log);
    record_t record;
    MDB_val key = outbox_val(&number, sizeof number), value;
    MDB_dbi log = journal->table[TABLE_LOG];
    s_begin(reader);
    int rc = mdb_get(reader->txn, log, &key, &value);
    if (rc == 0)
        rc = row_record(reader->txn, log, journal->summed_log, &key, &value, &record);
    self->found = rc == 0;
    if (rc == 0)
        self->each(self->arg, &record);
    s_end(reader, rc);
}

bool journal_record(journal_reader_t *self, uint64_t log, outbox_record_fn each, void *arg)
{
    one_t one = {self, log, each, arg, false};
    if (self->trying)
        s_record(&one);
    return (self->trying || journal_try(self, s_record, &one)) && one.found;
}

static void s_kept(journal_reader_t *self, journal_table_t table, outbox_kept_fn each, void *arg)
{
    MDB_cursor *cursor = s_cursor(self, table);
    MDB_val key, value;
    int rc;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        uuid_t7 target;
        if (key.mv_size != UUID_BYTES) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(target.bytes, key.mv_data, UUID_BYTES);
        each(arg, &target, slice(value.mv_data, value.mv_size));
    }
    s_end(self, rc);
}

void journal_handlers(journal_reader_t *self, outbox_kept_fn each, void *arg)
{
    s_kept(self, TABLE_HANDLERS, each, arg);
}

void journal_health(journal_reader_t *self, outbox_kept_fn each, void *arg)
{
    s_kept(self, TABLE_HEALTH, each, arg);
}

outbox_counts_t journal_outbox_counts(journal_reader_t *self)
{
    MDB_stat pending, dead;
    s_begin(self);
    int rc = mdb_stat(self->txn, self->journal->table[TABLE_OUTBOX], &pending);
    if (rc == 0)
        rc = mdb_stat(self->txn, self->journal->table[TABLE_DEAD], &dead);
    s_end(self, rc);
    return (outbox_counts_t){pending.ms_entries, dead.ms_entries};
}

bool journal_is_served(const journal_t *self)
{
    (void)self;
    return false;
}
