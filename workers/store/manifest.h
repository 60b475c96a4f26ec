/* manifest.json of a backup: what was copied when, and what each copy must hold. It is written
 * last, by a rename: a directory without it is an interrupted backup, or none.
 *
 * Threading: one thread. */
#ifndef POSTERN_MANIFEST_H
#define POSTERN_MANIFEST_H

#include "common/store/store_copy.h"
#include "workers/store/keeper.h"

#define MANIFEST_FILE "manifest.json"
#define MANIFEST_KEY "master.key"
/* The key of the workers of KIND in the backup FROM. */
void manifest_key(char path[KEEPER_PATH], const char *from, const char *kind);

enum { MANIFEST_FORMAT = 1 };

/* A new one, of now; the caller owns it. */
json_t *manifest_new(const keeper_t *keeper);

/* Fills ENTRY with what the copy at PATH of the store NAME holds, after having opened it and
 * compared it with SUM, which was taken from the original. 0, or -1 with the reason in err. */
int manifest_describe(json_t *entry, const char *path, const char *name, const store_sum_t *sum,
                      char *err, size_t err_size);
/* Adds ENTRY, and takes it: it is about the copy DIR/NAME as of WALL_MS, whatever it says itself.
 * 0, or -1 with the reason in err. */
int manifest_add(json_t *manifest, const char *dir, const char *name, int64_t wall_ms,
                 json_t *entry, char *err, size_t err_size);
/* Notes that NAME, which is on this host, could not be copied. */
void manifest_add_failed(json_t *manifest, const char *name, const char *why);
/* Those: an array, or NULL when there are none. */
const json_t *manifest_failed(const json_t *manifest);

/* Reads DIR's; NULL with the reason in err when there is none, or not one of this format. */
json_t *manifest_read(const char *dir, char *err, size_t err_size);

/* Compares the file of the store at PATH with its ENTRY, without opening it. 0, or -1 with the
 * reason in err. */
int manifest_check_file(const json_t *entry, const char *path, char *err, size_t err_size);
/* Opens it and compares every row. 0, or -1 with the reason in err. */
int manifest_check(const json_t *entry, const char *path, char *err, size_t err_size);

const char *manifest_text(const json_t *entry, const char *key);
/* The schema of the store that its ENTRY is of. */
unsigned manifest_schema(const json_t *entry);
/* Whether its ENTRY is a journal of a version before, which its worker migrates. */
bool manifest_is_older(const json_t *entry);
/* Rows in the table that counts for people: messages of a journal, tokens of a directory. */
json_int_t manifest_rows(const json_t *entry);

#endif
