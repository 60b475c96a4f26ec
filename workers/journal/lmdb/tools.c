#include "workers/journal/tools.h"

#include "common/base/clock.h"
#include "workers/journal/lmdb/source.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETTLE_MS = 10000, LOOK_MS = 10, ROOM = 1 << 30 /* of the map, for what is taken over */ };

bool journal_is_older(unsigned schema)
{
    return schema < JOURNAL_SCHEMA;
}

int journal_facts(const char *path, journal_facts_t *facts, char *err, size_t err_size)
{
    source_t source;
    int rc = source_open(&source, path, err, err_size);
    *facts = source.facts;
    source_close(&source);
    return rc;
}

static int s_survey(const char *path, char *err, size_t err_size)
{
    char file[1100];
    source_t source;
    struct stat is;
    snprintf(file, sizeof file, "%s/wal", path);
    int rc = source_open(&source, path, err, err_size);
    state_t state = source.state;
    uuid_t7 uuid = source.facts.uuid;
    source_close(&source);
    if (rc != 0 || (state.wal_bytes == 0 && !state.wal_old))
        return rc;
    if (lstat(file, &is) != 0 && errno == ENOENT) {
        snprintf(err, err_size,
                 "%s: is not there. To go on without it: posternctl salvage; to have all: restore "
                 "a backup",
                 file);
        return -1;
    }
    wal_t *wal = wal_open(file, &uuid, WAL_LEAST, err, err_size);
    if (!wal)
        return -1;
    rc = wal_check(wal, &state, file, err, err_size);
    wal_close(&wal);
    return rc;
}

static bool s_lock(int lock)
{
    return flock(lock, LOCK_EX | LOCK_NB) == 0;
}

int journal_survey(const char *path, int lock, char *err, size_t err_size)
{
    if (lock >= 0 && !s_lock(lock))
        return 0;
    int rc = s_survey(path, err, err_size);
    if (lock >= 0)
        flock(lock, LOCK_UN);
    return rc;
}

/* By an opening. */
static int s_take_over(const char *path, bool salvage, uint64_t *count, char *err, size_t err_size)
{
    journal_facts_t facts;
    if (journal_facts(path, &facts, err, err_size) != 0)
        return -1;
    journal_options_t options = {.path = path,
                                 .kind = facts.kind,
                                 .shard = facts.shard,
                                 .shards = facts.shards,
                                 .room_bytes = ROOM + facts.bytes,
                                 .salvage = salvage};
    journal_t *journal = journal_open(&options, clock_ms(), err, err_size);
    if (!journal)
        return -1;
    *count = journal_recovered(journal);
    journal_close(&journal);
    return 0;
}

int journal_settle(const char *path, char *err, size_t err_size)
{
    uint64_t count;
    generations_t have;
    if (s_survey(path, err, err_size) != 0 || source_generations(path, &have, err, err_size) != 0)
        return -1;
    return have.written > have.saved ? s_take_over(path, false, &count, err, err_size) : 0;
}

int journal_salvage(const char *path, uint64_t *count, char *err, size_t err_size)
{
    return s_take_over(path, true, count, err, err_size);
}

/* What was answered by now is in the tables before they are copied: a worker sees to that in a
 * moment. What a busy one writes meanwhile is not waited for. */
static int s_await(const char *path, int lock, char *err, size_t err_size)
{
    generations_t have;
    uint64_t wanted = 0;
    for (int64_t until_ms = clock_ms() + SETTLE_MS; clock_ms() < until_ms;) {
        if (lock >= 0 && s_lock(lock)) {
            int rc = journal_settle(path, err, err_size);
            flock(lock, LOCK_UN);
            return rc;
        }
        if (source_generations(path, &have, err, err_size) != 0)
            return -1;
        wanted = wanted ? wanted : have.written;
        if (have.saved >= wanted)
            return 0;
        usleep(LOOK_MS * 1000);
    }
    snprintf(err, err_size, "%s: its worker cannot commit its last messages: free room on the disk",
             path);
    return -1;
}

int journal_copy(const char *from, int lock, const char *to, store_sum_t *sum, char *err,
                 size_t err_size)
{
    int rc = s_await(from, lock, err, err_size);
    return rc ? rc : store_copy(from, to, sum, err, err_size);
}

/* Before schema 6 the state says nothing of it, so that the next start looks for none; nor when no
 * more than that was migrated. */
static int s_detach(MDB_txn *txn, MDB_dbi meta)
{
    state_t state;
    int rc = state_read(txn, meta, &state);
    if (rc != 0 || state.wal_old)
        return rc == MDB_NOTFOUND ? 0 : rc;
    state.wal_bytes = 0;
    return state_write(txn, meta, &state);
}

int journal_detach(const char *path, unsigned schema, char *err, size_t err_size)
{
    if (schema < JOURNAL_SUMMED)
        return 0;
    MDB_dbi meta;
    MDB_txn *txn = NULL;
    store_options_t options = {.path = path,
                               .kind = "journal",
                               .schema = schema,
                               .tables = TABLES,
                               .map_bytes = 1 << 24 /* beside the file's size */};
    store_t *store = store_open(&options, err, err_size);
    if (!store)
        return -1;
    int rc = store_table(store, journal_table_names[TABLE_META], &meta, err, err_size);
    if (rc == 0)
        rc = mdb_txn_begin(store_env(store), NULL, 0, &txn);
    if (rc == 0)
        rc = s_detach(txn, meta);
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (txn)
        mdb_txn_abort(txn);
    store_close(&store);
    if (rc > 0)
        snprintf(err, err_size, "%s: %s", path, mdb_strerror(rc));
    return rc ? -1 : 0;
}
