/* What becomes of a damaged row of the outbox's items. */
#include "common/log/log.h"
#include "workers/journal/lmdb/outbox_rows.h"

#include <inttypes.h>

/* The place in the outbox of a pending item whose order nobody knows. */
static int s_find_place(pass_t *pass, const uuid_t7 *target, uint64_t log, item_row_t *row)
{
    MDB_cursor *cursor;
    outbox_key_t place = outbox_key(target, 0, 0);
    due_row_t due;
    MDB_val key = outbox_val(&place, sizeof place), value;
    int rc = mdb_cursor_open(pass->txn, pass->journal->table[TABLE_OUTBOX], &cursor);
    if (rc != 0)
        return rc;
    rc = row_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; rc == 0; rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        if (key.mv_size != sizeof place || value.mv_size != sizeof due)
            rc = MDB_CORRUPTED;
        else if (memcmp(key.mv_data, target->bytes, UUID_BYTES) != 0)
            rc = MDB_NOTFOUND;
        if (rc != 0)
            break;
        memcpy(&place, key.mv_data, sizeof place);
        memcpy(&due, value.mv_data, sizeof due);
        if (place.log == htobe64(log))
            break;
    }
    mdb_cursor_close(cursor);
    if (rc == 0)
        *row = (item_row_t){.state = OUTBOX_PENDING,
                            .made = due.made,
                            .order = htole64(be64toh(place.order)),
                            .due_ms = due.due_ms,
                            .stored_ms = due.stored_ms,
                            .first_ms = due.first_ms};
    return rc;
}

/* Number of the last attempt that is kept. */
static int s_last_attempt(pass_t *pass, uint64_t log, uint32_t *number)
{
    MDB_cursor *cursor;
    attempt_key_t name = {htobe64(log + 1), 0};
    MDB_val key = outbox_val(&name, sizeof name), value;
    int rc = mdb_cursor_open(pass->txn, pass->journal->table[TABLE_ATTEMPTS], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(cursor, &key, &value, rc == 0 ? MDB_PREV : MDB_LAST);
    *number = 0;
    if (rc == 0 && key.mv_size == sizeof name) {
        memcpy(&name, key.mv_data, sizeof name);
        if (name.log == htobe64(log))
            *number = (uint32_t)be64toh(name.number);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_read_record(pass_t *pass, uint64_t log, item_row_t *row)
{
    uint64_t name = journal_key(log);
    MDB_dbi dbi = pass->journal->table[TABLE_LOG];
    MDB_val key = {sizeof name, &name}, value;
    record_t record;
    int rc = mdb_get(pass->txn, dbi, &key, &value);
    if (rc == 0)
        rc = row_record(pass->txn, dbi, pass->journal->summed_log, &key, &value, &record);
    if (rc != 0)
        return rc;
    row->time_ms = htole64((uint64_t)record.time_ms);
    memcpy(row->id, record.id.bytes, UUID_BYTES);
    return 0;
}

int outbox_mend(pass_t *pass, const uuid_t7 *target, uint64_t log, item_row_t *row)
{
    char text[UUID_TEXT];
    uint32_t attempts = 0;
    item_key_t name = item_key(target, log);
    MDB_val item = outbox_val(&name, sizeof name);
    int rc = s_find_place(pass, target, log, row);
    if (rc == 0)
        rc = s_read_record(pass, log, row);
    if (rc == 0)
        rc = s_last_attempt(pass, log, &attempts);
    uuid_text(target, text);
    if (rc == 0) {
        row->attempts = htole32(attempts);
        log_warn("journal.item", "target=%s log=%" PRIu64 " err=%s", text, log,
                 LOG_Q("it was damaged, and is made again of what else is known of it"));
        return outbox_put(pass, TABLE_ITEMS, item, outbox_val(row, sizeof *row));
    }
    if (rc != MDB_NOTFOUND && rc != MDB_CORRUPTED)
        return rc;
    log_error("journal.item", "target=%s log=%" PRIu64 " err=%s", text, log,
              LOG_Q("it was damaged, and nothing else is known of it: the delivery is forgotten"));
    rc = outbox_remove(pass, TABLE_ITEMS, item);
    if (rc == 0)
        rc = outbox_remove(pass, TABLE_DEAD, item);
    if (rc == 0 && row->state == OUTBOX_PENDING) {
        outbox_key_t place = outbox_key(target, le64toh(row->order), log);
        rc = outbox_remove(pass, TABLE_OUTBOX, outbox_val(&place, sizeof place));
    }
    return rc ? rc : MDB_NOTFOUND;
}
