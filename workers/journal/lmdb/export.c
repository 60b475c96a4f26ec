#include "workers/journal/lmdb/source.h"

#include <assert.h>
#include <stdlib.h>

/* Whose the record with a number is that a key speaks of: known when the record has come by. */
typedef struct {
    uint64_t number;
    uuid_t7 target;
    bool found;
} home_t;

struct journal_export {
    source_t source;
    unsigned stage;                               /* in s_stages */
    MDB_cursor *cursor;                           /* of its table */
    uint64_t shift;                               /* what times are moved on by */
    uint64_t records, ids, items, edits, threads; /* given so far */
    home_t *homes;                                /* by number */
    size_t homes_len;
    char bytes[ROW_MOST];
    journal_exported_t entry;
};

static int s_by_number(const void *a, const void *b)
{
    const home_t *one = a, *other = b;
    return one->number < other->number ? -1 : one->number > other->number;
}

static home_t *s_home(const journal_export_t *self, uint64_t number)
{
    home_t wanted = {.number = number};
    return self->homes_len
               ? bsearch(&wanted, self->homes, self->homes_len, sizeof wanted, s_by_number)
               : NULL;
}

static journal_answer_t s_answer(const source_t *source, const answer_row_t *row,
                                 const root_row_t *root)
{
    const journal_facts_t *facts = &source->facts;
    journal_answer_t answer = row_answer(row, root);
    answer.log = JOURNAL_NUMBER | journal_number(answer.log, facts->shard, facts->shards);
    return answer;
}

static int s_get(const source_t *source, journal_table_t table, slice_t name, void *row,
                 size_t size)
{
    return row_read(source->txn, source->table[table], name, row, size);
}

/* What has to be there. */
static int s_need(const source_t *source, journal_table_t table, slice_t name, void *row,
                  size_t size)
{
    int rc = s_get(source, table, name, row, size);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

/* The record that the target's one at AT names as the one before it. */
static int s_check_chain(const source_t *source, const record_t *record)
{
    uint64_t log = journal_key(record->previous);
    MDB_val key = {sizeof log, &log}, value;
    record_t before;
    int rc = mdb_get(source->txn, source->table[TABLE_LOG], &key, &value);
    if (rc == 0)
        rc = row_record(source->txn, source->table[TABLE_LOG], source->state.summed_log, &key,
                        &value, &before);
    bool good = rc == 0 && before.sequence + 1 == record->sequence &&
                uuid_eq(&before.target, &record->target);
    return good ? 0 : MDB_CORRUPTED;
}

/* Whether its target's range, chain and index have the record. */
static int s_check_place(const source_t *source, uint64_t log, const record_t *record)
{
    range_row_t range;
    uint64_t indexed;
    place_key_t place = journal_place(&record->target, record->sequence);
    int rc = s_need(source, TABLE_TARGETS, slice(record->target.bytes, UUID_BYTES), &range,
                    sizeof range);
    uint64_t first = le64toh(range.first), last = le64toh(range.last);
    if (rc == 0 && (record->sequence < first || record->sequence > last ||
                    (record->sequence == last && log != le64toh(range.last_log))))
        rc = MDB_CORRUPTED;
    if (rc == 0 && record->sequence > first)
        rc = s_check_chain(source, record);
    if (rc != 0 || record->sequence % JOURNAL_STRIDE != 0)
        return rc;
    rc = s_need(source, TABLE_BY_TARGET, slice(&place, sizeof place), &indexed, sizeof indexed);
    return rc == 0 && be64toh(indexed) != log ? MDB_CORRUPTED : rc;
}

/* A newer record may have the id, which was forgotten in between. */
static int s_give_seen(journal_export_t *self, uint64_t log)
{
    const source_t *source = &self->source;
    journal_exported_t *entry = &self->entry;
    id_row_t row = {.root = {.revision = 0}};
    MDB_val key = {UUID_BYTES, entry->record.id.bytes}, value;
    if (log < source->state.pruned_log)
        return 0;
    int rc = row_get(source->txn, source->table[TABLE_SEEN], &key, &value);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (value.mv_size != sizeof row && value.mv_size != sizeof row.answer)
        return MDB_CORRUPTED;
    memcpy(&row, value.mv_data, value.mv_size);
    journal_answer_t answer = s_answer(source, &row.answer, &row.root);
    if ((answer.log & ~JOURNAL_NUMBER) != entry->record.number)
        return 0;
    entry->seen = true;
    entry->answer = answer;
    self->ids++;
    return 0;
}

/* The newest are kept. */
static int s_add_attempt(journal_exported_t *entry, uint64_t number, slice_t bytes)
{
    if (entry->attempts_len == OUTBOX_ATTEMPTS) {
        entry->attempts_len--;
        memmove(entry->numbers, entry->numbers + 1, entry->attempts_len * sizeof *entry->numbers);
        memmove(entry->attempts, entry->attempts + 1,
                entry->attempts_len * sizeof *entry->attempts);
    }
    entry->numbers[entry->attempts_len] = number;
    return attempt_read(bytes, &entry->attempts[entry->attempts_len++]);
}

static int s_give_attempts(journal_export_t *self, uint64_t log)
{
    MDB_cursor *cursor;
    const source_t *source = &self->source;
    attempt_key_t name = {htobe64(log), 0};
    MDB_val key = outbox_val(&name, sizeof name), value;
    int rc = mdb_cursor_open(source->txn, source->table[TABLE_ATTEMPTS], &cursor);
    if (rc != 0)
        return rc;
    rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0) {
        if (key.mv_size != sizeof name) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(&name, key.mv_data, sizeof name);
        if (be64toh(name.log) != log)
            break;
        rc = s_add_attempt(&self->entry, be64toh(name.number), slice(value.mv_data, value.mv_size));
        if (rc == 0)
            rc = row_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A running time of an item; 0 stands for none. */
static uint64_t s_moved(const journal_export_t *self, uint64_t time_ms)
{
    return time_ms ? time_ms + self->shift : 0;
}

/* One that has ended is gone before its record. */
static int s_give_item(journal_export_t *self, uint64_t log)
{
    journal_exported_t *entry = &self->entry;
    item_key_t name = item_key(&entry->target, log);
    item_row_t row;
    int rc = s_get(&self->source, TABLE_ITEMS, slice(&name, sizeof name), &row, sizeof row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    outbox_course_t *course = &entry->course;
    *course = item_course(&row);
    course->order = s_moved(self, course->order);
    course->due_ms = s_moved(self, course->due_ms);
    course->first_ms = s_moved(self, course->first_ms);
    course->done_ms = s_moved(self, course->done_ms);
    entry->stored_ms = s_moved(self, le64toh(row.stored_ms));
    entry->replied = row.state & ITEM_REPLIED;
    entry->delivers = true;
    self->items++;
    return s_give_attempts(self, log);
}

static int s_give_record(journal_export_t *self, const MDB_val *key, const MDB_val *value)
{
    const source_t *source = &self->source;
    journal_exported_t *entry = &self->entry;
    record_t *record = &entry->record;
    uint64_t log;
    int rc = row_record(source->txn, source->table[TABLE_LOG], source->state.summed_log, key, value,
                        record);
    if (rc != 0)
        return rc;
    memcpy(&log, key->mv_data, sizeof log);
    log = be64toh(log);
    rc = s_check_place(source, log, record);
    if (rc != 0)
        return rc;
    entry->log = log;
    self->records++;
    self->edits += record->root != 0;
    self->threads += record->thread != 0;
    entry->placed = true;
    entry->target = record->target;
    if (!record->number)
        record->number = journal_number(log, source->facts.shard, source->facts.shards);
    record->running_ms += (int64_t)self->shift;
    home_t *home = s_home(self, record->number);
    if (home) {
        home->target = record->target;
        home->found = true;
    }
    rc = s_give_seen(self, log);
    return rc == 0 && record->flags & RECORD_DELIVER ? s_give_item(self, log) : rc;
}

static int s_give_key(journal_export_t *self, const MDB_val *key, const MDB_val *value)
{
    journal_exported_t *entry = &self->entry;
    kept_key_row_t row = {.root = {.revision = 0}};
    if (value->mv_size != sizeof row && value->mv_size != sizeof row.key)
        return MDB_CORRUPTED;
    memcpy(&row, value->mv_data, value->mv_size);
    entry->name = slice(key->mv_data, key->mv_size);
    entry->answer = s_answer(&self->source, &row.key.answer, &row.root);
    entry->running_ms = le64toh(row.key.running_ms) + self->shift;
    memcpy(entry->hash, row.key.hash, sizeof entry->hash);
    const home_t *home = s_home(self, entry->answer.log & ~JOURNAL_NUMBER);
    entry->placed = home && home->found;
    if (entry->placed)
        entry->target = home->target;
    return 0;
}

static int s_give_target(journal_export_t *self, const MDB_val *key, const MDB_val *value)
{
    range_row_t row;
    if (key->mv_size != UUID_BYTES || value->mv_size != sizeof row)
        return MDB_CORRUPTED;
    memcpy(&row, value->mv_data, sizeof row);
    self->entry.placed = true;
    memcpy(self->entry.target.bytes, key->mv_data, UUID_BYTES);
    self->entry.range = (journal_range_t){.first = le64toh(row.first), .last = le64toh(row.last)};
    return 0;
}

static int s_give_kept(journal_export_t *self, const MDB_val *key, const MDB_val *value)
{
    if (key->mv_size != UUID_BYTES || value->mv_size > sizeof self->bytes)
        return MDB_CORRUPTED;
    memcpy(self->bytes, value->mv_data, value->mv_size);
    if (self->entry.kind == EXPORT_HEALTH)
        health_shift(self->bytes, value->mv_size, self->shift);
    self->entry.placed = true;
    memcpy(self->entry.target.bytes, key->mv_data, UUID_BYTES);
    self->entry.bytes = slice(self->bytes, value->mv_size);
    return 0;
}

/* As it was told: what was counted is counted again. */
static int s_give_retention(journal_export_t *self, const MDB_val *key, const MDB_val *value)
{
    int rc =
        value->mv_size == sizeof(retained_row_t) ? s_give_kept(self, key, value) : MDB_CORRUPTED;
    self->entry.bytes.len = sizeof(retained_told_t);
    return rc;
}

/* Rows that are there without their records, or are missing. */
static int s_check_left(const journal_export_t *self)
{
    const struct {
        journal_table_t table;
        uint64_t given;
    } rows[] = {{TABLE_SEEN, self->ids},
                {TABLE_ITEMS, self->items},
                {TABLE_EDITS, self->edits},
                {TABLE_THREADS, self->threads}};
    const source_t *source = &self->source;
    int rc = self->records == source->facts.records ? 0 : MDB_CORRUPTED;
    for (size_t i = 0; rc == 0 && i < sizeof rows / sizeof *rows; i++) {
        MDB_stat stat;
        rc = mdb_stat(source->txn, source->table[rows[i].table], &stat);
        if (rc == 0 && stat.ms_entries != rows[i].given)
            rc = MDB_CORRUPTED;
    }
    return rc;
}

static const struct {
    journal_table_t table;
    int (*give)(journal_export_t *self, const MDB_val *key, const MDB_val *value);
} s_stages[EXPORT_KINDS] = {
    [EXPORT_RECORD] = {TABLE_LOG, s_give_record},
    [EXPORT_KEY] = {TABLE_KEYS, s_give_key},
    [EXPORT_TARGET] = {TABLE_TARGETS, s_give_target},
    [EXPORT_HANDLER] = {TABLE_HANDLERS, s_give_kept},
    [EXPORT_HEALTH] = {TABLE_HEALTH, s_give_kept},
    [EXPORT_RETENTION] = {TABLE_RETAINED, s_give_retention},
};

/* The numbers that keys speak of. */
static int s_list_homes(journal_export_t *self)
{
    MDB_stat stat;
    MDB_val key, value;
    size_t len = 0;
    const source_t *source = &self->source;
    int rc = mdb_stat(source->txn, source->table[TABLE_KEYS], &stat);
    if (rc == 0)
        rc = mdb_cursor_open(source->txn, source->table[TABLE_KEYS], &self->cursor);
    if (rc != 0)
        return rc;
    self->homes = calloc(stat.ms_entries + 1, sizeof *self->homes);
    if (!self->homes)
        abort();
    while ((rc = row_cursor_get(self->cursor, &key, &value, MDB_NEXT)) == 0) {
        rc = s_give_key(self, &key, &value);
        if (rc != 0)
            break;
        assert(len < stat.ms_entries);
        self->homes[len++].number = self->entry.answer.log & ~JOURNAL_NUMBER;
    }
    self->homes_len = len;
    mdb_cursor_close(self->cursor);
    self->cursor = NULL;
    qsort(self->homes, len, sizeof *self->homes, s_by_number);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

journal_export_t *journal_export_new(const char *path, char *err, size_t err_size)
{
    journal_export_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    int rc = source_open(&self->source, path, err, err_size);
    if (rc == 0 && (rc = s_list_homes(self)) != 0)
        source_say(&self->source, rc, err, err_size);
    if (rc != 0)
        journal_export_destroy(&self);
    return self;
}

void journal_export_destroy(journal_export_t **self_p)
{
    journal_export_t *self = *self_p;
    if (!self)
        return;
    if (self->cursor)
        mdb_cursor_close(self->cursor);
    source_close(&self->source);
    free(self->homes);
    free(self);
    *self_p = NULL;
}

const journal_facts_t *journal_export_facts(const journal_export_t *self)
{
    return &self->source.facts;
}

void journal_export_rebase(journal_export_t *self, uint64_t running_ms)
{
    assert(running_ms >= self->source.facts.running_ms);
    self->shift = running_ms - self->source.facts.running_ms;
}

/* MDB_NOTFOUND at the end of the stage. */
static int s_step(journal_export_t *self)
{
    MDB_val key, value;
    journal_table_t table = s_stages[self->stage].table;
    int rc = 0;
    if (!self->cursor)
        rc = mdb_cursor_open(self->source.txn, self->source.table[table], &self->cursor);
    if (rc == 0) /* a record's checksum is looked at with it */
        rc = table == TABLE_LOG ? mdb_cursor_get(self->cursor, &key, &value, MDB_NEXT)
                                : row_cursor_get(self->cursor, &key, &value, MDB_NEXT);
    if (rc != 0)
        return rc;
    self->entry = (journal_exported_t){.kind = (export_kind_t)self->stage};
    return s_stages[self->stage].give(self, &key, &value);
}

int journal_export_next(journal_export_t *self, const journal_exported_t **entry, char *err,
                        size_t err_size)
{
    *entry = NULL;
    while (self->stage < EXPORT_KINDS) {
        int rc = s_step(self);
        if (rc == 0) {
            *entry = &self->entry;
            return 0;
        }
        if (rc == MDB_NOTFOUND)
            rc = self->stage == EXPORT_RECORD ? s_check_left(self) : 0;
        if (rc != 0)
            return source_say(&self->source, rc, err, err_size);
        mdb_cursor_close(self->cursor);
        self->cursor = NULL;
        self->stage++;
    }
    return 0;
}
