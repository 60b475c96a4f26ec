#include "workers/journal_outbox_rows.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC = 0x4a4f5552,
    STEPS_IDLE = 1024,   /* rows that one tending removes at most */
    STEPS_LEAST = 64,    /* and what a transaction removes at most, with twice its entries */
    ROOM_MS = 100,       /* between two looks at the free room */
    ROOM_FULL_MS = 1000, /* the same after a commit that failed for lack of it */
    CLOCK_MS = 60000,    /* an idle journal stores its clock this often, if rows wait for it */
    WAL_SHARE = 64,      /* of the map that the write-ahead file may take: less than its reserve */
};

const char *const journal_table_names[TABLES] = {
    "log",    "by_target", "targets",  "seen", "keys", "keys_due", "meta",
    "outbox", "items",     "attempts", "dead", "done", "handlers", "health"};

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

static int s_make_identity(journal_t *self, MDB_txn *txn)
{
    identity_row_t row = {.shard = htole32(self->options.shard),
                          .shards = htole32(self->options.shards)};
    uuid_new(&self->uuid);
    memcpy(row.uuid, self->uuid.bytes, UUID_BYTES);
    memcpy(row.kind, self->options.kind, strlen(self->options.kind));
    self->state = (state_t){.first_log = 1, .next_log = 1, .pruned_log = 1};
    MDB_val key = {8, "identity"}, value = {sizeof row, &row};
    return mdb_put(txn, self->table[TABLE_META], &key, &value, 0);
}

/* Reads identity and state, or makes them. err is empty when the reason is rc. */
static int s_load(journal_t *self, MDB_txn *txn, char *err, size_t err_size)
{
    MDB_val key = {8, "identity"}, value;
    identity_row_t row;
    int rc = mdb_get(txn, self->table[TABLE_META], &key, &value);
    if (rc == MDB_NOTFOUND)
        return s_make_identity(self, txn);
    if (rc != 0 || value.mv_size != sizeof row)
        return rc ? rc : MDB_CORRUPTED;
    memcpy(&row, value.mv_data, sizeof row);
    if (s_check_identity(&self->options, &row, err, err_size) != 0)
        return -1;
    memcpy(self->uuid.bytes, row.uuid, UUID_BYTES);
    rc = state_read(txn, self->table[TABLE_META], &self->state);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_open_tables(journal_t *self, char *err, size_t err_size)
{
    for (unsigned i = 0; i < TABLES; i++)
        if (store_table(self->store, journal_table_names[i], &self->table[i], err, err_size) != 0)
            return -1;
    MDB_txn *txn = NULL;
    err[0] = '\0';
    int rc = mdb_txn_begin(self->env, NULL, 0, &txn);
    if (rc == 0)
        rc = s_load(self, txn, err, err_size);
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (txn)
        mdb_txn_abort(txn);
    if (rc != 0 && !err[0])
        snprintf(err, err_size, "%s: %s", self->options.path, mdb_strerror(rc));
    return rc ? -1 : 0;
}

/* Schema 3 has a generation in the state, which reads as 0 where there is none; 4 has the tables of
 * deliveries, which are made empty. */
static int s_migrate(MDB_txn *txn, unsigned from, void *arg)
{
    (void)txn, (void)arg;
    return from == 2 || from == 3 ? 0 : -1;
}

static int s_say(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "%s: %s", path, what);
    return -1;
}

static size_t s_wal_bytes(uint64_t map_bytes)
{
    uint64_t bytes = map_bytes / WAL_SHARE / WAL_BLOCK * WAL_BLOCK;
    return bytes < WAL_LEAST ? WAL_LEAST : bytes > WAL_MOST ? WAL_MOST : bytes;
}

/* What the former process had answered and not committed. Commits in any case: what lies in the
 * write-ahead file is older than every frame from here on. */
static int s_recover(journal_t *self, const char *path, char *err, size_t err_size)
{
    wal_frame_t first;
    pass_t pass;
    uint64_t count = 0;
    if (wal_first(self->wal, &first) && first.generation > self->state.generation + 1)
        return s_say(err, err_size, path,
                     "is newer than data.mdb beside it: one of the two was put back without the "
                     "other; restore both from one backup");
    int rc = pass_begin(&pass, self, 0, 0);
    if (rc == 0)
        rc = replay_apply(&pass, self->wal, &count);
    pass.state.generation++;
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
    return 0;
}

/* Frames from here on continue what is committed. */
static void s_next_generation(journal_t *self)
{
    self->generation = self->state.generation + 1;
    wal_restart(self->wal, self->generation);
}

static int s_open_wal(journal_t *self, const journal_options_t *options, char *err, size_t err_size)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/wal", options->path);
    self->wal = wal_open(path, &self->uuid, s_wal_bytes(options->map_bytes), err, err_size);
    if (!self->wal || s_recover(self, path, err, err_size) != 0 ||
        wal_begin(self->wal, err, err_size) != 0)
        return -1;
    if (store_sync_directory(options->path) != 0)
        return s_say(err, err_size, options->path, strerror(errno));
    s_next_generation(self);
    return 0;
}

journal_t *journal_open(const journal_options_t *options, int64_t now_ms, char *err,
                        size_t err_size)
{
    assert(strlen(options->kind) <= 16);
    journal_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    self->options = *options;
    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&self->notes.lock, NULL);
    self->notes.waiting_end = &self->notes.waiting;
    self->notes.applied_end = &self->notes.applied;
    store_options_t store = {
        .path = options->path,
        .kind = "journal",
        .schema = JOURNAL_SCHEMA,
        .tables = TABLES,
        .map_bytes = options->map_bytes,
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
    self->opened_ms = self->committed_ms = now_ms;
    self->options.path = self->options.kind = NULL;
    log_info("journal.open", "path=%s records=%llu keys=%llu", LOG_Q(options->path),
             (unsigned long long)(self->state.next_log - self->state.first_log),
             (unsigned long long)self->state.keys);
    return self;
}

void journal_close(journal_t **self_p)
{
    journal_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    journal_finish(self);
    if (self->reader)
        mdb_txn_abort(self->reader);
    wal_close(&self->wal);
    store_close(&self->store);
    notes_drop(self);
    pthread_mutex_destroy(&self->notes.lock);
    pthread_mutex_destroy(&self->lock);
    free(self->targets.slots);
    free(self->targets.used);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

const uuid_t7 *journal_uuid(const journal_t *self)
{
    return &self->uuid;
}

bool journal_is_full(const journal_t *self)
{
    return atomic_load(&self->full);
}

/* Nothing was committed for lack of room: no more of it until the next look. */
static void s_note_full(journal_t *self, int64_t now_ms)
{
    metric_add(METRIC_commit_failures_total, 1);
    atomic_store(&self->full, true);
    self->room_next_ms = now_ms + ROOM_FULL_MS;
}

static bool s_has_room(journal_t *self, int64_t now_ms)
{
    if (now_ms >= self->room_next_ms) {
        self->room_next_ms = now_ms + ROOM_MS;
        atomic_store(&self->full, !store_has_room(self->store));
    }
    return !atomic_load(&self->full);
}

/* The pass is gone, and with it what only the write-ahead file has now. */
static void s_put_back(journal_t *self, int64_t now_ms)
{
    uint64_t count = 0;
    if (!atomic_load(&self->unsaved))
        return;
    int rc = pass_begin(&self->pass, self, 0, now_ms);
    if (rc == 0)
        rc = replay_apply(&self->pass, self->wal, &count);
    if (rc != 0)
        store_fail(self->store, "replay", rc);
    notes_give_back(self);
    self->notes.next_ms = now_ms + ROOM_FULL_MS;
    self->begun_ms = now_ms;
}

/* Commits the pass. STORE_FULL: it is gone. */
static store_commit_t s_commit(journal_t *self, int64_t now_ms)
{
    self->pass.state.generation = self->generation;
    store_commit_t went = pass_commit(&self->pass);
    if (went != STORE_OK)
        return went;
    atomic_store(&self->unsaved, false);
    notes_committed(self);
    atomic_store(&self->committed_log, self->state.next_log);
    self->committed_ms = now_ms;
    self->room_next_ms = 0; /* the write-ahead file stays within what was free at the last look */
    s_next_generation(self);
    return went;
}

/* Makes what was stored from log sequence FIRST on durable: by a frame, or where it has no room by
 * a commit. */
static store_commit_t s_save(journal_t *self, uint64_t first, int64_t now_ms)
{
    switch (wal_write(self->wal, self->pass.state.running_ms, first)) {
    case WAL_OK:
        if (!atomic_load(&self->unsaved))
            self->begun_ms = now_ms;
        atomic_store(&self->unsaved, true);
        return STORE_OK;
    case WAL_FULL:
        return s_commit(self, now_ms);
    case WAL_FAILED:
        break;
    }
    store_fail(self->store, "write-ahead file", errno);
}

/* Judges the entries in the open pass, or in one that begins with them. */
static int s_judge(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms,
                   bool may_store)
{
    pass_t *pass = &self->pass;
    size_t steps = 2 * count + STEPS_LEAST;
    int rc = 0;
    if (pass->txn)
        pass_extend(pass, count + steps, now_ms);
    else
        rc = pass_begin(pass, self, count + steps, now_ms);
    pass->may_store = may_store;
    pass->stored = 0;
    if (rc == 0 && may_store)
        rc = seen_prune(pass, steps);
    if (rc == 0 && may_store)
        rc = outbox_prune(pass, STEPS_LEAST);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = seen_judge(pass, entries[i]);
    if (rc == 0 && pass->stored > 0)
        rc = retention_step(pass, steps);
    return rc;
}

/* False when there was no room for it and nothing was done; then the pass is gone. */
static bool s_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms,
                     bool may_store)
{
    pass_t *pass = &self->pass;
    uint64_t retired = self->retired;
    int rc = s_judge(self, entries, count, now_ms, may_store);
    store_commit_t went = rc ? store_failure(rc) : STORE_OK;
    if (went == STORE_OK && pass->stored > 0)
        went = s_save(self, pass->state.next_log - pass->stored, now_ms);
    if (went == STORE_UNKNOWN)
        store_fail(self->store, "append", rc);
    if (went == STORE_FULL) {
        wal_drop(self->wal);
        pass_abort(pass);
        self->retired = retired;
    } else if (pass->txn && !atomic_load(&self->unsaved)) {
        pass_abort(pass); /* what it removed on the way can wait */
        self->retired = retired;
    }
    return went == STORE_OK;
}

/* Makes the replies in the first notes that wait durable: once they are, those up to *UNTIL may be
 * taken. */
static bool s_store_replies(journal_t *self, int64_t now_ms, uint64_t *until)
{
    journal_entry_t entries[NOTES_REPLIES], *list[NOTES_REPLIES];
    size_t count = notes_replies(self, entries, until);
    for (size_t i = 0; i < count; i++) {
        entries[i].record.time_ms = clock_wall_ms();
        list[i] = &entries[i];
    }
    if (count == 0)
        return true;
    if (s_has_room(self, now_ms) && s_append(self, list, count, now_ms, true)) {
        metric_add(METRIC_replies_posted_total, (int64_t)self->pass.stored);
        return true;
    }
    s_note_full(self, now_ms);
    self->notes.next_ms = now_ms + ROOM_FULL_MS;
    if (!self->pass.txn)
        s_put_back(self, now_ms);
    return false;
}

/* Puts the notes that wait into the pass. Without room for them they wait on. */
static void s_take_notes(journal_t *self, int64_t now_ms)
{
    pass_t *pass = &self->pass;
    uint64_t until;
    int rc = 0;
    if (now_ms < self->notes.next_ms || !notes_wait(self) || !s_store_replies(self, now_ms, &until))
        return;
    if (pass->txn)
        pass_extend(pass, 0, now_ms);
    else
        rc = pass_begin(pass, self, 0, now_ms);
    pass->awaited = true;
    if (rc == 0)
        rc = notes_take(pass, until);
    if (!atomic_load(&self->unsaved))
        self->begun_ms = now_ms;
    atomic_store(&self->unsaved, true);
    if (rc == 0)
        return;
    if (store_failure(rc) != STORE_FULL)
        store_fail(self->store, "note", rc);
    pass_abort(pass);
    s_note_full(self, now_ms);
    s_put_back(self, now_ms);
}

size_t journal_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms)
{
    if (count == 0)
        return 0;
    pthread_mutex_lock(&self->lock);
    int64_t began_us = clock_us();
    bool may_store = s_has_room(self, now_ms);
    if (!s_append(self, entries, count, now_ms, may_store)) {
        /* What was stored earlier is still answered, from what really is in the file. */
        s_note_full(self, now_ms);
        s_put_back(self, now_ms);
        if (!s_append(self, entries, count, now_ms, false))
            store_fail(self->store, "look-up", 0);
    }
    size_t stored = self->pass.stored;
    if (stored > 0) {
        metric_add(METRIC_commits_total, 1);
        metric_observe_us(METRIC_commit_seconds, clock_us() - began_us);
    }
    pthread_mutex_unlock(&self->lock);
    return stored;
}

/* Commits, or notes that there is no room for it. */
static void s_checkpoint(journal_t *self, int64_t now_ms)
{
    uint64_t retired = self->retired;
    if (s_commit(self, now_ms) == STORE_OK)
        return;
    self->retired = retired;
    s_note_full(self, now_ms);
    s_put_back(self, now_ms);
}

/* After one that failed it is tried again no earlier than a look for room. */
static bool s_checkpoint_is_due(const journal_t *self, int64_t now_ms)
{
    bool soon = self->pass.awaited || wal_used(self->wal) >= wal_size(self->wal) / 2;
    int64_t apart_ms = atomic_load(&self->full) ? ROOM_FULL_MS
                       : soon                   ? JOURNAL_CHECKPOINT_MS
                                                : JOURNAL_LATEST_MS;
    return atomic_load(&self->unsaved) && now_ms - self->begun_ms >= apart_ms;
}

void journal_checkpoint(journal_t *self, int64_t now_ms)
{
    pthread_mutex_lock(&self->lock);
    s_take_notes(self, now_ms);
    if (s_checkpoint_is_due(self, now_ms))
        s_checkpoint(self, now_ms);
    pthread_mutex_unlock(&self->lock);
}

bool journal_is_saved(const journal_t *self)
{
    return !atomic_load(&self->unsaved);
}

/* What has expired and what is retired, in a pass of its own. True when there is more. */
static bool s_tend(journal_t *self, int64_t now_ms)
{
    pass_t *pass = &self->pass;
    uint64_t retired = self->retired;
    int rc = pass_begin(pass, self, STEPS_IDLE, now_ms);
    if (rc == 0)
        rc = seen_prune(pass, STEPS_IDLE);
    if (rc == 0)
        rc = outbox_prune(pass, STEPS_IDLE);
    if (rc == 0)
        rc = retention_step(pass, STEPS_IDLE);
    if (rc != 0 && store_failure(rc) == STORE_UNKNOWN)
        store_fail(self->store, "tend", rc);
    bool rows_wait = pass->state.keys > 0 || pass->state.first_log < pass->state.next_log;
    bool clock_due = rows_wait && now_ms - self->committed_ms >= CLOCK_MS;
    bool more = pass->removed >= STEPS_IDLE;
    if (rc == 0 && pass->removed == 0 && !clock_due) {
        pass_abort(pass);
        return false;
    }
    if (rc == 0 && s_commit(self, now_ms) == STORE_OK)
        return more;
    pass_abort(pass);
    self->retired = retired;
    s_note_full(self, now_ms);
    return false;
}

bool journal_tend(journal_t *self, int64_t now_ms)
{
    bool more = false;
    pthread_mutex_lock(&self->lock);
    s_has_room(self, now_ms);
    if (s_checkpoint_is_due(self, now_ms))
        s_checkpoint(self, now_ms);
    if (!self->pass.txn)
        more = s_tend(self, now_ms);
    s_take_notes(self, now_ms);
    pthread_mutex_unlock(&self->lock);
    return more;
}

void journal_finish(journal_t *self)
{
    pthread_mutex_lock(&self->lock);
    s_take_notes(self, self->committed_ms);
    /* Without room it stays in the write-ahead file, for the next who opens. */
    if (self->pass.txn && s_commit(self, self->committed_ms) != STORE_OK)
        log_warn("journal.unsaved", "err=%s",
                 LOG_Q("no room for the last messages; they wait in the write-ahead file"));
    pthread_mutex_unlock(&self->lock);
}

void journal_inspect(journal_t *self, journal_state_t *state)
{
    store_state_t store;
    store_inspect(self->store, &store);
    pthread_mutex_lock(&self->lock);
    const state_t *now = self->pass.txn ? &self->pass.state : &self->state;
    *state = (journal_state_t){
        .records = now->next_log - now->first_log,
        .keys = now->keys,
        .retired = self->retired,
        .used_bytes = store.used_bytes,
        .map_bytes = store.map_bytes,
        .disk_free_bytes = store.disk_free_bytes,
        .reader_lag = store.reader_lag,
    };
    pthread_mutex_unlock(&self->lock);
}
