/* A consistent copy of an environment, and what an environment holds: rows and checksums.
 *
 * The copy is made row by row from one read transaction, so it is the state after one commit of the
 * writer, which goes on meanwhile. It has no free pages: what was deleted does not travel along,
 * and every row has been read. The checksums are taken from the original on the way; store_sum over
 * the copy must find the same ones. Where rows have their own (common/store/digest.h), these are
 * looked at on the way, too.
 *
 * Threading: one thread; neither path may be open in this process. */
#ifndef POSTERN_STORE_COPY_H
#define POSTERN_STORE_COPY_H

#include <stddef.h>
#include <stdint.h>

enum { STORE_SUM = 32, STORE_TABLES = 64, STORE_NAME = 32 };

typedef struct {
    char name[STORE_NAME];
    uint64_t rows;
    uint8_t sum[STORE_SUM]; /* BLAKE2b over length and bytes of each key and value, in order */
} store_table_sum_t;

typedef struct {
    char kind[STORE_NAME]; /* as its meta table says: "directory", "journal" */
    unsigned schema;
    uint64_t commit; /* number of the commit whose state this is */
    unsigned tables_len;
    store_table_sum_t tables[STORE_TABLES]; /* in the order of their names */
} store_sum_t;

/* What PATH holds. 0, or -1 with the reason in err. */
int store_sum(const char *path, store_sum_t *sum, char *err, size_t err_size);

/* Copies FROM to TO, a new directory (mode 0700) or an empty one, durable when it returns but for
 * TO's own name, which is the caller's to sync. 0, or -1 with the reason in err and what was made
 * left behind. */
int store_copy(const char *from, const char *to, store_sum_t *sum, char *err, size_t err_size);

/* Bytes and checksum of PATH/data.mdb as a file: to be looked at before LMDB maps what may be
 * damaged. 0 or -1. */
int store_file_sum(const char *path, uint64_t *bytes, uint8_t sum[STORE_SUM], char *err,
                   size_t err_size);

#endif
