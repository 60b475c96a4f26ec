#include "workers/journal/lmdb/edits.h"
#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/journal/revisions.h"

#include <assert.h>
#include <string.h>

static int s_read_row(const MDB_val *key, const MDB_val *value, relation_key_t *name, edit_t *edit)
{
    edit_row_t row;
    if (key->mv_size != sizeof *name || value->mv_size != sizeof row)
        return MDB_CORRUPTED;
    memcpy(name, key->mv_data, sizeof *name);
    memcpy(&row, value->mv_data, sizeof row);
    *edit = (edit_t){.root = be64toh(name->root),
                     .revision = be64toh(name->at),
                     .log = le64toh(row.log),
                     .sequence = le64toh(row.sequence),
                     .root_number = le64toh(row.root_number),
                     .root_ms = (int64_t)le64toh(row.root_ms),
                     .deletes = row.deletes != 0};
    return 0;
}

/* The row at KEY or behind it, else the one before it. */
static int s_seek(MDB_cursor *cursor, relation_key_t wanted, bool before, edit_t *edit,
                  relation_key_t *found)
{
    MDB_val key = {sizeof wanted, &wanted}, value;
    int rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (before)
        rc = rc == 0              ? row_cursor_get(cursor, &key, &value, MDB_PREV)
             : rc == MDB_NOTFOUND ? row_cursor_get(cursor, &key, &value, MDB_LAST)
                                  : rc;
    if (rc == 0)
        rc = s_read_row(&key, &value, found, edit);
    return rc == 0 && memcmp(found->target, wanted.target, UUID_BYTES) != 0 ? MDB_NOTFOUND : rc;
}

/* None of the message's is none at all. */
static int s_of(uint64_t root, int rc, edit_t *edit)
{
    if (rc == 0 && edit->root != root)
        rc = MDB_NOTFOUND;
    if (rc != 0)
        *edit = (edit_t){.root = 0};
    return rc;
}

int edits_before(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, uint64_t revision,
                 edit_t *edit)
{
    relation_key_t found;
    int rc = s_seek(cursor, journal_relation(target, root, revision), true, edit, &found);
    return s_of(root, rc, edit);
}

int edits_last(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, edit_t *edit)
{
    return edits_before(cursor, target, root, UINT64_MAX, edit);
}

int edits_next(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, edit_t *edit)
{
    relation_key_t found;
    return s_seek(cursor, journal_relation(target, root, 0), false, edit, &found);
}

int edits_oldest(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, edit_t *edit)
{
    return s_of(root, edits_next(cursor, target, root, edit), edit);
}

static int s_last(pass_t *pass, const uuid_t7 *target, uint64_t root, edit_t *edit)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(pass->txn, pass->journal->table[TABLE_EDITS], &cursor);
    if (rc != 0)
        return rc;
    rc = edits_last(cursor, target, root, edit);
    mdb_cursor_close(cursor);
    return rc;
}

static int s_find_key(pass_t *pass, const record_t *record, upsert_row_t *row)
{
    upsert_key_t key = journal_upsert(record);
    return row_read(pass->txn, pass->journal->table[TABLE_UPSERTS], slice(&key, sizeof key), row,
                    sizeof *row);
}

/* --- Judging */

/* The message's last record: the revision LAST, or the first one. */
static int s_latest(pass_t *pass, const uuid_t7 *target, uint64_t root, const edit_t *last,
                    record_t *record)
{
    sight_t sight = {pass->journal, pass->txn};
    uint64_t log = last->log, sequence = last->sequence;
    range_row_t *range;
    int rc = pass_target(pass, target, &range);
    if (rc == 0 && last->revision == 0) {
        sequence = root;
        rc = sight_log(&sight, target, root, range, &log);
    }
    return rc ? rc : sight_get(&sight, log, target, sequence, record);
}

/* By the record before it; SEEN: of a thread, whether its user sees that; NULL: it is a revision.
 */
static int s_narrow(pass_t *pass, journal_entry_t *entry, uint64_t root, const edit_t *last,
                    bool *seen)
{
    record_t before = {.flags = 0};
    int rc = s_latest(pass, &entry->record.target, root, last, &before);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    if (seen)
        *seen = revisions_narrow(entry, &before);
    else
        revisions_take_over(entry, &before);
    return 0;
}

static int s_judge_key(pass_t *pass, journal_entry_t *entry)
{
    upsert_row_t row;
    edit_t last = {.revision = 0};
    int rc = s_find_key(pass, &entry->record, &row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    rc = s_last(pass, &entry->record.target, le64toh(row.root), &last);
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = s_narrow(pass, entry, le64toh(row.root), &last, NULL);
    if (rc != 0)
        return rc;
    const journal_name_t name = {le64toh(row.root_number), (int64_t)le64toh(row.root_ms)};
    revisions_add(entry, le64toh(row.root), &name, last.revision);
    return 0;
}

static int s_find(pass_t *pass, const uuid_t7 *target, const journal_name_t *name, uint64_t *log,
                  record_t *record)
{
    sight_t sight = {pass->journal, pass->txn};
    range_row_t *range;
    int rc = pass_target(pass, target, &range);
    return rc ? rc : sight_message(&sight, target, name, range, log, record);
}

static int s_refuse(pass_t *pass, journal_entry_t *entry, uint64_t root, const edit_t *last)
{
    record_t latest;
    int rc = s_latest(pass, &entry->record.target, root, last, &latest);
    entry->outcome = rc ? JOURNAL_UNKNOWN : revisions_refuse(entry, &latest);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Whose message it is, and whether it can be changed. */
static int s_may_change(pass_t *pass, journal_entry_t *entry, uint64_t log, const record_t *record,
                        const edit_t *last)
{
    bool pending = false;
    if (!revisions_may(entry, record))
        return s_refuse(pass, entry, record_root(record), last);
    int rc = record->flags & RECORD_DELIVER ? outbox_is_pending(pass, record, log, &pending) : 0;
    if (pending)
        entry->outcome = JOURNAL_BUSY;
    return rc;
}

static int s_judge_named(pass_t *pass, journal_entry_t *entry)
{
    record_t *record = &entry->record, is;
    uint64_t log;
    edit_t last = {.revision = 0};
    int rc = s_find(pass, &record->target, &entry->named, &log, &is);
    if (rc == MDB_NOTFOUND)
        entry->outcome = JOURNAL_UNKNOWN;
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    uint64_t root = record_root(&is);
    rc = s_last(pass, &record->target, root, &last);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    if (last.deletes) {
        entry->outcome = JOURNAL_UNKNOWN;
        return 0;
    }
    rc = s_may_change(pass, entry, log, &is, &last);
    if (rc == 0 && entry->outcome == JOURNAL_STORED) {
        memcpy(record->key, is.key, RECORD_KEY);
        rc = s_narrow(pass, entry, root, &last, NULL);
        if (entry->change == CHANGE_DELETE)
            record->flags = RECORD_DELETE;
        revisions_add(entry, root, &entry->named, last.revision);
    }
    return rc;
}

static int s_judge_thread(pass_t *pass, journal_entry_t *entry)
{
    record_t about;
    uint64_t log;
    bool seen = false;
    edit_t last = {.revision = 0};
    const uuid_t7 *target = &entry->record.target;
    int rc = s_find(pass, target, &entry->about, &log, &about);
    if (rc == 0) {
        entry->record.thread = revisions_thread(&about);
        rc = s_last(pass, target, record_root(&about), &last);
        if (rc == 0 || rc == MDB_NOTFOUND)
            rc = s_narrow(pass, entry, record_root(&about), &last, &seen);
    }
    if (!seen)
        revisions_refuse_thread(entry);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int edits_judge(pass_t *pass, journal_entry_t *entry)
{
    int rc = entry->about.number ? s_judge_thread(pass, entry) : 0;
    if (rc != 0 || entry->outcome != JOURNAL_STORED || entry->change == CHANGE_NONE)
        return rc;
    return entry->change == CHANGE_KEYED ? s_judge_key(pass, entry) : s_judge_named(pass, entry);
}

int edits_look_ahead(pass_t *ahead, const journal_entry_t *entry, bool *is_new)
{
    upsert_row_t row;
    *is_new = false;
    if (entry->about.number || entry->change == CHANGE_EDIT || entry->change == CHANGE_DELETE)
        return 0;
    int rc = entry->change == CHANGE_KEYED ? s_find_key(ahead, &entry->record, &row) : MDB_NOTFOUND;
    *is_new = rc == MDB_NOTFOUND;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* --- Storing */

static int s_put(pass_t *pass, journal_table_t table, MDB_val key, const void *row, size_t size)
{
    MDB_val value = {size, (void *)row};
    return row_put(pass->txn, pass->journal->table[table], &key, &value, 0);
}

static int s_remove(pass_t *pass, journal_table_t table, const void *name, size_t size)
{
    MDB_val key = {size, (void *)name};
    int rc = mdb_del(pass->txn, pass->journal->table[table], &key, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_store_revision(pass_t *pass, const record_t *record, uint64_t log)
{
    relation_key_t key = journal_relation(&record->target, record->root, record->revision);
    edit_row_t row = {.log = htole64(log),
                      .sequence = htole64(record->sequence),
                      .root_number = htole64(record->root_number),
                      .root_ms = htole64((uint64_t)record->root_ms),
                      .deletes = (record->flags & RECORD_DELETE) != 0};
    int rc = s_put(pass, TABLE_EDITS, (MDB_val){sizeof key, &key}, &row, sizeof row);
    return rc ? rc : erase_before(pass, record);
}

/* The message that has the key, which is the record's own when it is no revision. */
static upsert_row_t s_upsert_row(const pass_t *pass, const record_t *record, uint64_t log)
{
    const journal_options_t *options = &pass->journal->options;
    uint64_t number =
        record->number ? record->number : journal_number(log, options->shard, options->shards);
    if (record->root)
        return (upsert_row_t){htole64(record->root), htole64(record->root_number),
                              htole64((uint64_t)record->root_ms)};
    return (upsert_row_t){htole64(record->sequence), htole64(number),
                          htole64((uint64_t)record->time_ms)};
}

/* Unless the key is another message's by now. */
static int s_drop_key(pass_t *pass, const record_t *record, uint64_t root)
{
    upsert_row_t row;
    upsert_key_t key = journal_upsert(record);
    int rc = s_find_key(pass, record, &row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    return le64toh(row.root) == root ? s_remove(pass, TABLE_UPSERTS, &key, sizeof key) : 0;
}

static int s_store_key(pass_t *pass, const record_t *record, uint64_t log)
{
    upsert_key_t key = journal_upsert(record);
    upsert_row_t row = s_upsert_row(pass, record, log);
    if (record->flags & RECORD_DELETE)
        return s_drop_key(pass, record, record->root);
    return s_put(pass, TABLE_UPSERTS, (MDB_val){sizeof key, &key}, &row, sizeof row);
}

int edits_store(pass_t *pass, const record_t *record, uint64_t log)
{
    int rc = record->root ? s_store_revision(pass, record, log) : 0;
    if (rc == 0 && record_is_keyed(record))
        rc = s_store_key(pass, record, log);
    if (rc != 0 || !record->thread)
        return rc;
    relation_key_t key = journal_relation(&record->target, record->thread, record->sequence);
    uint64_t place = htole64(log);
    return s_put(pass, TABLE_THREADS, (MDB_val){sizeof key, &key}, &place, sizeof place);
}

int edits_retire(pass_t *pass, const record_t *record)
{
    int rc = 0;
    edit_t left;
    uint64_t root = record->root ? record->root : record->sequence;
    relation_key_t edit = journal_relation(&record->target, root, record->revision);
    relation_key_t thread = journal_relation(&record->target, record->thread, record->sequence);
    if (record->thread)
        rc = s_remove(pass, TABLE_THREADS, &thread, sizeof thread);
    if (rc == 0 && record->root)
        rc = s_remove(pass, TABLE_EDITS, &edit, sizeof edit);
    if (rc != 0 || !record_is_keyed(record))
        return rc;
    rc = s_last(pass, &record->target, root, &left);
    return rc == MDB_NOTFOUND ? s_drop_key(pass, record, root) : rc;
}
