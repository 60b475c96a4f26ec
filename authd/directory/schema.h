/* The directory's schema, and whether what lies there is whole. Private to authd/directory.
 * Threading: the thread that opens the directory, before there are views. */
#ifndef POSTERN_SCHEMA_H
#define POSTERN_SCHEMA_H

#include "authd/directory/directory.h"

#include <lmdb.h>
#include <stddef.h>

/* 2: a token's record may hold terms, which an older version would not obey; and whoever writes
 * raises the version, which readers go by. 3: each row has a checksum and the tables have digests;
 * what meta held but the versions is in facts. */
enum { SCHEMA_DIRECTORY = 3 };

/* As store_options_t has it. */
int schema_migrate(MDB_txn *txn, unsigned from, void *arg);

/* Walks all tables. A row without its checksum is logged, and an error of who reads it; but one of
 * facts, and what the digests do not fit to, are refused: -1 with the table in err. */
int schema_verify(directory_t *directory, char *err, size_t err_size);

#endif
