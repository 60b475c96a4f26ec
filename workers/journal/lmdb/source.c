#include "workers/journal/lmdb/source.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int source_say(const source_t *self, int rc, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s: %s", self->path,
             rc == MDB_CORRUPTED ? "its tables do not fit together: restore it from a backup"
                                 : mdb_strerror(rc));
    return -1;
}

static uint64_t s_bytes(const char *path)
{
    char file[1100];
    struct stat is;
    snprintf(file, sizeof file, "%s/data.mdb", path);
    return stat(file, &is) == 0 ? (uint64_t)is.st_size : 0;
}

static int s_load(source_t *self)
{
    identity_row_t identity;
    int rc = row_read(self->txn, self->table[TABLE_META], slice_of(JOURNAL_IDENTITY), &identity,
                      sizeof identity);
    if (rc != 0)
        return MDB_CORRUPTED;
    rc = state_read(self->txn, self->table[TABLE_META], &self->state);
    const state_t *state = &self->state;
    self->facts = (journal_facts_t){.shard = le32toh(identity.shard),
                                    .shards = le32toh(identity.shards),
                                    .records = state->records,
                                    .keys = state->keys,
                                    .running_ms = state->running_ms,
                                    .bytes = s_bytes(self->path)};
    self->facts.numbers = journal_number(state->next_log, self->facts.shard, self->facts.shards);
    memcpy(self->facts.kind, identity.kind, sizeof identity.kind);
    memcpy(self->facts.uuid.bytes, identity.uuid, UUID_BYTES);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int source_open(source_t *self, const char *path, char *err, size_t err_size)
{
    *self = (source_t){0};
    snprintf(self->path, sizeof self->path, "%s", path);
    store_options_t options = {
        .path = path,
        .kind = "journal",
        .schema = JOURNAL_SCHEMA,
        .tables = TABLES,
        .map_bytes = 1 << 20, /* or the file's size, which is what a reader needs */
        .read_only = 1,
    };
    if (sodium_init() < 0)
        abort();
    self->store = store_open(&options, err, err_size);
    if (!self->store)
        return -1;
    for (unsigned i = 0; i < TABLES; i++)
        if (store_table(self->store, journal_table_names[i], &self->table[i], err, err_size) != 0)
            return -1;
    int rc = mdb_txn_begin(store_env(self->store), NULL, MDB_RDONLY, &self->txn);
    if (rc == 0)
        rc = s_load(self);
    return rc ? source_say(self, rc, err, err_size) : 0;
}

void source_close(source_t *self)
{
    if (self->txn)
        mdb_txn_abort(self->txn);
    store_close(&self->store);
    self->txn = NULL;
}

int source_generations(const char *path, generations_t *found, char *err, size_t err_size)
{
    char file[1100];
    source_t source;
    wal_frame_t first;
    struct stat is;
    *found = (generations_t){0};
    snprintf(file, sizeof file, "%s/wal", path);
    if (lstat(file, &is) != 0 && errno == ENOENT)
        return 0;
    int rc = source_open(&source, path, err, err_size);
    wal_t *wal = rc == 0 ? wal_open(file, &source.facts.uuid, WAL_LEAST, err, err_size) : NULL;
    found->saved = source.state.generation;
    source_close(&source);
    if (!wal)
        return -1;
    int has = wal_first(wal, &first);
    if (has > 0)
        found->written = first.generation;
    if (has < 0)
        snprintf(err, err_size, "%s: %s", file, strerror(errno));
    wal_close(&wal);
    return has < 0 ? -1 : 0;
}
