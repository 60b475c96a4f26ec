/* The checksum of a row: behind the value that LMDB holds for a key lies the XXH3 (64 bits) of the
 * value and the key. The checksum finds what LMDB itself does not notice: a bit that has changed on
 * the disk, a page of an older commit, a row under another key, or, by a salt, of another table.
 *
 * Journals (workers/journal/lmdb/row.h) and the directory (authd/directory/table.h) read and write
 * their rows by this. Threading: no state. */
#ifndef POSTERN_ROW_H
#define POSTERN_ROW_H

#include <lmdb.h>
#include <stdint.h>

enum {
    ROW_SUM = 8,
    ROW_MOST = 1 << 17, /* bytes of a row and its checksum that row_check takes */
};

/* The salt of a table's rows; rows of a journal have none (0). */
uint64_t row_salt(const char *table);

/* The checksum as it is stored: little-endian. */
uint64_t row_sum(uint64_t salt, const MDB_val *key, const void *row, size_t size);

/* Takes the checksum off VALUE, as it came from LMDB. 0 or MDB_CORRUPTED. */
int row_check(uint64_t salt, const MDB_val *key, MDB_val *value);
/* The checksum that is stored behind VALUE, as it came from LMDB: 0 where there is none. */
uint64_t row_stored(const MDB_val *value);

/* Writes the row and its checksum, ROW_SUM bytes more, to the memory TO that MDB_RESERVE gave. */
void row_write(uint64_t salt, const MDB_val *key, const MDB_val *row, void *to);

/* Gives each row of a table that has none its checksum; *all: the XOR of them, or NULL. An error of
 * LMDB; MDB_CORRUPTED also where the table does not hold as many rows as it says. */
int row_migrate(MDB_txn *txn, MDB_dbi dbi, uint64_t salt, uint64_t *all);

#endif
