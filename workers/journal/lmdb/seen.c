#include "workers/journal/seen.h"
#include "workers/journal/lmdb/ahead.h"
#include "workers/journal/lmdb/edits.h"
#include "workers/journal/lmdb/outbox_rows.h"

#include <string.h>

/* A row with a root behind it, or without: LESS is its length then. */
static int s_get(pass_t *pass, journal_table_t table, slice_t name, void *row, size_t size,
                 size_t less)
{
    MDB_val key = {name.len, (void *)name.data}, value;
    int rc = row_get(pass->txn, pass->journal->table[table], &key, &value);
    memset(row, 0, size);
    if (rc == 0 && value.mv_size != size && value.mv_size != less)
        return MDB_CORRUPTED;
    if (rc == 0)
        memcpy(row, value.mv_data, value.mv_size);
    return rc;
}

static int s_get_key(pass_t *pass, slice_t name, kept_key_row_t *row)
{
    return s_get(pass, TABLE_KEYS, name, row, sizeof *row, sizeof row->key);
}

static slice_t s_id(const journal_entry_t *entry)
{
    return slice(entry->record.id.bytes, UUID_BYTES);
}

static void s_resend(journal_entry_t *entry, const id_row_t *row)
{
    journal_answer_t hit = row_answer(&row->answer, &row->root);
    seen_decide(&hit, NULL, (seen_room_t){0}, entry);
}

static seen_key_t s_key(const pass_t *pass, const kept_key_row_t *row)
{
    seen_key_t key = {.age_ms = pass->state.running_ms - le64toh(row->key.running_ms),
                      .answer = row_answer(&row->key.answer, &row->root)};
    memcpy(key.hash, row->key.hash, sizeof key.hash);
    return key;
}

/* The answer to an entry that is stored next. */
static void s_answer(const pass_t *pass, journal_entry_t *entry)
{
    entry->answer.log = pass->state.next_log;
    entry->answer.time_ms = entry->record.time_ms;
}

/* Stores the id unless it is there: one descent says both. */
static int s_put_id(pass_t *pass, journal_entry_t *entry)
{
    id_row_t row = {answer_row(&entry->answer), root_row(&entry->answer)};
    MDB_val key = {UUID_BYTES, entry->record.id.bytes};
    MDB_val value = {root_row_end(sizeof row.answer, &entry->answer), &row};
    int rc = row_cursor_put(pass->seen, &key, &value, MDB_NOOVERWRITE);
    if (rc != MDB_KEYEXIST)
        return rc;
    if (value.mv_size != sizeof row && value.mv_size != sizeof row.answer)
        return MDB_CORRUPTED;
    row = (id_row_t){.answer = {.log = 0}};
    memcpy(&row, value.mv_data, value.mv_size);
    s_resend(entry, &row);
    return rc;
}

static int s_put_key(pass_t *pass, const journal_entry_t *entry, unsigned flags)
{
    kept_key_row_t row = {
        {.answer = answer_row(&entry->answer), .running_ms = htole64(pass->state.running_ms)},
        root_row(&entry->answer)};
    memcpy(row.key.hash, entry->hash, sizeof row.key.hash);
    MDB_val key = {entry->dedupe.len, (void *)entry->dedupe.data};
    MDB_val value = {root_row_end(sizeof row.key, &entry->answer), &row};
    return row_cursor_put(pass->keys, &key, &value, flags);
}

static int s_put_due(pass_t *pass, const journal_entry_t *entry)
{
    due_key_t due = {journal_key(pass->state.running_ms + JOURNAL_KEY_MS),
                     journal_key(entry->answer.log)};
    MDB_val key = {sizeof due, &due}, value = {entry->dedupe.len, (void *)entry->dedupe.data};
    int rc = row_cursor_put(pass->keys_due, &key, &value, MDB_APPEND);
    /* A reshard has left a key of the same millisecond, with a number above every log sequence. */
    return rc == MDB_KEYEXIST ? row_cursor_put(pass->keys_due, &key, &value, 0) : rc;
}

/* REPLACES: the row of one that has expired. */
static int s_keep_key(pass_t *pass, const journal_entry_t *entry, bool replaces)
{
    int rc = s_put_key(pass, entry, 0);
    if (rc != 0)
        return rc;
    if (!replaces)
        pass->state.keys++;
    return s_put_due(pass, entry);
}

/* Of an entry whose id and key stand in their tables. */
static int s_store_record(pass_t *pass, journal_entry_t *entry)
{
    int rc = pass_store(pass, &entry->record);
    if (rc == 0) {
        recent_add(&pass->journal->recent, entry);
        replay_note(pass->journal, entry);
    }
    return rc;
}

/* Stores what is new, as far as the key says that. */
static int s_store(pass_t *pass, journal_entry_t *entry, const seen_key_t *key_hit)
{
    seen_room_t room = {pass->may_store, pass->state.keys < pass->journal->options.keys};
    seen_decide(NULL, key_hit, room, entry);
    if (entry->outcome != JOURNAL_STORED)
        return 0;
    int rc = edits_concern(entry) ? edits_judge(pass, entry) : 0;
    if (rc != 0 || entry->outcome != JOURNAL_STORED)
        return rc;
    s_answer(pass, entry);
    rc = s_put_id(pass, entry);
    if (rc == MDB_KEYEXIST)
        return 0;
    if (rc == 0 && entry->dedupe.len > 0)
        rc = s_keep_key(pass, entry, key_hit != NULL);
    return rc ? rc : s_store_record(pass, entry);
}

/* With a key that nearly always is new, as its id is: the descents that store them say so.
 * MDB_KEYEXIST: the key is there, of whatever age, and nothing was done. */
static int s_store_keyed(pass_t *pass, journal_entry_t *entry)
{
    seen_decide(NULL, NULL, (seen_room_t){true, true}, entry);
    s_answer(pass, entry);
    int rc = s_put_key(pass, entry, MDB_NOOVERWRITE);
    if (rc != 0)
        return rc;
    rc = s_put_id(pass, entry);
    if (rc == MDB_KEYEXIST) /* sent again when its key had gone, or with another one */
        return mdb_cursor_del(pass->keys, 0);
    pass->state.keys += rc == 0;
    if (rc == 0)
        rc = s_put_due(pass, entry);
    return rc ? rc : s_store_record(pass, entry);
}

static int s_restore_key(pass_t *pass, const journal_entry_t *entry)
{
    int rc = s_put_key(pass, entry, MDB_NOOVERWRITE);
    if (rc == MDB_KEYEXIST)
        return s_keep_key(pass, entry, true);
    pass->state.keys += rc == 0;
    return rc ? rc : s_put_due(pass, entry);
}

int seen_restore(pass_t *pass, journal_entry_t *entry)
{
    entry->answer.log = pass->state.next_log;
    id_row_t row = {answer_row(&entry->answer), root_row(&entry->answer)};
    MDB_val id = {UUID_BYTES, entry->record.id.bytes};
    MDB_val value = {root_row_end(sizeof row.answer, &entry->answer), &row};
    int rc = row_cursor_put(pass->seen, &id, &value, 0);
    if (rc == 0 && entry->dedupe.len > 0)
        rc = s_restore_key(pass, entry);
    recent_add(&pass->journal->recent, entry);
    return rc ? rc : pass_store(pass, &entry->record);
}

static int s_judge_key(pass_t *pass, journal_entry_t *entry)
{
    kept_key_row_t row;
    int rc = s_get_key(pass, entry->dedupe, &row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? s_store(pass, entry, NULL) : rc;
    seen_key_t key = s_key(pass, &row);
    return s_store(pass, entry, &key);
}

/* RESENT when the id was seen; MDB_NOTFOUND when it was not. */
static int s_judge_id(pass_t *pass, journal_entry_t *entry)
{
    id_row_t row;
    int rc = s_get(pass, TABLE_SEEN, s_id(entry), &row, sizeof row, sizeof row.answer);
    if (rc == 0)
        s_resend(entry, &row);
    return rc;
}

int seen_find(pass_t *pass, journal_entry_t *entry, seen_t *seen)
{
    kept_key_row_t row;
    *seen = SEEN_JUDGED;
    int rc = s_judge_id(pass, entry);
    if (rc != MDB_NOTFOUND)
        return rc;
    *seen = SEEN_NEVER;
    if (entry->dedupe.len == 0)
        return 0;
    rc = s_get_key(pass, entry->dedupe, &row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    seen_key_t key = s_key(pass, &row);
    *seen = seen_key_expired(&key) ? SEEN_EXPIRED : SEEN_JUDGED;
    if (*seen == SEEN_JUDGED)
        seen_decide(NULL, &key, (seen_room_t){0}, entry);
    return 0;
}

/* A reply is stored once, whenever it comes again: its event's item knows. */
static int s_judge_reply(pass_t *pass, journal_entry_t *entry)
{
    bool wanted;
    int rc = outbox_wants_reply(pass, &entry->record, &wanted);
    entry->outcome = JOURNAL_RESENT;
    return rc == 0 && wanted ? s_store(pass, entry, NULL) : rc;
}

int seen_judge(pass_t *pass, journal_entry_t *entry)
{
    if (entry->record.flags & RECORD_REPLY)
        return s_judge_reply(pass, entry);
    bool plain = !entry->refused && pass->may_store && !edits_concern(entry);
    if (plain && entry->dedupe.len == 0)
        return s_store(pass, entry, NULL);
    int rc = MDB_KEYEXIST;
    if (plain && pass->state.keys < pass->journal->options.keys)
        rc = s_store_keyed(pass, entry);
    if (rc != MDB_KEYEXIST)
        return rc;
    rc = s_judge_id(pass, entry);
    if (rc != MDB_NOTFOUND)
        return rc;
    return entry->dedupe.len > 0 ? s_judge_key(pass, entry) : s_store(pass, entry, NULL);
}

static int s_read_record(pass_t *pass, const MDB_val *key, const MDB_val *value, record_t *record)
{
    return row_record(pass->txn, pass->journal->table[TABLE_LOG], pass->journal->summed_log, key,
                      value, record);
}

/* The id of the record at LOG, unless a newer record has it: the older one's row may be back after
 * a process has died before the commit that removed it. What a reshard brought has other numbers.
 */
static int s_drop_id(pass_t *pass, record_t *record, uint64_t log)
{
    answer_row_t row = {0};
    MDB_val id = {UUID_BYTES, record->id.bytes}, value;
    int rc = row_cursor_get(pass->seen, &id, &value, MDB_SET);
    if (rc == MDB_CORRUPTED) /* a damaged one goes, too */
        return mdb_del(pass->txn, pass->journal->table[TABLE_SEEN], &id, NULL);
    if (rc == 0 && value.mv_size >= sizeof row)
        memcpy(&row, value.mv_data, sizeof row);
    uint64_t answered = le64toh(row.log);
    if (rc == 0 && !(answered & JOURNAL_NUMBER) && answered > log)
        return 0;
    return rc ? rc : mdb_cursor_del(pass->seen, 0);
}

/* The ids leave seen in the order of the log, whose records have them and the running time. */
static int s_prune_ids(pass_t *pass, size_t steps)
{
    uint64_t number = journal_key(pass->state.pruned_log);
    MDB_val key = {sizeof number, &number}, value;
    if (pass->state.pruned_log >= pass->state.next_log)
        return 0;
    int rc = mdb_cursor_get(pass->log, &key, &value, MDB_SET_RANGE);
    for (; rc == 0 && steps > 0; steps--) {
        record_t record = {0};
        rc = s_read_record(pass, &key, &value, &record);
        if (rc != 0 && rc != MDB_CORRUPTED)
            return rc;
        bool known = rc == 0; /* else its id stays for good */
        if (known && pass->state.running_ms - (uint64_t)record.running_ms < JOURNAL_ID_MS)
            break;
        memcpy(&number, key.mv_data, sizeof number);
        rc = known ? s_drop_id(pass, &record, be64toh(number)) : 0;
        if (rc != 0 && rc != MDB_NOTFOUND)
            return rc;
        pass->state.pruned_log = be64toh(number) + 1;
        pass->removed++;
        rc = mdb_cursor_get(pass->log, &key, &value, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A key that was used anew after it had expired belongs to the newer row: then only its due row
 * goes. */
static int s_drop_key(pass_t *pass, const due_key_t *due, slice_t name)
{
    kept_key_row_t row;
    MDB_val key = {name.len, (void *)name.data};
    int rc = s_get_key(pass, name, &row);
    if (rc != 0 && rc != MDB_CORRUPTED) /* a damaged one goes, too */
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (rc == 0 && le64toh(row.key.answer.log) != be64toh(due->log))
        return 0;
    pass->state.keys--;
    return mdb_del(pass->txn, pass->journal->table[TABLE_KEYS], &key, NULL);
}

static int s_prune_keys(pass_t *pass, size_t steps)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(pass->txn, pass->journal->table[TABLE_KEYS_DUE], &cursor);
    if (rc != 0)
        return rc;
    for (; rc == 0 && steps > 0; steps--) {
        due_key_t due;
        char name[64];
        rc = row_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (rc == MDB_CORRUPTED) { /* so that it stops nothing */
            rc = mdb_cursor_del(cursor, 0);
            continue;
        }
        if (rc != 0)
            break;
        if (key.mv_size != sizeof due || value.mv_size > sizeof name) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(&due, key.mv_data, sizeof due);
        memcpy(name, value.mv_data, value.mv_size);
        if (be64toh(due.running_ms) > pass->state.running_ms)
            break;
        rc = s_drop_key(pass, &due, slice(name, value.mv_size));
        if (rc == 0)
            rc = mdb_cursor_del(cursor, 0);
        pass->removed++;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int seen_prune(pass_t *pass, size_t steps)
{
    int rc = s_prune_ids(pass, steps);
    return rc ? rc : s_prune_keys(pass, steps);
}
