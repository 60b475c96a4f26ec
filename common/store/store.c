#include "common/store/store.h"

#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    MODE = 0600,
    READERS = 512,
    MAP_RESERVE_PERCENT = 5,
    KIND_LEN = 32,
};
static const uint64_t s_disk_reserve = 64u << 20;
static const char s_meta_name[] = "store_meta"; /* kind and schema; the owners' tables are theirs */

struct store {
    MDB_env *env;
    char path[1024];
};

static int s_say(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "%s: %s", path, what);
    return -1;
}

static int s_say_rc(char *err, size_t err_size, const char *path, int rc)
{
    const char *what = mdb_strerror(rc);
    if (rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND)
        what = "not an LMDB database, or a damaged one: restore it from a backup";
    else if (rc == MDB_VERSION_MISMATCH)
        what = "made by another version of LMDB: upgrade this host's liblmdb";
    else if (rc == EACCES || rc == EPERM)
        what = "cannot be read and written by this user: correct its owner and mode";
    return s_say(err, err_size, path, what);
}

/* Data on a network file system breaks LMDB's locks; memory and container layers are not durable.
 */
static int s_check_file_system(const char *path, char *err, size_t err_size)
{
    struct statfs is;
    if (statfs(path, &is) != 0)
        return s_say(err, err_size, path, strerror(errno));
    switch ((unsigned long)is.f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case 0xff534d42: /* CIFS */
    case V9FS_MAGIC:
        return s_say(err, err_size, path,
                     "a network file system cannot hold it: move it to a local disk");
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
        log_warn("store.volatile", "path=%s err=%s", LOG_Q(path),
                 LOG_Q("tmpfs or overlay: data is lost with the machine or container"));
    }
    return 0;
}

static int s_make_directory(const char *path, bool *made, char *err, size_t err_size)
{
    *made = mkdir(path, 0700) == 0;
    if (!*made && errno != EEXIST)
        return s_say(err, err_size, path, strerror(errno));
    return s_check_file_system(path, err, err_size);
}

static void s_sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        log_fatal(EXIT_FAULT, "store.sync", "path=%s err=%s", LOG_Q(path), LOG_Q(strerror(errno)));
    close(fd);
}

/* LMDB syncs its files, never the directories that name them. */
static void s_sync_names(const char *path)
{
    char parent[1024];
    s_sync_directory(path);
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = '\0';
        s_sync_directory(parent);
    }
}

static int s_get_meta(MDB_txn *txn, MDB_dbi meta, const char *name, MDB_val *value)
{
    MDB_val key = {strlen(name), (void *)name};
    return mdb_get(txn, meta, &key, value);
}

static int s_put_meta(MDB_txn *txn, MDB_dbi meta, const char *name, const char *text)
{
    MDB_val key = {strlen(name), (void *)name};
    MDB_val value = {strlen(text), (void *)text};
    return mdb_put(txn, meta, &key, &value, 0);
}

static unsigned s_number(const MDB_val *value)
{
    char text[16] = "";
    memcpy(text, value->mv_data, value->mv_size < 15 ? value->mv_size : 15);
    return (unsigned)atoi(text);
}

/* Compares what the file says of itself with what is expected; writes it into a new file. */
static int s_check_meta(const store_options_t *options, MDB_txn *txn, MDB_dbi meta, char *err,
                        size_t err_size)
{
    char text[160];
    MDB_val value;
    int rc = s_get_meta(txn, meta, "kind", &value);
    if (rc == 0 && (value.mv_size != strlen(options->kind) ||
                    memcmp(value.mv_data, options->kind, value.mv_size) != 0)) {
        snprintf(text, sizeof text, "holds a %.*s, not a %s: the paths are mixed up",
                 value.mv_size < KIND_LEN ? (int)value.mv_size : KIND_LEN, (char *)value.mv_data,
                 options->kind);
        return s_say(err, err_size, options->path, text);
    }
    bool fresh = rc == MDB_NOTFOUND;
    unsigned schema = 0;
    if (!fresh && s_get_meta(txn, meta, "schema", &value) == 0)
        schema = s_number(&value);
    if (schema > options->schema) {
        snprintf(text, sizeof text,
                 "has schema %u, which is newer than %u, the newest of this version: upgrade "
                 "Postern",
                 schema, options->schema);
        return s_say(err, err_size, options->path, text);
    }
    if (!fresh && schema < options->schema &&
        (!options->migrate || options->migrate(txn, schema, options->arg) != 0)) {
        snprintf(text, sizeof text, "has schema %u, which this version cannot migrate to %u",
                 schema, options->schema);
        return s_say(err, err_size, options->path, text);
    }
    if (options->read_only || (!fresh && schema == options->schema))
        return 0;
    snprintf(text, sizeof text, "%u", options->schema);
    rc = s_put_meta(txn, meta, "kind", options->kind);
    if (rc == 0)
        rc = s_put_meta(txn, meta, "schema", text);
    return rc ? s_say_rc(err, err_size, options->path, rc) : 0;
}

/* The probe commit: proves that the disk takes writes before anything is answered. */
static int s_probe(store_t *self, const store_options_t *options, char *err, size_t err_size)
{
    MDB_txn *txn = NULL;
    MDB_dbi meta = 0;
    int rc = mdb_txn_begin(self->env, NULL, options->read_only ? MDB_RDONLY : 0, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, s_meta_name, options->read_only ? 0 : MDB_CREATE, &meta);
    if (rc != 0) {
        if (txn)
            mdb_txn_abort(txn);
        return s_say_rc(err, err_size, options->path, rc);
    }
    if (s_check_meta(options, txn, meta, err, err_size) != 0) {
        mdb_txn_abort(txn);
        return -1;
    }
    if (!options->read_only)
        rc = s_put_meta(txn, meta, "probe", "1");
    if (rc != 0) {
        mdb_txn_abort(txn);
        return s_say_rc(err, err_size, options->path, rc);
    }
    rc = mdb_txn_commit(txn);
    return rc ? s_say_rc(err, err_size, options->path, rc) : 0;
}

static int s_open_env(store_t *self, const store_options_t *options, char *err, size_t err_size)
{
    char file[1100];
    struct stat is;
    snprintf(file, sizeof file, "%s/data.mdb", options->path);
    uint64_t map = options->map_bytes;
    if (stat(file, &is) == 0 && (uint64_t)is.st_size > map)
        map = (uint64_t)is.st_size;
    int rc = mdb_env_create(&self->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(self->env, map);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(self->env, options->tables + 1);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(self->env, READERS);
    if (rc == 0)
        rc = mdb_env_open(self->env, options->path,
                          MDB_NOTLS | MDB_NORDAHEAD | (options->read_only ? MDB_RDONLY : 0), MODE);
    int dead;
    if (rc == 0)
        rc = mdb_reader_check(self->env, &dead);
    /* What a former process wrote and did not sync is either durable or gone from here on. */
    if (rc == 0 && !options->read_only)
        rc = mdb_env_sync(self->env, 1);
    return rc ? s_say_rc(err, err_size, options->path, rc) : 0;
}

store_t *store_open(const store_options_t *options, char *err, size_t err_size)
{
    store_t *self = calloc(1, sizeof *self);
    bool made = false;
    if (!self)
        abort();
    assert(strlen(options->path) < sizeof self->path);
    snprintf(self->path, sizeof self->path, "%s", options->path);
    int rc = options->read_only ? s_check_file_system(options->path, err, err_size)
                                : s_make_directory(options->path, &made, err, err_size);
    if (rc == 0)
        rc = s_open_env(self, options, err, err_size);
    if (rc == 0)
        rc = s_probe(self, options, err, err_size);
    if (rc == 0 && !options->read_only)
        s_sync_names(options->path);
    if (rc != 0)
        store_close(&self);
    return self;
}

void store_close(store_t **self_p)
{
    if (*self_p) {
        if ((*self_p)->env)
            mdb_env_close((*self_p)->env);
        free(*self_p);
        *self_p = NULL;
    }
}

MDB_env *store_env(store_t *self)
{
    return self->env;
}

int store_table(store_t *self, const char *name, MDB_dbi *dbi, char *err, size_t err_size)
{
    unsigned flags = 0;
    MDB_txn *txn = NULL;
    mdb_env_get_flags(self->env, &flags);
    bool read_only = flags & MDB_RDONLY;
    int rc = mdb_txn_begin(self->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, name, read_only ? 0 : MDB_CREATE, dbi);
        if (rc == 0) {
            rc = mdb_txn_commit(txn);
            txn = NULL;
        }
    }
    if (txn)
        mdb_txn_abort(txn);
    return rc ? s_say_rc(err, err_size, self->path, rc) : 0;
}

store_commit_t store_failure(int rc)
{
    return rc == MDB_MAP_FULL || rc == MDB_TXN_FULL || rc == ENOSPC ? STORE_FULL : STORE_UNKNOWN;
}

static uint64_t s_disk_free(const store_t *self)
{
    struct statvfs is;
    if (statvfs(self->path, &is) != 0)
        return 0;
    return (uint64_t)is.f_bavail * is.f_frsize;
}

/* After a failed meta page write LMDB refuses every further transaction: then the outcome is open.
 */
static bool s_is_usable(store_t *self)
{
    MDB_txn *txn = NULL;
    if (mdb_txn_begin(self->env, NULL, 0, &txn) != 0)
        return false;
    mdb_txn_abort(txn);
    return true;
}

store_commit_t store_commit(store_t *self, MDB_txn *txn)
{
    int rc = mdb_txn_commit(txn);
    if (rc == 0)
        return STORE_OK;
    log_error("store.commit", "path=%s rc=%d err=%s", LOG_Q(self->path), rc,
              LOG_Q(mdb_strerror(rc)));
    /* LMDB reports a short write, which only a full disk makes, as EIO; so does a broken disk. */
    bool short_write = rc == EIO && s_disk_free(self) < s_disk_reserve;
    if ((store_failure(rc) == STORE_FULL || short_write) && s_is_usable(self))
        return STORE_FULL;
    return STORE_UNKNOWN;
}

void store_fail(store_t *self, const char *what, int rc)
{
    log_error("store.failed", "path=%s what=%s rc=%d err=%s action=%s", LOG_Q(self->path),
              LOG_Q(what), rc, LOG_Q(mdb_strerror(rc)),
              LOG_Q("exiting: the next start syncs the file and looks"));
    /* No atexit work: nothing may touch the store again. */
    _exit(EXIT_FAULT);
}

static uint64_t s_used_bytes(store_t *self, uint64_t *map_bytes)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(self->env, &info);
    mdb_env_stat(self->env, &stat);
    *map_bytes = info.me_mapsize;
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

int store_has_room(store_t *self)
{
    uint64_t map;
    uint64_t used = s_used_bytes(self, &map);
    return s_disk_free(self) >= s_disk_reserve && used <= map / 100 * (100 - MAP_RESERVE_PERCENT);
}

typedef struct {
    uint64_t oldest;
} s_oldest_t;

/* mdb_reader_list speaks text: "pid thread txnid" a line, with "-" for an idle slot. */
static int s_on_reader(const char *line, void *arg)
{
    s_oldest_t *found = arg;
    uint64_t txnid;
    if (sscanf(line, "%*s %*s %" SCNu64, &txnid) == 1 && txnid < found->oldest)
        found->oldest = txnid;
    return 0;
}

void store_inspect(store_t *self, store_state_t *state)
{
    MDB_envinfo info;
    int dead = 0;
    if (mdb_reader_check(self->env, &dead) == 0 && dead)
        log_info("store.readers", "path=%s cleared=%d", LOG_Q(self->path), dead);
    mdb_env_info(self->env, &info);
    s_oldest_t found = {info.me_last_txnid};
    mdb_reader_list(self->env, s_on_reader, &found);
    state->used_bytes = s_used_bytes(self, &state->map_bytes);
    state->disk_free_bytes = s_disk_free(self);
    state->reader_lag = info.me_last_txnid - found.oldest;
}
