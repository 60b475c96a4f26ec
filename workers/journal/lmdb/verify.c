/* What an opening looks at before it serves: the tables where a row that cannot be found is taken
 * for one that never was. A record of the log is missed by who names it; a target without its row
 * would have no messages, an item without its row would not be delivered, and a message without its
 * rows would be shown as it was before it was changed, or be posted again; what a target keeps is
 * not told again while it is known. */
#include "workers/journal/lmdb/outbox_rows.h"

#include <stdio.h>

/* Walks a table: each row is behind the one before it, has its checksum, and is found by its key.
 */
static int s_walk(journal_t *self, MDB_txn *txn, journal_table_t table, uint64_t *rows)
{
    MDB_cursor *cursor;
    MDB_val key, value, before = {0}, found;
    int rc = mdb_cursor_open(txn, self->table[table], &cursor);
    if (rc != 0)
        return rc;
    for (*rows = 0; (rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0; ++*rows) {
        if (before.mv_data && mdb_cmp(txn, self->table[table], &before, &key) >= 0)
            rc = MDB_CORRUPTED;
        else if (mdb_get(txn, self->table[table], &key, &found) != 0 ||
                 found.mv_data != value.mv_data)
            rc = MDB_CORRUPTED;
        if (rc != 0)
            break;
        before = key;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int journal_verify(journal_t *self, MDB_txn *txn, char *err, size_t err_size)
{
    static const journal_table_t tables[] = {TABLE_TARGETS, TABLE_OUTBOX, TABLE_HANDLERS,
                                             TABLE_HEALTH,  TABLE_EDITS,  TABLE_UPSERTS,
                                             TABLE_RETAINED};
    uint64_t rows;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int rc = s_walk(self, txn, tables[i], &rows);
        if (rc == 0 && tables[i] == TABLE_TARGETS && rows != self->state.targets)
            rc = MDB_CORRUPTED;
        if (rc == 0)
            continue;
        snprintf(err, err_size,
                 "%s/data.mdb: its table '%s' is damaged (%s): look at the disk, then restore the "
                 "directory from a backup",
                 self->options.path, journal_table_names[tables[i]], mdb_strerror(rc));
        return -1;
    }
    return 0;
}
