#include "common/store/store.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/store/store_self.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MAP_RESERVE_PERCENT = 5,
    FREE_PAGES_MS = 1000,
};
static const uint64_t s_disk_reserve = 64u << 20;

MDB_env *store_env(store_t *self)
{
    return self->env;
}

MDB_dbi store_meta(const store_t *self)
{
    return self->meta;
}

const char *store_path(const store_t *self)
{
    return self->path;
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
    return rc ? store_say_rc(err, err_size, self->path, rc) : 0;
}

int store_sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd), error = errno;
    close(fd);
    errno = error;
    return rc;
}

int store_sync_name(const char *path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    return store_sync_directory(slash ? parent : ".");
}

store_commit_t store_failure(int rc)
{
    return rc == MDB_MAP_FULL || rc == MDB_TXN_FULL || store_lacks_room(rc) ? STORE_FULL
                                                                            : STORE_UNKNOWN;
}

int store_is_file(const char *path, int fd)
{
    struct stat is, at;
    return fstat(fd, &is) == 0 && stat(path, &at) == 0 && is.st_dev == at.st_dev &&
           is.st_ino == at.st_ino;
}

int store_is_there(const store_t *self)
{
    char file[sizeof self->path + 16];
    int fd;
    snprintf(file, sizeof file, "%s/data.mdb", self->path);
    return mdb_env_get_fd(self->env, &fd) == 0 && store_is_file(file, fd);
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
    bool short_write =
        rc == EIO && (s_disk_free(self) < s_disk_reserve || store_quota_reached(self->path));
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

void store_say(store_t *self, const char *what, int rc)
{
    log_error("store.read", "path=%s what=%s rc=%d err=%s", LOG_Q(self->path), LOG_Q(what), rc,
              LOG_Q(mdb_strerror(rc)));
}

/* Bytes of the free pages inside the file, which never shrinks: LMDB keeps their numbers in
 * database 0, a list a transaction, its length first. */
static uint64_t s_free_pages(store_t *self)
{
    uint64_t pages = 0;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, list;
    int rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_cursor_open(txn, 0, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == 0) {
        size_t count;
        memcpy(&count, list.mv_data, sizeof count);
        pages += count;
    }
    if (cursor)
        mdb_cursor_close(cursor);
    if (txn)
        mdb_txn_abort(txn);
    return pages;
}

typedef struct {
    uint64_t map, file, reusable; /* bytes */
} s_extent_t;

/* The list is long where much is free, so its length is good for a second. */
static s_extent_t s_extent(store_t *self, bool fresh)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(self->env, &info);
    mdb_env_stat(self->env, &stat);
    int64_t now = clock_ms();
    if (fresh || now - atomic_load(&self->counted_ms) >= FREE_PAGES_MS) {
        atomic_store(&self->free_pages, s_free_pages(self));
        atomic_store(&self->counted_ms, now);
    }
    return (s_extent_t){.map = info.me_mapsize,
                        .file = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize,
                        .reusable = atomic_load(&self->free_pages) * stat.ms_psize};
}

/* What can be written before one of the two reserves is needed; below 0: it is. */
static int64_t s_room(store_t *self, const s_extent_t *extent)
{
    int64_t disk = (int64_t)(s_disk_free(self) + extent->reusable - s_disk_reserve);
    int64_t map = (int64_t)(extent->map / 100 * (100 - MAP_RESERVE_PERCENT) + extent->reusable -
                            extent->file);
    return disk < map ? disk : map;
}

int store_has_room(store_t *self)
{
    s_extent_t extent = s_extent(self, false);
    return s_room(self, &extent) >= 0;
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
    s_extent_t extent = s_extent(self, true);
    state->map_bytes = extent.map;
    state->used_bytes = extent.file > extent.reusable ? extent.file - extent.reusable : 0;
    state->disk_free_bytes = s_disk_free(self);
    state->reader_lag = info.me_last_txnid - found.oldest;
    int64_t room = s_room(self, &extent);
    state->room_bytes = room > 0 ? (uint64_t)room : 0;
}
