/* An LMDB environment as Postern uses it: durable commits, one process that writes, errors that
 * stop. Only this directory, authd/directory and workers/journal/lmdb include <lmdb.h>.
 *
 * Flags are fixed: MDB_NOTLS | MDB_NORDAHEAD and nothing that weakens durability; no MDB_WRITEMAP
 * (a full disk would be SIGBUS). Keys are big-endian. Threading: one write transaction at a time;
 * read transactions by any thread, each its own. */
#ifndef POSTERN_STORE_H
#define POSTERN_STORE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file beside a store that says that a restore or a reshard was interrupted (workers/store). */
#define STORE_SWITCH "switch.json"
/* The table of the store's own: kind, schema, digest (common/store/digest.h). */
#define STORE_META "store_meta"

typedef struct store store_t;

typedef struct {
    const char *path;    /* directory; made with mode 0700 */
    const char *kind;    /* "directory", "journal": what the meta table must say */
    unsigned schema;     /* version this code writes */
    unsigned tables;     /* most named databases */
    uint64_t map_bytes;  /* largest size; raised to the file's when that is larger */
    const char *setting; /* that map_bytes comes from, for texts of errors; or NULL */
    int read_only;       /* 1: a reader beside the writer */
    /* Migrates from an older schema inside the opening transaction; NULL: refuse an older one. An
     * error of LMDB, MDB_VERSION_MISMATCH where that schema is too old. */
    int (*migrate)(MDB_txn *txn, unsigned from, void *arg);
    void *arg;
} store_options_t;

/* Opens or makes the environment: refuses NFS, warns of tmpfs and overlay once a process, checks
 * kind and schema (a newer one is refused, and any beside STORE_SWITCH), syncs the file and makes a
 * probe commit (so that what a former process left unsynced is either durable or gone before
 * anything is answered), clears stale readers, fsyncs the directory after the first creation. NULL
 * with the reason in err. */
store_t *store_open(const store_options_t *options, char *err, size_t err_size);
void store_close(store_t **self_p);
MDB_env *store_env(store_t *self);
MDB_dbi store_meta(const store_t *self);
const char *store_path(const store_t *self);

/* Opens a named database inside a write transaction of its own (or finds it, when read_only).
 * 0 or -1 with err. */
int store_table(store_t *self, const char *name, MDB_dbi *dbi, char *err, size_t err_size);

/* fsync of a directory: makes the names in it durable. 0, or -1 with errno. */
int store_sync_directory(const char *path);
/* The same of the directory that PATH's last name lies in; PATH is shorter than PATH_MAX. */
int store_sync_name(const char *path);

/* Calls READ, which only reads: through transactions of its own, without a lock, and changing
 * nothing else that it would have to put right. 0 or what READ returned; MDB_CORRUPTED when a
 * damaged page ended it, which would have ended the process: then its transactions are to be reset,
 * and a writing one, and its cursors, to be given up. It costs some 10 ns and no system call. */
int store_try(int (*read)(void *arg), void *arg);

/* From on to off a damaged page that this thread meets outside of store_try ends the process with
 * EXIT_FAULT, as an unknown outcome of a commit does (store_fail), and not with EXIT_CONFIG. For
 * stores whose opening reads all that they hold, and tells the operator. */
void store_guard_write(bool on);

/* How a commit went. */
typedef enum {
    STORE_OK,
    STORE_FULL,    /* nothing was written; the transaction is gone; the store can go on */
    STORE_UNKNOWN, /* fail-stop: answer nothing about this transaction and exit (store_fail) */
} store_commit_t;

/* Commits and frees TXN in any case. */
store_commit_t store_commit(store_t *self, MDB_txn *txn);

/* Whether this errno says that the disk is full, or that the quota of this user or directory is
 * reached. */
int store_lacks_room(int error);

/* What an mdb_put's failure means, for code inside a transaction: MDB_MAP_FULL, MDB_TXN_FULL and
 * lack of room are STORE_FULL, the rest STORE_UNKNOWN. */
store_commit_t store_failure(int rc);

/* Logs and exits with EXIT_FAULT: the outcome of a commit is unknown, and only a new process that
 * syncs the file can tell. */
void store_fail(store_t *self, const char *what, int rc) __attribute__((noreturn));

/* Whether PATH still names the file that FD has open: false when it was moved or removed, or its
 * file system unmounted or covered by another. */
int store_is_file(const char *path, int fd);
/* store_is_file of the store's own file. Any thread. */
int store_is_there(const store_t *self);

/* Logs that a read failed, which the process outlives. */
void store_say(store_t *self, const char *what, int rc);

/* Free room: false when the file system or the map is so full (below 64 MiB or 5 % of the map) that
 * new data should be refused while removals still work. Free pages inside the file count as room;
 * they are counted at most once a second. Any thread. */
int store_has_room(store_t *self);

/* Every 30 s by the writer: clears stale readers, sets the metrics' values. used_bytes leaves out
 * the free pages inside the file. room_bytes: until store_has_room says no. */
typedef struct {
    uint64_t used_bytes, map_bytes, disk_free_bytes, reader_lag, room_bytes;
} store_state_t;
void store_inspect(store_t *self, store_state_t *state);

#endif
