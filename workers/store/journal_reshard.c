#include "workers/store/journal_reshard.h"

#include "common/base/clock.h"
#include "workers/store/journal_source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Of a transaction: rows, which are also targets, and bytes. */
enum { BATCH = 2048, BATCH_BYTES = 32 << 20 };

/* Where the key of an answer belongs: found when its record comes by. */
typedef struct {
    uint64_t number;
    uint16_t shard;
    bool found;
} home_t;

typedef struct {
    source_t source;
    MDB_cursor *cursor;
    uint64_t shift; /* new running time less the old */
    uint64_t log;   /* the record that waits */
    record_t record;
    bool waits;
    home_t *homes; /* by number */
    size_t homes_len;
} from_t;

typedef struct {
    journal_t *journal;
    pass_t pass;
    size_t rows, bytes;  /* in the transaction */
    uint64_t pruned_log; /* 0: not known yet */
} to_t;

typedef struct {
    const journal_reshard_t *options;
    from_t *from;
    to_t *to;
    uint64_t running_ms;   /* of the new journals, at their beginning */
    journal_census_t made; /* keys beyond those of the old ones, as differences */
    char *err;
    size_t err_size;
} reshard_t;

static int s_say(reshard_t *self, const char *what)
{
    snprintf(self->err, self->err_size, "%s", what);
    return -1;
}

static void s_path(char path[1100], const char *directory, const char *kind, unsigned shard)
{
    snprintf(path, 1100, "%s/%s-%u", directory, kind, shard);
}

/* --- The old journals */

static int s_by_number(const void *a, const void *b)
{
    const home_t *one = a, *other = b;
    return one->number < other->number ? -1 : one->number > other->number;
}

static home_t *s_home(const from_t *from, uint64_t number)
{
    home_t wanted = {.number = number};
    return from->homes_len
               ? bsearch(&wanted, from->homes, from->homes_len, sizeof wanted, s_by_number)
               : NULL;
}

/* The numbers that keys speak of. */
static int s_list_homes(from_t *from)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_stat stat;
    source_t *source = &from->source;
    int rc = mdb_stat(source->txn, source->table[TABLE_KEYS], &stat);
    if (rc != 0 || stat.ms_entries == 0)
        return rc;
    from->homes = calloc(stat.ms_entries, sizeof *from->homes);
    if (!from->homes)
        abort();
    rc = mdb_cursor_open(source->txn, source->table[TABLE_KEYS], &cursor);
    if (rc != 0)
        return rc;
    while ((rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        key_row_t row;
        if (value.mv_size != sizeof row) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(&row, value.mv_data, sizeof row);
        from->homes[from->homes_len++].number = source_answered(source, le64toh(row.answer.log));
    }
    mdb_cursor_close(cursor);
    qsort(from->homes, from->homes_len, sizeof *from->homes, s_by_number);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_step(from_t *from)
{
    int rc = source_next(&from->source, from->cursor, &from->log, &from->record);
    from->waits = rc == 0;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_open_from(reshard_t *self, unsigned shard)
{
    char path[1100];
    const journal_reshard_t *options = self->options;
    from_t *from = &self->from[shard];
    s_path(path, options->from, options->kind, shard);
    journal_generations_t have;
    if (journal_survey(path, self->err, self->err_size) != 0 ||
        journal_generations(path, &have, self->err, self->err_size) != 0 ||
        (have.written > have.saved &&
         journal_recover(path, false, NULL, self->err, self->err_size) != 0))
        return -1;
    if (source_open(&from->source, path, self->err, self->err_size) != 0)
        return -1;
    const journal_facts_t *facts = &from->source.facts;
    if (strcmp(facts->kind, options->kind) != 0 || facts->shard != shard ||
        facts->shards != options->old_shards) {
        snprintf(self->err, self->err_size,
                 "%s: is the journal of %s shard %u of %u, and not of %s shard %u of %u: correct "
                 "shards.%s or data.directory",
                 path, facts->kind, facts->shard, facts->shards, options->kind, shard,
                 options->old_shards, options->kind);
        return -1;
    }
    int rc = mdb_cursor_open(from->source.txn, from->source.table[TABLE_LOG], &from->cursor);
    if (rc == 0)
        rc = s_list_homes(from);
    if (rc == 0)
        rc = s_step(from);
    if (from->source.state.running_ms > self->running_ms)
        self->running_ms = from->source.state.running_ms;
    return rc ? source_say(&from->source, rc, self->err, self->err_size) : 0;
}

/* --- The new journals */

/* Above every number that the old journals have given out, so that none is given twice. */
static uint64_t s_first_log(const reshard_t *self)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < self->options->old_shards; i++) {
        const source_t *source = &self->from[i].source;
        uint64_t number = journal_number(source->state.next_log, i, self->options->old_shards);
        most = number > most ? number : most;
    }
    return most / self->options->new_shards + 1;
}

static uint64_t s_map_bytes(const reshard_t *self)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < self->options->old_shards; i++) {
        char path[1100], file[1200];
        struct stat is;
        s_path(path, self->options->from, self->options->kind, i);
        snprintf(file, sizeof file, "%s/data.mdb", path);
        if (stat(file, &is) == 0)
            bytes += (uint64_t)is.st_size;
    }
    return 2 * bytes + (64u << 20);
}

static int s_begin(to_t *to)
{
    to->rows = to->bytes = 0;
    return pass_begin(&to->pass, to->journal, BATCH, clock_ms());
}

static int s_open_to(reshard_t *self, unsigned shard, uint64_t map_bytes)
{
    char path[1100];
    to_t *to = &self->to[shard];
    s_path(path, self->options->to, self->options->kind, shard);
    journal_options_t options = {
        .path = path,
        .kind = self->options->kind,
        .shard = shard,
        .shards = self->options->new_shards,
        .map_bytes = map_bytes,
    };
    to->journal = journal_open(&options, clock_ms(), self->err, self->err_size);
    if (!to->journal)
        return -1;
    uint64_t log = s_first_log(self);
    state_t *state = &to->journal->state;
    state->first_log = state->next_log = state->pruned_log = log;
    return s_begin(to) == 0 ? 0 : s_say(self, "a new journal cannot be written");
}

static int s_commit(to_t *to)
{
    return pass_commit(&to->pass) == STORE_OK ? 0 : ENOSPC;
}

/* Counts a row of SIZE bytes, ending the transaction when it is large. */
static int s_count(to_t *to, size_t size)
{
    to->bytes += size;
    if (++to->rows < BATCH && to->bytes < BATCH_BYTES)
        return 0;
    int rc = s_commit(to);
    return rc ? rc : s_begin(to);
}

/* --- What moves */

static to_t *s_place(const reshard_t *self, const uuid_t7 *target, unsigned *shard)
{
    *shard = self->options->place(target, self->options->new_shards);
    assert(*shard < self->options->new_shards);
    return &self->to[*shard];
}

static int s_move_id(from_t *from, to_t *to, uint64_t number)
{
    MDB_val key = {UUID_BYTES, from->record.id.bytes}, value;
    answer_row_t row;
    if (from->log < from->source.state.pruned_log)
        return 0;
    if (!to->pruned_log)
        to->pruned_log = to->pass.state.next_log;
    int rc = row_get(from->source.txn, from->source.table[TABLE_SEEN], &key, &value);
    if (rc != 0 || value.mv_size != sizeof row)
        return rc == MDB_NOTFOUND ? 0 : rc ? rc : MDB_CORRUPTED;
    memcpy(&row, value.mv_data, sizeof row);
    row.log = htole64(JOURNAL_NUMBER | number);
    value = (MDB_val){sizeof row, &row};
    return row_cursor_put(to->pass.seen, &key, &value, MDB_NOOVERWRITE);
}

static int s_move_record(reshard_t *self, from_t *from)
{
    unsigned shard;
    range_row_t *range;
    record_t record = from->record;
    to_t *to = s_place(self, &record.target, &shard);
    record.number = source_number(&from->source, from->log, &record);
    home_t *home = s_home(from, record.number);
    if (home) {
        home->shard = (uint16_t)shard;
        home->found = true;
    }
    int rc = s_move_id(from, to, record.number);
    if (rc == 0)
        rc = pass_target(&to->pass, &record.target, &range);
    if (rc != 0)
        return rc;
    if (range->last == 0)
        *range = (range_row_t){record.sequence, record.sequence - 1, 0};
    if (record.sequence != range->last + 1)
        return MDB_CORRUPTED;
    to->pass.state.running_ms = (uint64_t)record.running_ms + from->shift;
    rc = pass_store(&to->pass, &record);
    if (rc == 0 && record.flags & RECORD_DELIVER)
        rc = outbox_move(&to->pass, from->source.txn, from->source.table, &record.target, from->log,
                         to->pass.state.next_log - 1, from->shift);
    return rc ? rc : s_count(to, record_size(&record));
}

static uint64_t s_age(const from_t *from)
{
    return (uint64_t)from->record.running_ms + from->shift;
}

/* All records, the oldest first: that is the order in which retention and seen walk the log. */
static int s_move_records(reshard_t *self)
{
    for (;;) {
        from_t *oldest = NULL;
        for (unsigned i = 0; i < self->options->old_shards; i++) {
            from_t *from = &self->from[i];
            if (from->waits && (!oldest || s_age(from) < s_age(oldest)))
                oldest = from;
        }
        if (!oldest)
            return 0;
        int rc = s_move_record(self, oldest);
        if (rc == 0)
            rc = s_step(oldest);
        if (rc != 0)
            return source_say(&oldest->source, rc, self->err, self->err_size);
    }
}

static int s_put_key(to_t *to, MDB_val *key, key_row_t *row)
{
    MDB_val value = {sizeof *row, row};
    int rc = row_put(to->pass.txn, to->journal->table[TABLE_KEYS], key, &value, MDB_NOOVERWRITE);
    if (rc != 0)
        return rc;
    due_key_t due = {journal_key(le64toh(row->running_ms) + JOURNAL_KEY_MS),
                     journal_key(le64toh(row->answer.log))};
    MDB_val due_key = {sizeof due, &due};
    to->pass.state.keys++;
    rc = row_put(to->pass.txn, to->journal->table[TABLE_KEYS_DUE], &due_key, key, 0);
    return rc ? rc : s_count(to, 128);
}

/* A key whose target is known goes there, another one everywhere. */
static int s_move_key(reshard_t *self, from_t *from, MDB_val *key, key_row_t row)
{
    uint64_t number = source_answered(&from->source, le64toh(row.answer.log));
    const home_t *home = s_home(from, number);
    uint64_t sum[2] = {0}, copies = 0;
    source_sum_key(&from->source, slice(key->mv_data, key->mv_size), &row, sum);
    row.answer.log = htole64(JOURNAL_NUMBER | number);
    row.running_ms = htole64(le64toh(row.running_ms) + from->shift);
    for (unsigned i = 0; i < self->options->new_shards; i++) {
        if (home && home->found && home->shard != i)
            continue;
        int rc = s_put_key(&self->to[i], key, &row);
        if (rc != 0 && rc != MDB_KEYEXIST)
            return rc;
        copies += rc == 0;
    }
    self->made.keys += copies - 1;
    self->made.key_sum[0] += sum[0] * (copies - 1);
    self->made.key_sum[1] += sum[1] * (copies - 1);
    return 0;
}

static int s_move_target(reshard_t *self, from_t *from, MDB_val *key, range_row_t row)
{
    uuid_t7 target;
    unsigned shard;
    range_row_t *range;
    (void)from;
    memcpy(target.bytes, key->mv_data, UUID_BYTES);
    to_t *to = s_place(self, &target, &shard);
    int rc = pass_target(&to->pass, &target, &range);
    if (rc != 0)
        return rc;
    range_row_t old = {le64toh(row.first), le64toh(row.last), 0};
    if (range->last == 0) /* retention has emptied it: only its sequence goes on */
        *range = old;
    else if (range->first != old.first || range->last != old.last)
        return MDB_CORRUPTED;
    return s_count(to, sizeof row);
}

/* What is kept of a target's handler goes with it. */
static int s_move_kept(reshard_t *self, const from_t *from, table_t table, MDB_val *key,
                       MDB_val *value)
{
    uuid_t7 target;
    unsigned shard;
    memcpy(target.bytes, key->mv_data, UUID_BYTES);
    to_t *to = s_place(self, &target, &shard);
    char bytes[ROW_MOST];
    memcpy(bytes, value->mv_data, value->mv_size);
    if (table == TABLE_HEALTH)
        health_shift(bytes, value->mv_size, from->shift);
    MDB_val row = {value->mv_size, bytes};
    int rc = row_put(to->pass.txn, to->journal->table[table], key, &row, 0);
    if (rc != 0)
        return rc;
    return s_count(to, value->mv_size);
}

/* Walks a table of an old journal, row by row. */
static int s_move_table(reshard_t *self, from_t *from, table_t table)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(from->source.txn, from->source.table[table], &cursor);
    if (rc != 0)
        return rc;
    while (rc == 0 && (rc = row_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        key_row_t key_row;
        range_row_t range_row;
        if (table == TABLE_KEYS && value.mv_size == sizeof key_row) {
            memcpy(&key_row, value.mv_data, sizeof key_row);
            rc = s_move_key(self, from, &key, key_row);
        } else if (table == TABLE_TARGETS && value.mv_size == sizeof range_row &&
                   key.mv_size == UUID_BYTES) {
            memcpy(&range_row, value.mv_data, sizeof range_row);
            rc = s_move_target(self, from, &key, range_row);
        } else if ((table == TABLE_HANDLERS || table == TABLE_HEALTH) &&
                   key.mv_size == UUID_BYTES) {
            rc = s_move_kept(self, from, table, &key, &value);
        } else {
            rc = MDB_CORRUPTED;
        }
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_move(reshard_t *self)
{
    for (unsigned i = 0; i < self->options->old_shards; i++)
        self->from[i].shift = self->running_ms - self->from[i].source.state.running_ms;
    if (s_move_records(self) != 0)
        return -1;
    for (unsigned i = 0; i < self->options->old_shards; i++) {
        from_t *from = &self->from[i];
        int rc = s_move_table(self, from, TABLE_KEYS);
        if (rc == 0)
            rc = s_move_table(self, from, TABLE_TARGETS);
        if (rc == 0)
            rc = s_move_table(self, from, TABLE_HANDLERS);
        if (rc == 0)
            rc = s_move_table(self, from, TABLE_HEALTH);
        if (rc != 0)
            return source_say(&from->source, rc, self->err, self->err_size);
    }
    for (unsigned i = 0; i < self->options->new_shards; i++) {
        to_t *to = &self->to[i];
        to->pass.state.running_ms = self->running_ms;
        to->pass.state.pruned_log = to->pruned_log ? to->pruned_log : to->pass.state.next_log;
        if (s_commit(to) != 0)
            return s_say(self, "there is no room for the new journals: free some on the disk");
    }
    return 0;
}

static void s_close(reshard_t *self)
{
    for (unsigned i = 0; i < self->options->old_shards; i++) {
        from_t *from = &self->from[i];
        if (from->cursor)
            mdb_cursor_close(from->cursor);
        source_close(&from->source);
        free(from->homes);
    }
    for (unsigned i = 0; i < self->options->new_shards; i++) {
        if (self->to[i].pass.txn)
            pass_abort(&self->to[i].pass);
        journal_close(&self->to[i].journal);
    }
    free(self->from);
    free(self->to);
}

/* What the old ones hold, with the copies of keys that went everywhere, is what the new ones must.
 */
static int s_compare(const reshard_t *self, journal_census_t *old, char *err, size_t err_size)
{
    const journal_reshard_t *options = self->options;
    journal_census_t new = {0};
    char path[1100];
    for (unsigned i = 0; i < options->old_shards; i++) {
        s_path(path, options->from, options->kind, i);
        if (journal_census(path, old, err, err_size) != 0)
            return -1;
    }
    for (unsigned i = 0; i < options->new_shards; i++) {
        s_path(path, options->to, options->kind, i);
        if (journal_census(path, &new, err, err_size) != 0)
            return -1;
    }
    old->keys += self->made.keys;
    old->key_sum[0] += self->made.key_sum[0];
    old->key_sum[1] += self->made.key_sum[1];
    if (memcmp(old, &new, sizeof new) == 0)
        return 0;
    snprintf(err, err_size,
             "the new journals do not hold what the old ones do (records %llu and %llu, ids %llu "
             "and %llu, keys %llu and %llu, targets %llu and %llu): nothing was changed; report "
             "this",
             (unsigned long long)old->records, (unsigned long long)new.records,
             (unsigned long long)old->ids, (unsigned long long)new.ids,
             (unsigned long long)old->keys, (unsigned long long)new.keys,
             (unsigned long long)old->targets, (unsigned long long)new.targets);
    return -1;
}

int journal_reshard(const journal_reshard_t *options, journal_census_t *census, char *err,
                    size_t err_size)
{
    assert(options->old_shards > 0 && options->old_shards <= RESHARD_MOST);
    assert(options->new_shards > 0 && options->new_shards <= RESHARD_MOST);
    reshard_t self = {.options = options,
                      .from = calloc(options->old_shards, sizeof *self.from),
                      .to = calloc(options->new_shards, sizeof *self.to),
                      .err = err,
                      .err_size = err_size};
    if (!self.from || !self.to)
        abort();
    *census = (journal_census_t){0};
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < options->old_shards; i++)
        rc = s_open_from(&self, i);
    uint64_t map_bytes = rc == 0 ? s_map_bytes(&self) : 0;
    for (unsigned i = 0; rc == 0 && i < options->new_shards; i++)
        rc = s_open_to(&self, i, map_bytes);
    if (rc == 0)
        rc = s_move(&self);
    s_close(&self);
    return rc ? rc : s_compare(&self, census, err, err_size);
}
