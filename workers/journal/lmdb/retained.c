#include "workers/journal/lmdb/retained.h"

#include "common/base/map.h"
#include "common/log/log.h"
#include "workers/journal/lmdb/edits.h"
#include "workers/journal/retention.h"

enum {
    LEAST_MS = 1000, /* between two looks at a target whose oldest record has to stay */
    PENDING_MS = 10000,
};

/* Of a target, as the main thread knows it. */
struct told {
    UT_hash_handle hh;
    uuid_t7 target;
    uint64_t version;
    uint64_t note; /* 0: it came from the journal */
};

/* A target that a step looks at. */
typedef struct {
    pass_t *pass;
    uuid_t7 target;
    retained_row_t row; /* as it lies in the file */
    range_row_t range;
    size_t steps; /* left */
    bool changed; /* the row */
} turn_t;

static int s_read(const MDB_val *key, const MDB_val *value, uuid_t7 *target, retained_row_t *row)
{
    if (key->mv_size != UUID_BYTES || value->mv_size != sizeof *row)
        return MDB_CORRUPTED;
    memcpy(target->bytes, key->mv_data, UUID_BYTES);
    memcpy(row, value->mv_data, sizeof *row);
    return 0;
}

static int s_get(pass_t *pass, const uuid_t7 *target, retained_row_t *row)
{
    return row_read(pass->txn, pass->journal->table[TABLE_RETAINED],
                    slice(target->bytes, UUID_BYTES), row, sizeof *row);
}

static int s_put(pass_t *pass, const uuid_t7 *target, const retained_row_t *row)
{
    return outbox_put(pass, TABLE_RETAINED, outbox_val(target->bytes, UUID_BYTES),
                      outbox_val(row, sizeof *row));
}

int retained_lost(pass_t *pass, const uuid_t7 *target, uint64_t sequence, uint64_t size)
{
    retained_row_t row;
    int rc = s_get(pass, target, &row);
    if (rc != 0 || sequence > le64toh(row.counted))
        return rc == MDB_NOTFOUND ? 0 : rc;
    uint64_t kept = le64toh(row.bytes_kept);
    row.bytes_kept = htole64(kept > size ? kept - size : 0);
    return s_put(pass, target, &row);
}

int retained_apply(pass_t *pass, const journal_note_t *note)
{
    retained_row_t row = {0}, before;
    if (note->bytes.len != sizeof row.told)
        return MDB_CORRUPTED;
    memcpy(&row.told, note->bytes.data, sizeof row.told);
    int rc = s_get(pass, &note->target, &before);
    if (rc == 0 && row.told.bytes && before.told.bytes) {
        row.counted = before.counted;
        row.bytes_kept = before.bytes_kept;
    }
    return rc == 0 || rc == MDB_NOTFOUND ? s_put(pass, &note->target, &row) : rc;
}

/* --- A turn */

/* The log sequences of records from FROM to the next anchor, at most a stride: *LAST. */
static int s_stride(const turn_t *self, uint64_t from, uint64_t logs[JOURNAL_STRIDE],
                    uint64_t *last, uint64_t *bytes)
{
    const sight_t sight = {self->pass->journal, self->pass->txn};
    record_t record;
    uint64_t log;
    int rc = sight_anchor(&sight, &self->target, from, &self->range, last, &log);
    *bytes = 0;
    for (uint64_t at = *last; rc == 0 && at >= from; at--) {
        logs[at - from] = log;
        rc = sight_get(&sight, log, &self->target, at, &record);
        if (rc != 0)
            break;
        *bytes += record_size(&record) + JOURNAL_RECORD_COST;
        log = record.previous;
    }
    return rc;
}

/* Where counting goes on: what was removed uncounted is nothing any more. */
static uint64_t s_counted(turn_t *self)
{
    uint64_t counted = le64toh(self->row.counted);
    if (counted + 1 >= self->range.first)
        return counted;
    self->row.bytes_kept = 0;
    return self->range.first - 1;
}

/* Counts what was not counted yet, while there are steps. */
static int s_count(turn_t *self)
{
    uint64_t logs[JOURNAL_STRIDE], bytes, last;
    int rc = 0;
    if (self->row.told.bytes == 0)
        return 0;
    for (uint64_t at = s_counted(self); rc == 0 && self->steps > 0 && at < self->range.last;) {
        rc = s_stride(self, at + 1, logs, &last, &bytes);
        if (rc != 0)
            break;
        uint64_t found = last - at;
        self->row.counted = htole64(last);
        self->row.bytes_kept = htole64(le64toh(self->row.bytes_kept) + bytes);
        self->changed = true;
        self->pass->removed += found; /* so that it is committed */
        self->steps -= found < self->steps ? found : self->steps;
        at = last;
    }
    return rc;
}

static bool s_is_too_much(const turn_t *self, uint64_t sequence)
{
    uint64_t messages = le64toh(self->row.told.messages), bytes = le64toh(self->row.told.bytes);
    uint64_t behind = self->range.last - sequence;
    return (messages && behind >= messages) ||
           (bytes && le64toh(self->row.bytes_kept) > bytes && behind > 0);
}

/* Whether it may be that something is to be removed. */
static bool s_may_clear(const turn_t *self)
{
    uint64_t now_ms = self->pass->state.running_ms;
    if (self->range.first > self->range.last || now_ms < le64toh(self->row.wait_ms))
        return false;
    return (self->row.told.age_ms && now_ms >= le64toh(self->row.due_ms)) ||
           s_is_too_much(self, self->range.first);
}

static void s_wait(turn_t *self, uint64_t until_ms)
{
    uint64_t least_ms = self->pass->state.running_ms + LEAST_MS;
    self->row.wait_ms = htole64(until_ms > least_ms ? until_ms : least_ms);
    self->changed = true;
}

/* Whether the oldest record is to be removed now; else until when it stays is known afterwards. */
static int s_is_due(turn_t *self, uint64_t log, const record_t *record, bool *due)
{
    pass_t *pass = self->pass;
    uint64_t stored_ms = (uint64_t)record->running_ms, age_ms = le64toh(self->row.told.age_ms);
    bool old = age_ms && pass->state.running_ms - stored_ms >= age_ms, pending = false;
    *due = false;
    if (!old && age_ms && le64toh(self->row.due_ms) != stored_ms + age_ms) {
        self->row.due_ms = htole64(stored_ms + age_ms);
        self->changed = true;
    }
    if (!old && !s_is_too_much(self, record->sequence))
        return 0;
    int rc = record->flags & RECORD_DELIVER ? outbox_is_pending(pass, record, log, &pending) : 0;
    *due = rc == 0 && !pending && log < pass->state.pruned_log;
    if (!*due)
        s_wait(self, pending ? pass->state.running_ms + PENDING_MS : stored_ms + JOURNAL_ID_MS);
    return rc;
}

/* The record at LOG, where pass->log is afterwards. */
static int s_look(const turn_t *self, uint64_t log, record_t *record)
{
    const pass_t *pass = self->pass;
    const journal_t *journal = pass->journal;
    uint64_t number = journal_key(log);
    MDB_val key = {sizeof number, &number}, value;
    int rc = mdb_cursor_get(pass->log, &key, &value, MDB_SET);
    if (rc == 0)
        rc = row_record(pass->txn, journal->table[TABLE_LOG], journal->summed_log, &key, &value,
                        record);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

/* Writes the row. */
static int s_save(turn_t *self)
{
    int rc = self->changed ? s_put(self->pass, &self->target, &self->row) : 0;
    self->changed = false;
    return rc;
}

/* The row that lies in the table is then what self->row is. */
static int s_remove(turn_t *self, uint64_t log, const record_t *record)
{
    uint64_t sequence = record->sequence;
    int rc = s_save(self);
    if (rc == 0)
        rc = retention_remove(self->pass, log, record);
    if (rc == 0)
        rc = s_get(self->pass, &self->target, &self->row);
    self->range.first = sequence + 1;
    self->steps--;
    return rc;
}

/* Removes the oldest records of a stride, while they are due and there are steps. */
static int s_clear(turn_t *self, bool *due)
{
    uint64_t logs[JOURNAL_STRIDE], last, bytes, from = self->range.first;
    int rc = s_stride(self, from, logs, &last, &bytes);
    for (uint64_t at = from; rc == 0 && *due && at <= last && self->steps > 0; at++) {
        record_t record;
        uint64_t log = logs[at - from];
        rc = s_look(self, log, &record);
        if (rc == 0)
            rc = s_is_due(self, log, &record, due);
        if (rc == 0 && *due)
            rc = s_remove(self, log, &record);
    }
    return rc;
}

/* Records of a target that cannot be read stay, with those behind them, until the journal's
 * retention goes on past them. */
static int s_pass_over(turn_t *self)
{
    char target[UUID_TEXT];
    uuid_text(&self->target, target);
    if (!self->pass->journal->retaining.unread_said)
        log_warn("journal.retention", "target=%s err=%s", target,
                 LOG_Q("its records cannot be read: its own retention removes none"));
    self->pass->journal->retaining.unread_said = true;
    s_wait(self, self->pass->state.running_ms + PENDING_MS);
    return 0;
}

static int s_take_turn(turn_t *self)
{
    int rc = pass_look(self->pass, &self->target, &self->range);
    bool due = true;
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    rc = s_count(self);
    while (rc == 0 && due && self->steps > 0 && s_may_clear(self))
        rc = s_clear(self, &due);
    if (rc == MDB_CORRUPTED)
        rc = s_pass_over(self);
    return rc ? rc : s_save(self);
}

/* The next target behind the one that was looked at last, in a ring. */
static int s_next(const pass_t *pass, turn_t *turn)
{
    MDB_cursor *cursor;
    uuid_t7 after = pass->journal->retaining.last;
    MDB_val key = outbox_val(after.bytes, UUID_BYTES), value;
    int rc = mdb_cursor_open(pass->txn, pass->journal->table[TABLE_RETAINED], &cursor);
    if (rc != 0)
        return rc;
    rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0 && memcmp(key.mv_data, after.bytes, UUID_BYTES) == 0)
        rc = row_cursor_get(cursor, &key, &value, MDB_NEXT);
    if (rc == MDB_NOTFOUND)
        rc = row_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (rc == 0)
        rc = s_read(&key, &value, &turn->target, &turn->row);
    mdb_cursor_close(cursor);
    return rc;
}

int retained_step(pass_t *pass, size_t steps)
{
    MDB_stat stat;
    journal_t *journal = pass->journal;
    int rc = unowned_survey(pass);
    if (rc == 0)
        rc = mdb_stat(pass->txn, journal->table[TABLE_RETAINED], &stat);
    for (size_t left = stat.ms_entries; rc == 0 && left > 0 && steps > 0; left--) {
        turn_t turn = {.pass = pass, .steps = steps};
        rc = s_next(pass, &turn);
        turn.changed = rc == 0 && unowned_renew(journal, &turn.row);
        if (rc == 0)
            rc = s_take_turn(&turn);
        journal->retaining.last = turn.target;
        steps = turn.steps < steps ? turn.steps : steps - 1;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* --- What was told */

static told_t *s_told(journal_t *self, const uuid_t7 *target)
{
    told_t *told;
    HASH_FIND(hh, self->retaining.told, target, sizeof *target, told);
    if (told)
        return told;
    told = calloc(1, sizeof *told);
    if (!told)
        abort();
    told->target = *target;
    HASH_ADD(hh, self->retaining.told, target, sizeof told->target, told);
    return told;
}

int retained_load(journal_t *self, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(txn, self->table[TABLE_RETAINED], &cursor);
    if (rc != 0)
        return rc;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        uuid_t7 target;
        retained_row_t row;
        rc = s_read(&key, &value, &target, &row);
        if (rc != 0)
            break;
        s_told(self, &target)->version = le64toh(row.told.version);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

void retained_forget(journal_t *self)
{
    for (told_t *told; (told = self->retaining.told);) {
        HASH_DEL(self->retaining.told, told);
        free(told);
    }
}

retention_told_t journal_retain(journal_t *self, const uuid_t7 *target,
                                const retention_t *retention)
{
    told_t *told = s_told(self, target);
    if (retention->version > told->version) {
        retained_told_t row = {htole64(retention->version), htole64(retention->age_ms),
                               htole64(retention->messages), htole64(retention->bytes)};
        journal_note_t note = {
            .kind = NOTE_RETENTION, .target = *target, .bytes = slice(&row, sizeof row)};
        told->version = retention->version;
        told->note = journal_note(self, &note);
        retention_log(target, retention);
    }
    return told->note <= journal_noted(self) ? RETENTION_KEPT : RETENTION_TAKEN;
}
