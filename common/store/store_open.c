#include "common/store/store.h"

#include "common/log/log.h"
#include "common/store/store_self.h"

#include <assert.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    MODE = 0600,
    KIND_LEN = 32,
};
static const char s_not_ours[] = "holds no data of Postern's: the paths are mixed up";
static const char s_meta_name[] = STORE_META; /* kind and schema; the owners' tables are theirs */

static int s_say(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "%s: %s", path, what);
    return -1;
}

int store_say_rc(char *err, size_t err_size, const char *path, int rc)
{
    const char *what = mdb_strerror(rc);
    if (rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND)
        what = "not an LMDB database, or a damaged one: restore it from a backup";
    else if (rc == MDB_VERSION_MISMATCH)
        what = "made by another version of LMDB: upgrade this host's liblmdb";
    else if (rc == MDB_MAP_FULL)
        what = "has reached its map_bytes: set a larger one";
    else if (rc == ENOSPC)
        what = "its disk is full: free some room";
    else if (rc == EDQUOT)
        what = "the quota of this user or directory is reached: raise it, or free some room";
    else if (rc == EACCES || rc == EPERM)
        what = "cannot be read and written by this user: correct its owner and mode";
    return s_say(err, err_size, path, what);
}

/* Data on a network file system breaks LMDB's locks; memory and container layers are not durable,
 * which is said once: a backup opens its stores again and again. AT is PATH, or where PATH is going
 * to be made. */
static int s_check_file_system(const char *path, const char *at, char *err, size_t err_size)
{
    static atomic_flag s_said = ATOMIC_FLAG_INIT;
    struct statfs is;
    if (statfs(at, &is) != 0)
        return store_say_rc(err, err_size, path, errno);
    switch ((unsigned long)is.f_type) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case 0xff534d42: /* CIFS */
    case V9FS_MAGIC:
        return s_say(err, err_size, path,
                     "a network file system cannot hold it: move it to a local disk");
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
        if (!atomic_flag_test_and_set(&s_said))
            log_warn("store.volatile", "path=%s err=%s", LOG_Q(path),
                     LOG_Q("tmpfs or overlay: data is lost with the machine or container"));
    }
    return 0;
}

/* The directory that holds PATH's name. */
static void s_parent(const char *path, char parent[1024])
{
    snprintf(parent, 1024, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash)
        snprintf(parent, 1024, ".");
    else
        slash[slash == parent ? 1 : 0] = '\0';
}

/* Looks before it makes anything: nothing of ours is left on a file system that cannot hold it. */
static int s_make_directory(const char *path, char *err, size_t err_size)
{
    char parent[1024];
    struct stat is;
    if (stat(path, &is) != 0 && errno == ENOENT) {
        s_parent(path, parent);
        if (s_check_file_system(path, parent, err, err_size) != 0)
            return -1;
        return mkdir(path, 0700) == 0 ? 0 : store_say_rc(err, err_size, path, errno);
    }
    return s_check_file_system(path, path, err, err_size);
}

static void s_sync(const char *path)
{
    if (store_sync_directory(path) != 0)
        log_fatal(EXIT_FAULT, "store.sync", "path=%s err=%s", LOG_Q(path), LOG_Q(strerror(errno)));
}

/* LMDB syncs its files, never the directories that name them. */
static void s_sync_names(const char *path)
{
    char parent[1024];
    s_parent(path, parent);
    s_sync(path);
    s_sync(parent);
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

/* A database without our name may be new, or somebody else's. */
static bool s_is_foreign(MDB_txn *txn)
{
    MDB_dbi root;
    MDB_stat stat;
    return mdb_dbi_open(txn, NULL, 0, &root) != 0 || mdb_stat(txn, root, &stat) != 0 ||
           stat.ms_entries > 1;
}

/* It may need as much room again as there are rows. */
static int s_migrate(const store_options_t *options, MDB_txn *txn, unsigned from, char *err,
                     size_t err_size)
{
    char text[160];
    int rc = options->migrate ? options->migrate(txn, from, options->arg) : MDB_VERSION_MISMATCH;
    if (rc == 0)
        return 0;
    if (rc != MDB_VERSION_MISMATCH)
        return store_say_rc(err, err_size, options->path, rc);
    snprintf(text, sizeof text, "has schema %u, which this version cannot migrate to %u", from,
             options->schema);
    return s_say(err, err_size, options->path, text);
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
    if (rc != 0 && !fresh)
        return store_say_rc(err, err_size, options->path, rc);
    if (fresh && (options->read_only || s_is_foreign(txn)))
        return s_say(err, err_size, options->path, s_not_ours);
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
    if (options->read_only && schema < options->schema)
        return s_say(err, err_size, options->path,
                     "has an older schema: start the process that writes it, which migrates it");
    if (options->read_only || (!fresh && schema == options->schema))
        return 0;
    if (!fresh && s_migrate(options, txn, schema, err, err_size) != 0)
        return -1;
    snprintf(text, sizeof text, "%u", options->schema);
    rc = s_put_meta(txn, meta, "kind", options->kind);
    if (rc == 0)
        rc = s_put_meta(txn, meta, "schema", text);
    return rc ? store_say_rc(err, err_size, options->path, rc) : 0;
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
        return rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE
                   ? s_say(err, err_size, options->path, s_not_ours)
                   : store_say_rc(err, err_size, options->path, rc);
    }
    if (s_check_meta(options, txn, meta, err, err_size) != 0) {
        mdb_txn_abort(txn);
        return -1;
    }
    if (!options->read_only)
        rc = s_put_meta(txn, meta, "probe", "1");
    if (rc != 0) {
        mdb_txn_abort(txn);
        return store_say_rc(err, err_size, options->path, rc);
    }
    rc = mdb_txn_commit(txn);
    self->meta = meta;
    return rc ? store_say_rc(err, err_size, options->path, rc) : 0;
}

/* LMDB writes the first pages of a file without a sync: a power cut would leave half of them under
 * its name, refused as damaged. So it is made under another, and gets its own when it is whole. */
static int s_make_file(const char *file)
{
    char made[1110];
    MDB_env *env = NULL;
    snprintf(made, sizeof made, "%s.new", file);
    unlink(made);
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_open(env, made, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK, MODE);
    if (rc == 0)
        rc = mdb_env_sync(env, 1);
    if (env)
        mdb_env_close(env);
    if (rc != 0)
        unlink(made);
    return rc == 0 && rename(made, file) != 0 ? errno : rc;
}

/* The whole map is address space from the start. */
static int s_say_map(const store_options_t *options, uint64_t map, char *err, size_t err_size)
{
    struct rlimit limit;
    char is[64] = "has no limit";
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        snprintf(is, sizeof is, "is %llu MiB", (unsigned long long)limit.rlim_cur >> 20);
    snprintf(
        err, err_size,
        "%s: no address space for its map of %llu MiB (ulimit -v %s): raise that limit, or set "
        "a smaller %s",
        options->path, (unsigned long long)map >> 20, is,
        options->setting ? options->setting : "map_bytes");
    return -1;
}

static int s_open_env(store_t *self, const store_options_t *options, char *err, size_t err_size)
{
    char file[1100];
    struct stat is;
    snprintf(file, sizeof file, "%s/data.mdb", options->path);
    uint64_t map = options->map_bytes;
    int rc = 0;
    if (stat(file, &is) == 0 && is.st_size > 0)
        map = (uint64_t)is.st_size > map ? (uint64_t)is.st_size : map;
    else if (!options->read_only)
        rc = s_make_file(file);
    if (rc == 0)
        rc = mdb_env_create(&self->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(self->env, map);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(self->env, options->tables + 1);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(self->env, STORE_READERS);
    if (rc == 0)
        rc = store_lock_room(options->path);
    if (rc == 0)
        rc = mdb_env_open(self->env, options->path,
                          MDB_NOTLS | MDB_NORDAHEAD | (options->read_only ? MDB_RDONLY : 0), MODE);
    int dead;
    if (rc == 0)
        store_guard(self->env, options->path);
    if (rc == 0)
        rc = mdb_reader_check(self->env, &dead);
    /* What a former process wrote and did not sync is either durable or gone from here on. */
    if (rc == 0 && !options->read_only)
        rc = mdb_env_sync(self->env, 1);
    if (rc == ENOMEM)
        return s_say_map(options, map, err, err_size);
    return rc ? store_say_rc(err, err_size, options->path, rc) : 0;
}

static int s_check_switch(const char *path, char *err, size_t err_size)
{
    char parent[1024], file[1100];
    s_parent(path, parent);
    snprintf(file, sizeof file, "%s/" STORE_SWITCH, parent);
    return access(file, F_OK) != 0
               ? 0
               : s_say(err, err_size, file,
                       "a restore or a reshard was interrupted: give that posternctl command "
                       "again, which finishes it");
}

store_t *store_open(const store_options_t *options, char *err, size_t err_size)
{
    store_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    assert(strlen(options->path) < sizeof self->path);
    snprintf(self->path, sizeof self->path, "%s", options->path);
    self->counted_ms = INT64_MIN / 2;
    int rc = s_check_switch(options->path, err, err_size);
    if (rc == 0)
        rc = options->read_only ? s_check_file_system(options->path, options->path, err, err_size)
                                : s_make_directory(options->path, err, err_size);
    if (rc == 0)
        rc = store_check_files(options->path, err, err_size);
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
