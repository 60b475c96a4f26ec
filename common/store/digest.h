/* What the tables of a store hold in sum: of each the XOR of the checksums of its rows (row.h), in
 * a row of store_meta that each commit writes with the rows. By that a walk through a table finds
 * also what no row can tell: one that is not there any more, and one of an older commit.
 *
 * A table that the digest does not name holds no row with a checksum. Threading: that of the
 * transaction. */
#ifndef POSTERN_DIGEST_H
#define POSTERN_DIGEST_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stores of this kind have one from this schema on, as soon as any of their tables has rows but
 * store_meta and the one whose rows have no checksums. */
#define DIGEST_KIND "directory"
#define DIGEST_UNSUMMED "meta"
enum { DIGEST_SCHEMA = 3 };

enum { DIGEST_TABLES = 64, DIGEST_NAME = 32 /* bytes of a table's name, with its end */ };

typedef struct {
    char name[DIGEST_NAME];
    uint64_t sum;
} digest_table_t;

typedef struct {
    unsigned len;
    digest_table_t table[DIGEST_TABLES];
} digest_t;

/* Without one (of a new store) SELF has no table. 0, or an error of LMDB; MDB_CORRUPTED where it is
 * damaged itself. META: store_meta. */
int digest_read(MDB_txn *txn, MDB_dbi meta, digest_t *self);
int digest_write(MDB_txn *txn, MDB_dbi meta, const digest_t *self);

/* The sum of a table; added with 0 when it is not there. find: NULL then. */
uint64_t *digest_of(digest_t *self, const char *name);
const digest_table_t *digest_find(const digest_t *self, const char *name);

/* The walk through a table, a row at a time. */
typedef struct {
    const char *name;
    uint64_t salt, expected;
    uint64_t stored, made; /* so far: by what the rows say, and by what they are */
    uint64_t rows, damaged;
} digest_walk_t;

void digest_walk_begin(digest_walk_t *self, const digest_table_t *table);
/* A row as it came from LMDB. False when it has not its checksum. */
bool digest_walk_row(digest_walk_t *self, const MDB_val *key, const MDB_val *value);
/* False when a row is missing, is of another commit, or was none of the table's. A single row
 * without its checksum is no other than the one that was there. */
bool digest_walk_end(const digest_walk_t *self);

/* Walks all tables of the digest: each row lies behind the one before it, is found by its key, and
 * in sum they are what was written. A row that has not its checksum is told to DAMAGED and no
 * error. 0, or an error of LMDB with what is damaged in err. May be tried (store_try). */
typedef void digest_damaged_fn(void *arg, const char *table, const MDB_val *key);
int digest_check(MDB_txn *txn, const digest_t *self, digest_damaged_fn *damaged, void *arg,
                 char *err, size_t err_size);

#endif
