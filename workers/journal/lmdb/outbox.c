#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/journal/lmdb/retained.h"
#include "workers/journal/outbox_next.h"

#include <assert.h>

int outbox_put(pass_t *pass, journal_table_t table, MDB_val key, MDB_val value)
{
    return row_put(pass->txn, pass->journal->table[table], &key, &value, 0);
}

int outbox_remove(pass_t *pass, journal_table_t table, MDB_val key)
{
    int rc = mdb_del(pass->txn, pass->journal->table[table], &key, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_get(pass_t *pass, const uuid_t7 *target, uint64_t log, item_row_t *row)
{
    item_key_t name = item_key(target, log);
    int rc = row_read(pass->txn, pass->journal->table[TABLE_ITEMS], slice(&name, sizeof name), row,
                      sizeof *row);
    if (rc != MDB_CORRUPTED)
        return rc;
    *row = (item_row_t){.state = 0};
    return outbox_mend(pass, target, log, row);
}

/* Writes an item and the row of the table that its state needs. */
static int s_put_item(pass_t *pass, const uuid_t7 *target, uint64_t log, const item_row_t *row)
{
    item_key_t name = item_key(target, log);
    MDB_val item = outbox_val(&name, sizeof name);
    int rc = outbox_put(pass, TABLE_ITEMS, item, outbox_val(row, sizeof *row));
    if (rc != 0)
        return rc;
    if (item_state(row) == OUTBOX_PENDING) {
        outbox_key_t place = outbox_key(target, le64toh(row->order), log);
        due_row_t due = {row->due_ms, row->stored_ms, row->first_ms, row->made};
        return outbox_put(pass, TABLE_OUTBOX, outbox_val(&place, sizeof place),
                          outbox_val(&due, sizeof due));
    }
    if (item_state(row) == OUTBOX_DEAD)
        rc = outbox_put(pass, TABLE_DEAD, item, outbox_val("", 0));
    due_key_t done = {journal_key(le64toh(row->done_ms)), journal_key(log)};
    return rc ? rc
              : outbox_put(pass, TABLE_DONE, outbox_val(&done, sizeof done),
                           outbox_val(target->bytes, UUID_BYTES));
}

/* Takes an item's row out of the table that its state needed. */
static int s_leave(pass_t *pass, const uuid_t7 *target, uint64_t log, const item_row_t *row)
{
    if (item_state(row) == OUTBOX_PENDING) {
        outbox_key_t place = outbox_key(target, le64toh(row->order), log);
        return outbox_remove(pass, TABLE_OUTBOX, outbox_val(&place, sizeof place));
    }
    item_key_t name = item_key(target, log);
    due_key_t done = {journal_key(le64toh(row->done_ms)), journal_key(log)};
    int rc = outbox_remove(pass, TABLE_DONE, outbox_val(&done, sizeof done));
    return rc || item_state(row) != OUTBOX_DEAD
               ? rc
               : outbox_remove(pass, TABLE_DEAD, outbox_val(&name, sizeof name));
}

outbox_course_t item_course(const item_row_t *row)
{
    return (outbox_course_t){
        .state = item_state(row),
        .made = le16toh(row->made),
        .attempts = le32toh(row->attempts),
        .order = le64toh(row->order),
        .due_ms = le64toh(row->due_ms),
        .first_ms = le64toh(row->first_ms),
        .done_ms = le64toh(row->done_ms),
    };
}

static void s_set_course(item_row_t *row, const outbox_course_t *course)
{
    item_set_state(row, course->state);
    row->made = htole16((uint16_t)course->made);
    row->attempts = htole32(course->attempts);
    row->order = htole64(course->order);
    row->due_ms = htole64(course->due_ms);
    row->first_ms = htole64(course->first_ms);
    row->done_ms = htole64(course->done_ms);
}

int outbox_store(pass_t *pass, const record_t *record, uint64_t log)
{
    uint64_t now_ms = (uint64_t)record->running_ms;
    outbox_course_t course = outbox_first(now_ms);
    item_row_t row = {.stored_ms = htole64(now_ms), .time_ms = htole64((uint64_t)record->time_ms)};
    s_set_course(&row, &course);
    memcpy(row.id, record->id.bytes, UUID_BYTES);
    return s_put_item(pass, &record->target, log, &row);
}

/* The item of a reply's event; MDB_NOTFOUND when there is none (any more). */
static int s_get_cause(pass_t *pass, const record_t *reply, uint64_t *log, item_row_t *row)
{
    uuid_t7 id;
    if (!record_cause(reply, log, &id))
        return MDB_NOTFOUND;
    int rc = s_get(pass, &reply->target, *log, row);
    return rc == 0 && memcmp(row->id, id.bytes, UUID_BYTES) != 0 ? MDB_NOTFOUND : rc;
}

int outbox_wants_reply(pass_t *pass, const record_t *reply, bool *wanted)
{
    uint64_t log;
    item_row_t row;
    int rc = s_get_cause(pass, reply, &log, &row);
    *wanted = rc == 0 && !(row.state & ITEM_REPLIED);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int outbox_replied(pass_t *pass, const record_t *reply)
{
    uint64_t log;
    item_row_t row;
    int rc = s_get_cause(pass, reply, &log, &row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    item_key_t name = item_key(&reply->target, log);
    row.state |= ITEM_REPLIED;
    return outbox_put(pass, TABLE_ITEMS, outbox_val(&name, sizeof name),
                      outbox_val(&row, sizeof row));
}

int outbox_is_pending(pass_t *pass, const record_t *record, uint64_t log, bool *pending)
{
    item_row_t row;
    int rc = s_get(pass, &record->target, log, &row);
    *pending = rc == 0 && item_state(&row) == OUTBOX_PENDING;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_remove_attempt(pass_t *pass, uint64_t log, uint64_t number)
{
    attempt_key_t name = {htobe64(log), htobe64(number)};
    return outbox_remove(pass, TABLE_ATTEMPTS, outbox_val(&name, sizeof name));
}

int outbox_forget(pass_t *pass, const uuid_t7 *target, uint64_t log)
{
    item_row_t row;
    item_key_t name = item_key(target, log);
    int rc = s_get(pass, target, log, &row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    uint64_t last = le32toh(row.attempts);
    uint64_t first = last > OUTBOX_ATTEMPTS ? last - OUTBOX_ATTEMPTS + 1 : 1;
    for (uint64_t number = first; rc == 0 && number <= last; number++)
        rc = s_remove_attempt(pass, log, number);
    if (rc == 0)
        rc = s_leave(pass, target, log, &row);
    return rc ? rc : outbox_remove(pass, TABLE_ITEMS, outbox_val(&name, sizeof name));
}

int outbox_prune(pass_t *pass, size_t steps)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(pass->txn, pass->journal->table[TABLE_DONE], &cursor);
    if (rc != 0)
        return rc;
    for (; rc == 0 && steps > 0; steps--) {
        due_key_t done;
        uuid_t7 target;
        rc = row_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (rc == MDB_CORRUPTED) { /* so that it stops nothing */
            rc = mdb_cursor_del(cursor, 0);
            continue;
        }
        if (rc == 0 && (key.mv_size != sizeof done || value.mv_size != UUID_BYTES))
            rc = MDB_CORRUPTED;
        if (rc != 0)
            break;
        memcpy(&done, key.mv_data, sizeof done);
        memcpy(target.bytes, value.mv_data, UUID_BYTES);
        /* A version before may have left one that ended later than its clock stood. */
        uint64_t done_ms = be64toh(done.running_ms), running_ms = pass->state.running_ms;
        if (running_ms < done_ms ||
            running_ms - done_ms < pass->journal->options.delivery_retention_ms)
            break;
        rc = outbox_forget(pass, &target, be64toh(done.log));
        if (rc == 0)
            rc = outbox_remove(pass, TABLE_DONE, outbox_val(&done, sizeof done));
        pass->removed++;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static char *s_add(char *to, const void *from, size_t len)
{
    if (len > 0)
        memcpy(to, from, len);
    return to + len;
}

/* How many bytes it has written. */
static size_t s_write_attempt(const outbox_attempt_t *attempt, char *bytes)
{
    unsigned traced = attempt->trace.len ? ATTEMPT_TRACED : 0;
    attempt_row_t row = {htole64((uint64_t)attempt->time_ms), htole64(attempt->duration_us),
                         htole16((uint16_t)(attempt->status | traced)), (uint8_t)attempt->outcome};
    trace_row_t trace = {htole16((uint16_t)attempt->trace.len)};
    assert(attempt->answer.len <= OUTBOX_WHOLE && attempt->trace.len <= OUTBOX_TRACE &&
           attempt->status < ATTEMPT_TRACED);
    char *to = s_add(bytes, &row, sizeof row);
    if (traced)
        to = s_add(to, &trace, sizeof trace);
    to = s_add(to, attempt->trace.data, attempt->trace.len);
    to = s_add(to, attempt->answer.data, attempt->answer.len);
    return (size_t)(to - bytes);
}

static int s_put_attempt(pass_t *pass, uint64_t log, uint64_t number,
                         const outbox_attempt_t *attempt)
{
    attempt_key_t name = {htobe64(log), htobe64(number)};
    char bytes[sizeof(attempt_row_t) + sizeof(trace_row_t) + OUTBOX_TRACE + OUTBOX_WHOLE];
    int rc = outbox_put(pass, TABLE_ATTEMPTS, outbox_val(&name, sizeof name),
                        outbox_val(bytes, s_write_attempt(attempt, bytes)));
    if (rc != 0)
        return rc;
    return number > OUTBOX_ATTEMPTS ? s_remove_attempt(pass, log, number - OUTBOX_ATTEMPTS) : 0;
}

static int s_keep(pass_t *pass, journal_table_t table, const journal_note_t *note)
{
    MDB_val key = outbox_val(note->target.bytes, UUID_BYTES);
    return note->bytes.len == 0
               ? outbox_remove(pass, table, key)
               : outbox_put(pass, table, key, outbox_val(note->bytes.data, note->bytes.len));
}

int outbox_apply(pass_t *pass, const journal_note_t *note)
{
    item_row_t row;
    if (note->kind == NOTE_HANDLER || note->kind == NOTE_HEALTH)
        return s_keep(pass, note->kind == NOTE_HANDLER ? TABLE_HANDLERS : TABLE_HEALTH, note);
    if (note->kind == NOTE_RETENTION)
        return retained_apply(pass, note);
    int rc = s_get(pass, &note->target, note->log, &row);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    rc = s_leave(pass, &note->target, note->log, &row);
    outbox_course_t course = item_course(&row), next = outbox_next(&course, note);
    if (rc == 0 && next.attempts > course.attempts)
        rc = s_put_attempt(pass, note->log, next.attempts, &note->attempt);
    s_set_course(&row, &next);
    return rc ? rc : s_put_item(pass, &note->target, note->log, &row);
}

int outbox_import(pass_t *pass, const journal_exported_t *entry, uint64_t log)
{
    const record_t *record = &entry->record;
    item_row_t row = {.state = entry->replied ? ITEM_REPLIED : 0,
                      .stored_ms = htole64(entry->stored_ms),
                      .time_ms = htole64((uint64_t)record->time_ms)};
    int rc = outbox_forget(pass, &record->target, log); /* what storing the record has made */
    if (rc != 0 || !entry->delivers)
        return rc;
    s_set_course(&row, &entry->course);
    memcpy(row.id, record->id.bytes, UUID_BYTES);
    for (unsigned i = 0; rc == 0 && i < entry->attempts_len; i++)
        rc = s_put_attempt(pass, log, entry->numbers[i], &entry->attempts[i]);
    return rc ? rc : s_put_item(pass, &record->target, log, &row);
}
