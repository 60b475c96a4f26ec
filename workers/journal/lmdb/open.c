#include "workers/journal/lmdb/ahead.h"
#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/journal/lmdb/own.h"
#include "workers/journal/lmdb/retained.h"

#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAGIC = 0x4a4f5552,
    WAL_SHARE = 64, /* of the map that the write-ahead file may take: less than its reserve */
};

const char *const journal_table_names[TABLES] = {
    "log",      "by_target", "targets", "seen",     "keys",    "keys_due",
    "meta",     "outbox",    "items",   "attempts", "dead",    "done",
    "handlers", "health",    "edits",   "upserts",  "threads", "retained"};

/* An identity that is another one is refused with the reason. */
static int s_check_identity(const journal_options_t *options, const identity_row_t *row, char *err,
                            size_t err_size)
{
    char kind[sizeof row->kind + 1] = "";
    memcpy(kind, row->kind, sizeof row->kind);
    unsigned shard = le32toh(row->shard), shards = le32toh(row->shards);
    if (strcmp(kind, options->kind) == 0 && shard == options->shard && shards == options->shards)
        return 0;
    snprintf(err, err_size,
             "%s: is the journal of %s shard %u of %u, and this is %s shard %u of %u: the count of "
             "shards is fixed when an installation is made; put back shards.%s, or correct -i or "
             "data.directory",
             options->path, kind, shard, shards, options->kind, options->shard, options->shards,
             options->kind);
    return -1;
}

/* Tables without an identity are new; what has a write-ahead file beside them had tables before. */
static bool s_had_tables(const journal_t *self)
{
    char path[1100];
    struct stat is;
    snprintf(path, sizeof path, "%s/wal", self->options.path);
    return lstat(path, &is) == 0 && is.st_size > 0;
}

static int s_make_identity(journal_t *self, MDB_txn *txn, char *err, size_t err_size)
{
    if (s_had_tables(self)) {
        snprintf(err, err_size,
                 "%s/data.mdb: is empty, and the write-ahead file beside it is not: restore the "
                 "directory from a backup",
                 self->options.path);
        return -1;
    }
    identity_row_t row = {.shard = htole32(self->options.shard),
                          .shards = htole32(self->options.shards)};
    uuid_new(&self->uuid);
    memcpy(row.uuid, self->uuid.bytes, UUID_BYTES);
    memcpy(row.kind, self->options.kind, strlen(self->options.kind));
    self->state = (state_t){.first_log = 1, .next_log = 1, .pruned_log = 1, .summed_log = 1};
    MDB_val key = {sizeof JOURNAL_IDENTITY - 1, JOURNAL_IDENTITY}, value = {sizeof row, &row};
    return row_put(txn, self->table[TABLE_META], &key, &value, 0);
}

/* Before schema 6 nobody counted them. */
static int s_count_targets(journal_t *self, MDB_txn *txn)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, self->table[TABLE_TARGETS], &stat);
    self->state.targets = rc == 0 ? stat.ms_entries : 0;
    return rc;
}

/* Reads identity and state, or makes them. err is empty when the reason is rc. */
static int s_load(journal_t *self, MDB_txn *txn, char *err, size_t err_size)
{
    identity_row_t row;
    int rc = row_read(txn, self->table[TABLE_META], slice_of(JOURNAL_IDENTITY), &row, sizeof row);
    if (rc == MDB_NOTFOUND)
        return s_make_identity(self, txn, err, err_size);
    if (rc != 0)
        return rc;
    if (s_check_identity(&self->options, &row, err, err_size) != 0)
        return -1;
    memcpy(self->uuid.bytes, row.uuid, UUID_BYTES);
    rc = state_read(txn, self->table[TABLE_META], &self->state);
    if (rc == 0 && self->state.wal_old)
        rc = s_count_targets(self, txn);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_open_tables(journal_t *self, char *err, size_t err_size)
{
    for (unsigned i = 0; i < TABLES; i++)
        if (store_table(self->store, journal_table_names[i], &self->table[i], err, err_size) != 0)
            return -1;
        else
            row_name(self->table[i], journal_table_names[i]);
    MDB_txn *txn = NULL;
    err[0] = '\0';
    int rc = mdb_txn_begin(self->env, NULL, 0, &txn);
    if (rc == 0)
        rc = s_load(self, txn, err, err_size);
    self->summed_log = self->state.summed_log;
    if (rc == 0)
        rc = journal_verify(self, txn, err, err_size);
    if (rc == 0)
        rc = retained_load(self, txn);
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (txn)
        mdb_txn_abort(txn);
    if (rc != 0 && !err[0])
        snprintf(err, err_size,
                 "%s/data.mdb: %s: look at the disk, then restore the directory from a backup",
                 self->options.path, mdb_strerror(rc));
    return rc ? -1 : 0;
}

/* Schema 3 has a generation in the state, which reads as 0 where there is none; 4 has the tables of
 * deliveries, which are made empty; 5 has halves in the write-ahead file, which an older version
 * would not find; 6 has seals there, says in the state with which size it was begun, and has a
 * checksum in each row: those of the log that are older have none, all others get one; 7 has
 * records of version 4 and the tables of them, which are made empty; 8 has attempts with a trace,
 * beside those without, which stay as they are; 9 has retentions of targets, and counts in the
 * state the records of a log with holes, which an older version would take for damage. */
static int s_migrate(MDB_txn *txn, unsigned from, void *arg)
{
    int rc = from >= 2 && from < JOURNAL_SCHEMA ? 0 : MDB_VERSION_MISMATCH;
    (void)arg;
    for (unsigned i = 0; from < JOURNAL_SUMMED && rc == 0 && i < TABLES; i++) {
        MDB_dbi dbi;
        if (i == TABLE_LOG)
            continue;
        rc = mdb_dbi_open(txn, journal_table_names[i], 0, &dbi);
        rc = rc == MDB_NOTFOUND ? 0 : rc ? rc : row_migrate(txn, dbi, 0, NULL);
    }
    return rc;
}

static int s_say(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "%s: %s", path, what);
    return -1;
}

static size_t s_wal_bytes(uint64_t room_bytes)
{
    uint64_t bytes = room_bytes / WAL_SHARE / (2 * WAL_BLOCK) * (2 * WAL_BLOCK);
    return bytes < WAL_LEAST ? WAL_LEAST : bytes > WAL_MOST ? WAL_MOST : bytes;
}

/* Of two files that belong together one is not what the other knows of. */
static int s_refuse(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size,
             "%s: %s. To go on without what is damaged: posternctl salvage; to have all: restore a "
             "backup",
             path, what);
    return -1;
}

/* What cannot be read cannot be salvaged; a copy with anything in the place of that can. */
static int s_say_unread(char *err, size_t err_size, const char *path)
{
    snprintf(err, err_size,
             "%s: %s: its disk does not give all of it. Put a copy of the same size there, with "
             "zeros for what cannot be read (ddrescue), then posternctl salvage; or restore a "
             "backup",
             path, strerror(errno));
    return -1;
}

int wal_check(wal_t *wal, const state_t *state, const char *path, char *err, size_t err_size)
{
    char text[400];
    wal_frame_t first;
    wal_kept_t kept = {state->wal_bytes, state->generation, state->framed};
    if (state->wal_old)
        wal_read_old(wal);
    else if (state->wal_bytes == 0)
        return 0;
    int has = wal_first(wal, &first);
    if (has > 0 && first.generation > state->generation + 2)
        return s_say(err, err_size, path,
                     "is newer than data.mdb beside it: one of the two was put back without the "
                     "other; restore both from one backup");
    int found = has < 0 ? -1 : wal_survey(wal, &kept, text, sizeof text);
    if (found < 0)
        return s_say_unread(err, err_size, path);
    return found ? s_refuse(err, err_size, path, text) : 0;
}

/* What the former process had answered and not committed: of the generation after the last commit,
 * and of the one that it had gone on with. Commits in any case: what lies in the write-ahead file
 * is older than every frame from here on. */
static int s_recover(journal_t *self, const char *path, bool salvage, char *err, size_t err_size)
{
    pass_t pass;
    uint64_t count = 0;
    uint64_t newest = self->state.generation + 2;
    bool begun = self->state.wal_bytes > 0 || self->state.wal_old;
    int rc = pass_begin(&pass, self, 0, 0);
    if (rc == 0 && begun)
        rc = salvage ? replay_salvage(&pass, newest, &count) : replay_apply(&pass, newest, &count);
    pass.state.generation = newest;
    if (salvage || pass.state.wal_bytes != s_wal_bytes(self->options.room_bytes))
        pass.state.wal_bytes = 0;
    store_commit_t went = rc ? store_failure(rc) : pass_commit(&pass);
    pass_abort(&pass);
    if (rc == MDB_CORRUPTED)
        return s_say(err, err_size, path,
                     "does not continue data.mdb beside it: one of the two was put back without "
                     "the other; restore both from one backup");
    if (went != STORE_OK)
        return s_say(err, err_size, path,
                     went == STORE_FULL ? "holds messages for which data.mdb has no room: free "
                                          "some on the disk, or raise worker.map_bytes"
                                        : mdb_strerror(rc));
    if (count)
        log_info("journal.recovered", "path=%s messages=%llu", LOG_Q(path),
                 (unsigned long long)count);
    self->recovered = count;
    return 0;
}

/* Ready for frames; from the commit on, the file has to be what is in the state. */
static int s_begin_wal(journal_t *self, const char *directory, char *err, size_t err_size)
{
    pass_t pass;
    size_t bytes = s_wal_bytes(self->options.room_bytes);
    bool fill = self->state.wal_bytes == 0;
    if (wal_begin(self->wal, fill, err, err_size) != 0)
        return -1;
    if (store_sync_directory(directory) != 0)
        return s_say(err, err_size, directory, strerror(errno));
    if (!fill)
        return 0;
    int rc = pass_begin(&pass, self, 0, 0);
    pass.state.wal_bytes = bytes;
    pass.state.framed = 0;
    store_commit_t went = rc ? store_failure(rc) : pass_commit(&pass);
    pass_abort(&pass);
    return went == STORE_OK
               ? 0
               : s_say(err, err_size, directory,
                       went == STORE_FULL ? "data.mdb has no room for its state: free some on the "
                                            "disk, or raise worker.map_bytes"
                                          : "data.mdb cannot be written");
}

void journal_next_generation(journal_t *self)
{
    self->generation = self->state.generation + 1;
    wal_restart(self->wal, self->generation);
}

static int s_open_wal(journal_t *self, const journal_options_t *options, char *err, size_t err_size)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/wal", options->path);
    self->wal = wal_open(path, &self->uuid, s_wal_bytes(options->room_bytes), err, err_size);
    if (!self->wal)
        return -1;
    if (wal_check(self->wal, &self->state, path, err, err_size) != 0 && !options->salvage)
        return -1;
    if (s_recover(self, path, options->salvage, err, err_size) != 0 ||
        s_begin_wal(self, options->path, err, err_size) != 0)
        return -1;
    journal_next_generation(self);
    return 0;
}

static journal_t *s_open(const journal_options_t *options, int64_t now_ms, char *err,
                         size_t err_size)
{
    assert(strlen(options->kind) <= 16);
    journal_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    self->options = *options;
    self->tail = tail_new();
    self->reader.journal = self->asked.journal = self;
    self->asking = asking_new(&self->asked);
    self->writer = writer_new(self);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->settled, NULL);
    notes_open(&self->notes);
    store_options_t store = {
        .path = options->path,
        .kind = "journal",
        .schema = JOURNAL_SCHEMA,
        .tables = TABLES,
        .map_bytes = options->room_bytes,
        .setting = "worker.map_bytes",
        .migrate = s_migrate,
    };
    self->store = store_open(&store, err, err_size);
    if (self->store)
        self->env = store_env(self->store);
    if (!self->store || s_open_tables(self, err, err_size) != 0 ||
        s_open_wal(self, options, err, err_size) != 0) {
        journal_close(&self);
        return NULL;
    }
    self->base_ms = self->state.running_ms;
    atomic_store(&self->committed_log, self->state.next_log);
    atomic_store(&self->tip, self->state.next_log);
    self->opened_ms = self->committed_ms = now_ms;
    self->options.path = self->options.place = self->options.known = self->options.kind = NULL;
    log_info("journal.open", "path=%s records=%llu keys=%llu", LOG_Q(options->path),
             (unsigned long long)self->state.records, (unsigned long long)self->state.keys);
    return self;
}

const char *journal_engine(void)
{
    return "lmdb";
}

journal_t *journal_open(const journal_options_t *options, int64_t now_ms, char *err,
                        size_t err_size)
{
    char path[OWN_PATH];
    journal_options_t taken = *options;
    if (options->any) {
        snprintf(
            err, err_size,
            "-i any is of worker.engine = postgres: a journal on this host's disk has the shard "
            "that it was made for");
        return NULL;
    }
    if (options->path)
        return s_open(options, now_ms, err, err_size);
    if (own_take(options, path, err, err_size) != 0)
        return NULL;
    taken.path = path;
    journal_t *self = s_open(&taken, now_ms, err, err_size);
    if (self && own_note(options, path, &self->uuid, err, err_size) != 0)
        journal_close(&self);
    return self;
}

void journal_close(journal_t **self_p)
{
    journal_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    if (self->asking)
        journal_stop(self);
    writer_destroy(&self->writer);
    journal_finish(self);
    asking_destroy(&self->asking); /* whom all that stores has told of it */
    reader_close(&self->asked);
    reader_close(&self->reader);
    if (self->ahead.txn)
        mdb_txn_abort(self->ahead.txn);
    wal_close(&self->wal);
    tail_destroy(&self->tail);
    store_close(&self->store);
    notes_close(&self->notes);
    pthread_cond_destroy(&self->settled);
    pthread_mutex_destroy(&self->lock);
    retained_forget(self);
    recent_free(&self->recent);
    free(self->targets.slots);
    free(self->targets.used);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

unsigned journal_shard(const journal_t *self)
{
    return self->options.shard;
}

uint64_t journal_epoch(const journal_t *self)
{
    (void)self;
    return 0;
}

const uuid_t7 *journal_uuid(const journal_t *self)
{
    return &self->uuid;
}

uint64_t journal_recovered(const journal_t *self)
{
    return self->recovered;
}
