#include "workers/store/journal_source.h"

#include "common/base/clock.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int source_say(const source_t *self, int rc, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s: %s", self->path,
             rc == MDB_CORRUPTED ? "its tables do not fit together: restore it from a backup"
                                 : mdb_strerror(rc));
    return -1;
}

static int s_load(source_t *self)
{
    MDB_val key = {8, "identity"}, value;
    identity_row_t identity;
    int rc = row_get(self->txn, self->table[TABLE_META], &key, &value);
    if (rc != 0 || value.mv_size != sizeof identity)
        return MDB_CORRUPTED;
    memcpy(&identity, value.mv_data, sizeof identity);
    memcpy(self->facts.kind, identity.kind, sizeof identity.kind);
    self->facts.shard = le32toh(identity.shard);
    self->facts.shards = le32toh(identity.shards);
    memcpy(self->facts.uuid.bytes, identity.uuid, UUID_BYTES);
    rc = state_read(self->txn, self->table[TABLE_META], &self->state);
    self->facts.records = self->state.next_log - self->state.first_log;
    self->facts.keys = self->state.keys;
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

int source_next(source_t *self, MDB_cursor *cursor, uint64_t *log, record_t *record)
{
    MDB_val key, value;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    if (rc == 0)
        rc = row_record(self->txn, self->table[TABLE_LOG], self->state.summed_log, &key, &value,
                        record);
    if (rc != 0)
        return rc;
    memcpy(log, key.mv_data, sizeof *log);
    *log = be64toh(*log);
    return 0;
}

int journal_generations(const char *path, journal_generations_t *found, char *err, size_t err_size)
{
    char file[1100];
    source_t source;
    wal_frame_t first;
    struct stat is;
    *found = (journal_generations_t){0};
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

int journal_survey(const char *path, char *err, size_t err_size)
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

int journal_recover(const char *path, bool salvage, uint64_t *count, char *err, size_t err_size)
{
    enum { ROOM = 1 << 30 }; /* of the map, for what is taken over */
    journal_facts_t facts;
    char file[1100];
    struct stat is;
    if (journal_facts(path, &facts, err, err_size) != 0)
        return -1;
    snprintf(file, sizeof file, "%s/data.mdb", path);
    journal_options_t options = {.path = path,
                                 .kind = facts.kind,
                                 .shard = facts.shard,
                                 .shards = facts.shards,
                                 .map_bytes = ROOM,
                                 .salvage = salvage};
    if (stat(file, &is) == 0)
        options.map_bytes += (uint64_t)is.st_size;
    journal_t *journal = journal_open(&options, clock_ms(), err, err_size);
    if (!journal)
        return -1;
    if (count)
        *count = journal_recovered(journal);
    journal_close(&journal);
    return 0;
}

/* Before schema 6 the state says nothing of it, nor when no more than that was migrated. */
static int s_detach(MDB_txn *txn, MDB_dbi meta)
{
    state_t state;
    int rc = state_read(txn, meta, &state);
    if (rc != 0 || state.wal_old)
        return rc == MDB_NOTFOUND ? 0 : rc;
    state.wal_bytes = 0;
    return state_write(txn, meta, &state);
}

int journal_detach(const char *path, char *err, size_t err_size)
{
    MDB_dbi meta;
    MDB_txn *txn = NULL;
    store_options_t options = {.path = path,
                               .kind = "journal",
                               .schema = JOURNAL_SCHEMA,
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

uint64_t source_number(const source_t *self, uint64_t log, const record_t *record)
{
    return record->number ? record->number
                          : journal_number(log, self->facts.shard, self->facts.shards);
}

uint64_t source_answered(const source_t *self, uint64_t log)
{
    return journal_number(log, self->facts.shard, self->facts.shards);
}

/* One hash in the making. */
typedef crypto_generichash_state hash_t;

static void s_begin(hash_t *hash)
{
    crypto_generichash_init(hash, NULL, 0, 16);
}

static void s_number(hash_t *hash, uint64_t number)
{
    uint64_t row = htole64(number);
    crypto_generichash_update(hash, (const unsigned char *)&row, sizeof row);
}

static void s_bytes(hash_t *hash, slice_t bytes)
{
    s_number(hash, bytes.len);
    crypto_generichash_update(hash, (const unsigned char *)bytes.data, bytes.len);
}

static void s_id(hash_t *hash, const uuid_t7 *id)
{
    crypto_generichash_update(hash, id->bytes, UUID_BYTES);
}

static void s_end(hash_t *hash, uint64_t sum[2])
{
    uint64_t made[2];
    crypto_generichash_final(hash, (unsigned char *)made, sizeof made);
    sum[0] += made[0];
    sum[1] += made[1];
}

/* Everything but what a reshard may change; the age in place of the running time. */
static void s_sum_record(const source_t *self, uint64_t log, const record_t *record,
                         uint64_t sum[2])
{
    hash_t hash;
    s_begin(&hash);
    s_id(&hash, &record->target);
    s_id(&hash, &record->id);
    s_id(&hash, &record->user);
    s_number(&hash, record->sequence);
    s_number(&hash, (uint64_t)record->time_ms);
    s_number(&hash, self->state.running_ms - (uint64_t)record->running_ms);
    s_number(&hash, source_number(self, log, record));
    s_number(&hash, (uint64_t)record->flags << 48 | (uint64_t)record->op << 32 |
                        (uint64_t)record->method << 16 | record->environment);
    s_bytes(&hash, record->name);
    s_bytes(&hash, record->access);
    s_bytes(&hash, record->params);
    s_bytes(&hash, record->headers);
    s_bytes(&hash, record->body);
    s_end(&hash, sum);
}

void source_sum_key(const source_t *self, slice_t name, const key_row_t *row, uint64_t sum[2])
{
    hash_t hash;
    s_begin(&hash);
    s_bytes(&hash, name);
    s_bytes(&hash, slice(row->hash, sizeof row->hash));
    s_number(&hash, source_answered(self, le64toh(row->answer.log)));
    s_number(&hash, le64toh(row->answer.time_ms));
    s_number(&hash, row->answer.answer);
    s_number(&hash, self->state.running_ms - le64toh(row->running_ms));
    s_end(&hash, sum);
}

static int s_find(source_t *self, uint64_t log, record_t *record)
{
    uint64_t number = journal_key(log);
    MDB_val key = {sizeof number, &number}, value;
    int rc = mdb_get(self->txn, self->table[TABLE_LOG], &key, &value);
    return rc ? MDB_CORRUPTED
              : row_record(self->txn, self->table[TABLE_LOG], self->state.summed_log, &key, &value,
                           record);
}

/* The record that the target's one at AT names as the one before it. */
static int s_check_chain(source_t *self, const record_t *record, const range_row_t *range)
{
    record_t before;
    if (record->sequence <= range->first)
        return 0;
    int rc = s_find(self, record->previous, &before);
    return rc == 0 && (before.sequence + 1 != record->sequence ||
                       !uuid_eq(&before.target, &record->target))
               ? MDB_CORRUPTED
               : rc;
}

static int s_check_place(source_t *self, uint64_t log, const record_t *record)
{
    place_key_t place = journal_place(&record->target, record->sequence);
    MDB_val key = {sizeof place, &place}, value;
    uint64_t row;
    if (record->sequence % JOURNAL_STRIDE != 0)
        return 0;
    int rc = row_get(self->txn, self->table[TABLE_BY_TARGET], &key, &value);
    if (rc != 0 || value.mv_size != sizeof row)
        return MDB_CORRUPTED;
    memcpy(&row, value.mv_data, sizeof row);
    return be64toh(row) == log ? 0 : MDB_CORRUPTED;
}

static int s_range(source_t *self, const uuid_t7 *target, range_row_t *range)
{
    MDB_val key = {UUID_BYTES, (void *)target->bytes}, value;
    int rc = row_get(self->txn, self->table[TABLE_TARGETS], &key, &value);
    if (rc != 0 || value.mv_size != sizeof *range)
        return MDB_CORRUPTED;
    memcpy(range, value.mv_data, sizeof *range);
    *range = (range_row_t){le64toh(range->first), le64toh(range->last), le64toh(range->last_log)};
    return 0;
}

static int s_count_log(source_t *self, MDB_cursor *cursor, journal_census_t *census)
{
    uint64_t log;
    record_t record;
    range_row_t range;
    int rc;
    while ((rc = source_next(self, cursor, &log, &record)) == 0) {
        census->records++;
        s_sum_record(self, log, &record, census->record_sum);
        rc = s_range(self, &record.target, &range);
        if (rc == 0 && (record.sequence < range.first || record.sequence > range.last ||
                        (record.sequence == range.last && log != range.last_log)))
            rc = MDB_CORRUPTED;
        if (rc == 0)
            rc = s_check_chain(self, &record, &range);
        if (rc == 0)
            rc = s_check_place(self, log, &record);
        if (rc != 0)
            break;
    }
    return rc;
}

static int s_count_ids(source_t *self, MDB_cursor *cursor, journal_census_t *census)
{
    MDB_val key, value;
    answer_row_t row;
    int rc;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        hash_t hash;
        if (key.mv_size != UUID_BYTES || value.mv_size != sizeof row)
            return MDB_CORRUPTED;
        memcpy(&row, value.mv_data, sizeof row);
        census->ids++;
        s_begin(&hash);
        s_bytes(&hash, slice(key.mv_data, key.mv_size));
        s_number(&hash, source_answered(self, le64toh(row.log)));
        s_number(&hash, le64toh(row.time_ms));
        s_number(&hash, row.answer);
        s_end(&hash, census->id_sum);
    }
    return rc;
}

static int s_count_keys(source_t *self, MDB_cursor *cursor, journal_census_t *census)
{
    MDB_val key, value;
    key_row_t row;
    int rc;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (value.mv_size != sizeof row)
            return MDB_CORRUPTED;
        memcpy(&row, value.mv_data, sizeof row);
        census->keys++;
        source_sum_key(self, slice(key.mv_data, key.mv_size), &row, census->key_sum);
    }
    return rc;
}

static int s_count_targets(source_t *self, MDB_cursor *cursor, journal_census_t *census)
{
    MDB_val key, value;
    range_row_t row;
    int rc;
    (void)self;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        hash_t hash;
        if (key.mv_size != UUID_BYTES || value.mv_size != sizeof row)
            return MDB_CORRUPTED;
        memcpy(&row, value.mv_data, sizeof row);
        census->targets++;
        s_begin(&hash);
        s_bytes(&hash, slice(key.mv_data, key.mv_size));
        s_number(&hash, le64toh(row.first));
        s_number(&hash, le64toh(row.last));
        s_end(&hash, census->target_sum);
    }
    return rc;
}

static int s_count_items(source_t *self, MDB_cursor *cursor, journal_census_t *census)
{
    MDB_val key, value;
    item_row_t row;
    int rc;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        hash_t hash;
        if (key.mv_size != sizeof(item_key_t) || value.mv_size != sizeof row)
            return MDB_CORRUPTED;
        memcpy(&row, value.mv_data, sizeof row);
        census->deliveries++;
        s_begin(&hash);
        s_bytes(&hash, slice(key.mv_data, UUID_BYTES));
        s_bytes(&hash, slice((const char *)row.id, sizeof row.id));
        s_number(&hash, row.state);
        s_number(&hash, le16toh(row.made));
        s_number(&hash, le32toh(row.attempts));
        s_number(&hash, le64toh(row.time_ms));
        s_number(&hash, self->state.running_ms - le64toh(row.stored_ms));
        s_number(&hash, self->state.running_ms - le64toh(row.due_ms));
        s_end(&hash, census->delivery_sum);
    }
    return rc;
}

/* The bytes of rows, without keys, of which a reshard changes the log sequences. */
static int s_count_attempts(source_t *self, MDB_cursor *cursor, journal_census_t *census)
{
    MDB_val key, value;
    int rc;
    (void)self;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        hash_t hash;
        census->attempts++;
        s_begin(&hash);
        s_bytes(&hash, slice(value.mv_data, value.mv_size));
        s_end(&hash, census->attempt_sum);
    }
    return rc;
}

static int s_count_handlers(source_t *self, MDB_cursor *cursor, journal_census_t *census)
{
    MDB_val key, value;
    int rc;
    (void)self;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        hash_t hash;
        census->handlers++;
        s_begin(&hash);
        s_bytes(&hash, slice(key.mv_data, key.mv_size));
        s_bytes(&hash, slice(value.mv_data, value.mv_size));
        s_end(&hash, census->handler_sum);
    }
    return rc;
}

static const struct {
    table_t table;
    int (*count)(source_t *self, MDB_cursor *cursor, journal_census_t *census);
} s_counts[] = {
    {TABLE_LOG, s_count_log},           {TABLE_SEEN, s_count_ids},
    {TABLE_KEYS, s_count_keys},         {TABLE_TARGETS, s_count_targets},
    {TABLE_ITEMS, s_count_items},       {TABLE_ATTEMPTS, s_count_attempts},
    {TABLE_HANDLERS, s_count_handlers},
};

int journal_census(const char *path, journal_census_t *census, char *err, size_t err_size)
{
    source_t source;
    int rc = source_open(&source, path, err, err_size);
    uint64_t records = census->records;
    for (unsigned i = 0; rc == 0 && i < sizeof s_counts / sizeof *s_counts; i++) {
        MDB_cursor *cursor = NULL;
        int went = mdb_cursor_open(source.txn, source.table[s_counts[i].table], &cursor);
        if (went == 0)
            went = s_counts[i].count(&source, cursor, census);
        if (cursor)
            mdb_cursor_close(cursor);
        if (went != MDB_NOTFOUND)
            rc = source_say(&source, went, err, err_size);
    }
    if (rc == 0 && census->records - records != source.facts.records)
        rc = source_say(&source, MDB_CORRUPTED, err, err_size);
    source_close(&source);
    return rc;
}

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
