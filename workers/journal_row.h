/* Rows of a journal's tables with a checksum, which is written and looked at here alone: behind the
 * row lies the XXH3 (64 bits) of it and of its key. What LMDB itself does not notice (a bit that
 * has changed on the disk, a page of an older commit, a row under another key) is MDB_CORRUPTED
 * then, and logged with its place (journal.damaged).
 *
 * The functions are LMDB's of the same names, with the row alone as the value. Records of the log
 * have the same, but those from before schema 6, which lie below a log sequence that the state
 * knows; of the other tables the migration gives one to each row.
 *
 * Threading: that of the transaction. */
#ifndef POSTERN_JOURNAL_ROW_H
#define POSTERN_JOURNAL_ROW_H

#include "workers/record.h"

#include <lmdb.h>

enum {
    ROW_SUM = 8,
    ROW_MOST = 1 << 17, /* bytes of a row that is no record */
};

int row_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value);
int row_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned flags);
int row_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op);
/* With MDB_NOOVERWRITE and MDB_KEYEXIST the value is the row that is there. */
int row_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *value, unsigned flags);

/* Reads the record that the log has under KEY; those from SUMMED on have a checksum. 0 or
 * MDB_CORRUPTED. */
int row_record(MDB_txn *txn, MDB_dbi log, uint64_t summed, const MDB_val *key, const MDB_val *value,
               record_t *record);
/* Bytes of a record in the log, and puts it there (from mdb_put with MDB_RESERVE). */
size_t row_record_size(const record_t *record);
void row_record_write(const record_t *record, const MDB_val *key, void *to);

/* Gives each row of a table that has none its checksum. Returns an error of LMDB. */
int row_migrate(MDB_txn *txn, MDB_dbi dbi);

/* For the log: what the table is called. */
void row_name(MDB_dbi dbi, const char *name);

#endif
