/* One run of postern-store: the configuration, the data directory that it works on, the locks of
 * the processes that may not run meanwhile, and how results and errors are shown.
 *
 * Threading: one thread. */
#ifndef POSTERN_WORKERS_STORE_KEEPER_H
#define POSTERN_WORKERS_STORE_KEEPER_H

#include "common/base/ops.h"
#include "common/conf/conf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    KEEPER_PATH = 1100,
    KEEPER_KINDS = WORKER_KINDS,
    KEEPER_KEY = 256,          /* bytes: the file of a key has fewer */
    KEEPER_RESERVE = 64 << 20, /* bytes that are left free beside what is written */
    KEEPER_DONE = 0,
    KEEPER_REFUSED = 1,
};

typedef struct {
    const conf_t *conf;
    const char *conf_path; /* NULL: defaults only */
    const char *data;      /* data.directory */
    bool json, with_key, replace;
    json_t *reply; /* shown at the end with json */
} keeper_t;

/* The kinds of journals in the order in which they are copied (backup.c says why). */
typedef struct {
    const char *name;
    setting_t shards;
} keeper_kind_t;
extern const keeper_kind_t keeper_kinds[KEEPER_KINDS];
const keeper_kind_t *keeper_kind(const char *name);

/* The journals that the configuration has, in the order of their kinds. Zero-initialised is before
 * the first. */
typedef struct {
    unsigned kind, shard; /* of the next one */
    char name[32];        /* of this one: channel-0 */
} keeper_journal_t;
/* False: there is none behind it. */
bool keeper_next(const keeper_t *self, keeper_journal_t *at);

/* Makes '?' of what a terminal would obey or is no UTF-8: what a store's process has written comes
 * into texts. LINES: the ends of lines stay. */
void keeper_make_plain(char *text, bool lines);
/* The file of the key of KIND's workers; false when they have none on this host. */
bool keeper_key(const keeper_t *self, const char *kind, char path[KEEPER_PATH]);
/* What the file of a key says, to be wiped: its length, or -1 with errno. */
ssize_t keeper_read_key(const char *path, char key[KEEPER_KEY]);
/* A name that a store has in a data directory. */
bool keeper_is_store(const char *name);

/* A line for people; nothing with json. */
void keeper_say(const keeper_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An error line to stderr, {"code", "message"} to stdout with json. Returns KEEPER_REFUSED. */
int keeper_refuse(const keeper_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A field of the reply that quotes TEXT, a path: U+FFFD stands for bytes that are no UTF-8. An
 * empty TEXT is null. */
void keeper_answer(const keeper_t *self, const char *field, const char *text);

/* DIRECTORY/NAME into path. */
void keeper_path(char path[KEEPER_PATH], const char *directory, const char *name);
bool keeper_exists(const char *directory, const char *name);

/* Locks PATH for the life of this process. 0, or KEEPER_REFUSED after it has said who holds it. */
int keeper_lock(const keeper_t *self, const char *path);
/* Opens a lock for flock(2); one that was never made is nobody's: it is made. A descriptor or -1.
 */
int keeper_open_lock(const keeper_t *self, const char *path);
/* The lock that backup, restore and reshard keep each other out with. */
int keeper_lock_self(const keeper_t *self);
/* That one, and the locks of KIND's shards: of those below LEAST, which may have none yet, and of
 * any other that has one. */
int keeper_lock_kind(const keeper_t *self, const char *kind, unsigned least);
/* Every *.lock in DIRECTORY. */
int keeper_lock_all(const keeper_t *self, const char *directory);

/* Copies what is left of FROM, durable when it returns; 0 or -1 with errno. */
int keeper_copy(int from, int to);

/* Writes a file by another name and renames it, durable when it returns; 0 or -1 with errno. A
 * present file keeps its mode and owner. */
int keeper_write(const char *path, const char *text, size_t len);
/* Removes a tree, whoever has changed it meanwhile: no link in it is followed. */
void keeper_remove(const char *path);
/* Gives a tree to the owner of the data directory, directories with 0700, files with 0600; 0 or -1
 * with errno, also where something in it is neither a directory nor a file with one name. */
int keeper_own(const keeper_t *self, const char *path);
/* The same for a directory alone, not for what is in it. */
int keeper_own_top(const keeper_t *self, const char *path);
/* The same for the tree of STORE ("directory", "channel-0"), to the user whose process has it. */
int keeper_give(const keeper_t *self, const char *path, const char *store);
/* The same, to ourselves. */
int keeper_take(const char *path);
/* Free bytes of the file system of DIRECTORY. */
uint64_t keeper_free(const char *directory);
/* Bytes of DIRECTORY/NAME/data.mdb on the disk; 0 when it is not there. */
uint64_t keeper_bytes(const char *directory, const char *name);

/* "2026-01-02T03:04:05Z", or compact for a name. */
void keeper_time(int64_t wall_ms, bool compact, char text[32]);

#endif
