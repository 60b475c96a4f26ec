#include "common/store/store_copy.h"

#include "common/store/digest.h"
#include "common/store/store_self.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MODE = 0600,
    TABLES_MOST = STORE_TABLES + 1,
    BATCH_BYTES = 32 << 20, /* of a transaction of the copy */
    READ_BYTES = 1 << 16,
};

typedef struct {
    const char *path; /* for errors */
    MDB_env *env;
    MDB_txn *txn;
    MDB_cursor *cursor;
    size_t pending; /* bytes in the transaction */
} s_side_t;

static int s_say_text(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "%s: %s", path, what);
    return -1;
}

static void s_close(s_side_t *side)
{
    if (side->cursor)
        mdb_cursor_close(side->cursor);
    if (side->txn)
        mdb_txn_abort(side->txn);
    if (side->env)
        mdb_env_close(side->env);
    *side = (s_side_t){0};
}

static int s_open_source(s_side_t *side, const char *path)
{
    side->path = path;
    int rc = mdb_env_create(&side->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(side->env, TABLES_MOST);
    if (rc == 0)
        rc = store_lock_room(path);
    /* No map size: the one that the writer has is in the file. */
    if (rc == 0)
        rc = mdb_env_open(side->env, path, MDB_NOTLS | MDB_NORDAHEAD | MDB_RDONLY, MODE);
    if (rc == 0) {
        store_guard(side->env, path);
        rc = mdb_txn_begin(side->env, NULL, MDB_RDONLY, &side->txn);
    }
    if (rc == MDB_MAP_RESIZED) {
        rc = mdb_env_set_mapsize(side->env, 0);
        if (rc == 0)
            rc = mdb_txn_begin(side->env, NULL, MDB_RDONLY, &side->txn);
    }
    return rc;
}

/* One that is there must be empty: what is in it is not ours. */
static int s_make_directory(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return errno;
    DIR *dir = opendir(path);
    struct dirent *entry;
    int rc = dir ? 0 : errno;
    while (rc == 0 && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = ENOTEMPTY;
    if (dir)
        closedir(dir);
    return rc;
}

static int s_open_copy(s_side_t *side, const char *path, const s_side_t *source)
{
    MDB_envinfo info;
    MDB_stat stat;
    side->path = path;
    mdb_env_info(source->env, &info);
    mdb_env_stat(source->env, &stat);
    int rc = s_make_directory(path);
    if (rc == 0)
        rc = mdb_env_create(&side->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(side->env, TABLES_MOST);
    if (rc == 0)
        rc = mdb_env_set_mapsize(side->env,
                                 2 * (info.me_last_pgno + 1) * stat.ms_psize + (16u << 20));
    if (rc == 0)
        rc = store_lock_room(path);
    return rc ? rc : mdb_env_open(side->env, path, MDB_NOTLS | MDB_NORDAHEAD, MODE);
}

/* Ends the copy's transaction when it has grown; CURSOR is opened again in the next. */
static int s_turn(s_side_t *copy, MDB_dbi dbi, bool end)
{
    if (copy->txn && (end || copy->pending >= BATCH_BYTES)) {
        mdb_cursor_close(copy->cursor);
        copy->cursor = NULL;
        int rc = mdb_txn_commit(copy->txn);
        copy->txn = NULL;
        if (rc != 0)
            return rc;
    }
    if (end || copy->txn)
        return 0;
    copy->pending = 0;
    int rc = mdb_txn_begin(copy->env, NULL, 0, &copy->txn);
    return rc ? rc : mdb_cursor_open(copy->txn, dbi, &copy->cursor);
}

static int s_make_table(s_side_t *copy, const char *name, MDB_dbi *dbi)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(copy->env, NULL, 0, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, name, MDB_CREATE, dbi);
    if (rc == 0)
        return mdb_txn_commit(txn);
    if (txn)
        mdb_txn_abort(txn);
    return rc;
}

static void s_add(crypto_generichash_state *state, const MDB_val *part)
{
    uint64_t len = part->mv_size;
    crypto_generichash_update(state, (const unsigned char *)&len, sizeof len);
    crypto_generichash_update(state, part->mv_data, part->mv_size);
}

/* copy: NULL when only the sum is asked for; walk: NULL where rows have no checksum. *faulty: the
 * side that rc is about. */
static int s_walk(s_side_t *source, s_side_t *copy, MDB_dbi dbi, store_table_sum_t *sum,
                  digest_walk_t *walk, const s_side_t **faulty)
{
    crypto_generichash_state state;
    MDB_cursor *cursor = NULL;
    MDB_dbi to = 0;
    MDB_val key, value;
    crypto_generichash_init(&state, NULL, 0, STORE_SUM);
    *faulty = source;
    int rc = mdb_cursor_open(source->txn, dbi, &cursor);
    if (rc == 0 && copy && (rc = s_make_table(copy, sum->name, &to)) != 0)
        *faulty = copy;
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        s_add(&state, &key);
        s_add(&state, &value);
        sum->rows++;
        if (walk && !digest_walk_row(walk, &key, &value))
            rc = MDB_CORRUPTED;
        if (rc != 0 || !copy)
            continue;
        *faulty = copy;
        rc = s_turn(copy, to, false);
        if (rc == 0)
            rc = mdb_cursor_put(copy->cursor, &key, &value, MDB_APPEND);
        copy->pending += key.mv_size + value.mv_size;
        if (rc == 0)
            *faulty = source;
    }
    if (rc == MDB_NOTFOUND && copy) {
        *faulty = copy;
        rc = s_turn(copy, to, true);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    crypto_generichash_final(&state, sum->sum, STORE_SUM);
    if (rc == MDB_NOTFOUND)
        rc = walk && !digest_walk_end(walk) ? MDB_CORRUPTED : 0;
    return rc;
}

/* Names of the tables, which are the rows of the main one. */
static int s_list(s_side_t *source, store_sum_t *sum)
{
    MDB_dbi root;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int rc = mdb_dbi_open(source->txn, NULL, 0, &root);
    if (rc == 0)
        rc = mdb_cursor_open(source->txn, root, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (sum->tables_len == STORE_TABLES || key.mv_size >= STORE_NAME) {
            rc = MDB_INCOMPATIBLE;
            break;
        }
        memcpy(sum->tables[sum->tables_len++].name, key.mv_data, key.mv_size);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Kind and schema, as store_open writes them. */
static int s_read_meta(s_side_t *source, MDB_dbi meta, store_sum_t *sum)
{
    char schema[STORE_NAME] = "";
    MDB_val key = {4, "kind"}, value;
    int rc = mdb_get(source->txn, meta, &key, &value);
    if (rc == 0 && value.mv_size < STORE_NAME)
        memcpy(sum->kind, value.mv_data, value.mv_size);
    key = (MDB_val){6, "schema"};
    if (rc == 0)
        rc = mdb_get(source->txn, meta, &key, &value);
    if (rc == 0 && value.mv_size < sizeof schema)
        memcpy(schema, value.mv_data, value.mv_size);
    sum->schema = (unsigned)atoi(schema);
    return rc;
}

/* Also kind and schema. */
static int s_read_digest(s_side_t *source, store_sum_t *sum, digest_t *digest)
{
    MDB_dbi meta;
    digest->len = 0;
    int rc = mdb_dbi_open(source->txn, STORE_META, 0, &meta);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0)
        rc = s_read_meta(source, meta, sum);
    return rc ? rc : digest_read(source->txn, meta, digest);
}

static int s_is_empty(s_side_t *source, const char *table, bool *empty)
{
    MDB_dbi dbi;
    MDB_stat is;
    int rc = mdb_dbi_open(source->txn, table, 0, &dbi);
    if (rc == 0)
        rc = mdb_stat(source->txn, dbi, &is);
    *empty = rc == 0 && is.ms_entries == 0;
    return rc;
}

static bool s_is_summed(const char *table)
{
    return strcmp(table, STORE_META) != 0 && strcmp(table, DIGEST_UNSUMMED) != 0;
}

/* Of a store that has a digest as soon as it has rows. */
static int s_has_none(s_side_t *source, const store_sum_t *sum)
{
    bool empty = true;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && empty && i < sum->tables_len; i++)
        if (s_is_summed(sum->tables[i].name))
            rc = s_is_empty(source, sum->tables[i].name, &empty);
    return rc == 0 && !empty ? MDB_CORRUPTED : rc;
}

/* A table that the digest names and that is not there was lost; or the digest itself. */
static int s_has_all(s_side_t *source, const digest_t *digest, const store_sum_t *sum)
{
    unsigned found = 0;
    for (unsigned i = 0; i < sum->tables_len; i++)
        found += digest_find(digest, sum->tables[i].name) != NULL;
    if (found != digest->len)
        return MDB_CORRUPTED;
    bool wanted = strcmp(sum->kind, DIGEST_KIND) == 0 && sum->schema >= DIGEST_SCHEMA;
    return wanted && digest->len == 0 ? s_has_none(source, sum) : 0;
}

/* *table: where it ended. */
static int s_go(s_side_t *source, s_side_t *copy, const char *to, store_sum_t *sum,
                const s_side_t **faulty, const char **table)
{
    digest_t digest;
    *faulty = source;
    int rc = s_list(source, sum);
    *table = STORE_META;
    if (rc == 0)
        rc = s_read_digest(source, sum, &digest);
    if (rc == 0)
        rc = s_has_all(source, &digest, sum);
    sum->commit = mdb_txn_id(source->txn);
    if (rc == 0 && copy) {
        *faulty = copy;
        rc = s_open_copy(copy, to, source);
    }
    for (unsigned i = 0; rc == 0 && i < sum->tables_len; i++) {
        MDB_dbi dbi;
        digest_walk_t walk;
        *faulty = source;
        *table = sum->tables[i].name;
        const digest_table_t *summed = digest_find(&digest, *table);
        if (summed)
            digest_walk_begin(&walk, summed);
        rc = mdb_dbi_open(source->txn, sum->tables[i].name, 0, &dbi);
        if (rc == 0)
            rc = s_walk(source, copy, dbi, &sum->tables[i], summed ? &walk : NULL, faulty);
    }
    if (rc == 0 && copy) {
        *faulty = copy;
        rc = mdb_env_sync(copy->env, 1);
    }
    return rc;
}

static int s_run(const char *from, const char *to, store_sum_t *sum, char *err, size_t err_size)
{
    s_side_t source = {0}, copy = {0};
    const s_side_t *faulty = &source;
    const char *table = NULL;
    char file[1100];
    if (sodium_init() < 0)
        abort();
    *sum = (store_sum_t){0};
    /* LMDB would make an empty lock file in any directory. */
    snprintf(file, sizeof file, "%s/data.mdb", from);
    if (access(file, R_OK) != 0)
        return s_say_text(err, err_size, file, strerror(errno));
    if (store_check_files(from, err, err_size) != 0)
        return -1;
    int rc = s_open_source(&source, from);
    if (rc == 0)
        rc = s_go(&source, to ? &copy : NULL, to, sum, &faulty, &table);
    const char *path = faulty == &copy ? to : from;
    s_close(&source);
    s_close(&copy);
    if (rc == 0 && to) {
        path = to;
        snprintf(file, sizeof file, "%s/lock.mdb", to);
        unlink(file);
        rc = store_sync_directory(to) == 0 ? 0 : errno;
    }
    if (rc == MDB_CORRUPTED && table && path == from) {
        snprintf(err, err_size, "%s: its table '%s' is damaged: restore it from a backup", from,
                 table);
        return -1;
    }
    if (rc != 0)
        return store_say_rc(err, err_size, path, rc);
    return sum->kind[0] ? 0 : s_say_text(err, err_size, from, "holds no data of Postern's");
}

int store_sum(const char *path, store_sum_t *sum, char *err, size_t err_size)
{
    return s_run(path, NULL, sum, err, err_size);
}

int store_copy(const char *from, const char *to, store_sum_t *sum, char *err, size_t err_size)
{
    return s_run(from, to, sum, err, err_size);
}

int store_file_sum(const char *path, uint64_t *bytes, uint8_t sum[STORE_SUM], char *err,
                   size_t err_size)
{
    static unsigned char data[READ_BYTES];
    crypto_generichash_state state;
    char file[1100];
    ssize_t len;
    if (sodium_init() < 0)
        abort();
    snprintf(file, sizeof file, "%s/data.mdb", path);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return s_say_text(err, err_size, file, strerror(errno));
    *bytes = 0;
    crypto_generichash_init(&state, NULL, 0, STORE_SUM);
    while ((len = read(fd, data, sizeof data)) > 0) {
        crypto_generichash_update(&state, data, (unsigned long long)len);
        *bytes += (uint64_t)len;
    }
    int rc = len < 0 ? s_say_text(err, err_size, file, strerror(errno)) : 0;
    close(fd);
    crypto_generichash_final(&state, sum, STORE_SUM);
    return rc;
}
