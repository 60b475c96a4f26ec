#include "workers/journal_lmdb.h"

#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
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
};

const char *const journal_table_names[TABLES] = {"log",  "by_target", "targets", "seen",
                                                 "keys", "keys_due",  "meta"};

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

static int s_load_state(journal_t *self, MDB_txn *txn)
{
    MDB_val key = {5, "state"}, value;
    state_row_t row;
    int rc = mdb_get(txn, self->table[TABLE_META], &key, &value);
    self->state = (state_t){.first_log = 1, .next_log = 1, .pruned_log = 1};
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0 || value.mv_size != sizeof row)
        return rc ? rc : MDB_CORRUPTED;
    memcpy(&row, value.mv_data, sizeof row);
    self->state = (state_t){le64toh(row.running_ms), le64toh(row.first_log), le64toh(row.next_log),
                            le64toh(row.pruned_log), le64toh(row.keys),      le64toh(row.bytes)};
    return 0;
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
    return s_load_state(self, txn);
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

journal_t *journal_open(const journal_options_t *options, int64_t now_ms, char *err,
                        size_t err_size)
{
    assert(strlen(options->kind) <= 16);
    journal_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    self->options = *options;
    store_options_t store = {
        .path = options->path,
        .kind = "journal",
        .schema = JOURNAL_SCHEMA,
        .tables = TABLES,
        .map_bytes = options->map_bytes,
    };
    self->store = store_open(&store, err, err_size);
    if (self->store)
        self->env = store_env(self->store);
    if (!self->store || s_open_tables(self, err, err_size) != 0) {
        journal_close(&self);
        return NULL;
    }
    self->base_ms = self->state.running_ms;
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
    if (self->reader)
        mdb_txn_abort(self->reader);
    store_close(&self->store);
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

/* One transaction over the entries; false when there was no room for it and nothing was done. */
static bool s_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms,
                     bool may_store, size_t *stored)
{
    pass_t pass;
    size_t steps = 2 * count + STEPS_LEAST;
    uint64_t retired = self->retired;
    int rc = pass_begin(&pass, self, count + steps, now_ms);
    pass.may_store = may_store;
    if (rc == 0 && may_store)
        rc = seen_prune(&pass, steps);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = seen_judge(&pass, entries[i]);
    if (rc == 0 && pass.stored > 0)
        rc = retention_step(&pass, steps);
    *stored = pass.stored;
    store_commit_t went = STORE_OK;
    if (rc == 0 && pass.stored > 0)
        went = pass_commit(&pass);
    else
        pass_abort(&pass);
    if (rc != 0)
        went = store_failure(rc);
    if (went == STORE_UNKNOWN)
        store_fail(self->store, "append", rc);
    if (went == STORE_OK)
        self->committed_ms = now_ms;
    else
        self->retired = retired;
    return went == STORE_OK;
}

size_t journal_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms)
{
    size_t stored = 0;
    if (count == 0)
        return 0;
    bool may_store = s_has_room(self, now_ms);
    if (s_append(self, entries, count, now_ms, may_store, &stored))
        return stored;
    /* What was stored earlier is still answered, from what really is in the file. */
    s_note_full(self, now_ms);
    if (!s_append(self, entries, count, now_ms, false, &stored))
        store_fail(self->store, "look-up", 0);
    return stored;
}

bool journal_tend(journal_t *self, int64_t now_ms)
{
    pass_t pass;
    s_has_room(self, now_ms);
    uint64_t retired = self->retired;
    int rc = pass_begin(&pass, self, STEPS_IDLE, now_ms);
    if (rc == 0)
        rc = seen_prune(&pass, STEPS_IDLE);
    if (rc == 0)
        rc = retention_step(&pass, STEPS_IDLE);
    bool rows_wait = pass.state.keys > 0 || pass.state.first_log < pass.state.next_log;
    bool clock_due = rows_wait && now_ms - self->committed_ms >= CLOCK_MS;
    bool more = pass.removed >= STEPS_IDLE;
    store_commit_t went = STORE_OK;
    if (rc == 0 && (pass.removed > 0 || clock_due)) {
        went = pass_commit(&pass);
        self->committed_ms = now_ms;
    } else {
        pass_abort(&pass);
    }
    if (rc != 0)
        went = store_failure(rc);
    if (went == STORE_UNKNOWN)
        store_fail(self->store, "tend", rc);
    if (went == STORE_FULL) {
        self->retired = retired;
        s_note_full(self, now_ms);
        return false;
    }
    return more;
}

void journal_inspect(journal_t *self, journal_state_t *state)
{
    store_state_t store;
    store_inspect(self->store, &store);
    *state = (journal_state_t){
        .records = self->state.next_log - self->state.first_log,
        .keys = self->state.keys,
        .retired = self->retired,
        .used_bytes = store.used_bytes,
        .map_bytes = store.map_bytes,
        .disk_free_bytes = store.disk_free_bytes,
        .reader_lag = store.reader_lag,
    };
}
