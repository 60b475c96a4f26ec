/* Rows of a journal's tables with their checksum (common/store/row.h), which no other file writes
 * or compares. Damage that LMDB itself does not notice is MDB_CORRUPTED then, and logged with its
 * place (journal.damaged).
 *
 * The functions are LMDB's of the same names, with the row alone as the value. Records of the log
 * have the same, but those from before schema 6, which lie below a log sequence that the state
 * knows; of the other tables the migration gives one to each row.
 *
 * Threading: that of the transaction. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_ROW_H
#define POSTERN_WORKERS_JOURNAL_LMDB_ROW_H

#include "common/store/row.h"
#include "workers/journal/record.h"

int row_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value);
/* Copies the row of SIZE bytes under NAME to ROW; MDB_CORRUPTED where it has another size. */
int row_read(MDB_txn *txn, MDB_dbi dbi, slice_t name, void *row, size_t size);
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

/* For the log: what the table is called. */
void row_name(MDB_dbi dbi, const char *name);

#endif
