#include "common/life/remove.h"
#include "workers/journal/carry.h"
#include "workers/journal/tools.h"
#include "workers/store/migrate.h"
#include "workers/store/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const migrate_t *options;
    carry_t *carry;
    carry_facts_t other; /* PostgreSQL's */
    census_t census;
    progress_t progress;
    char *err;
    size_t err_size;
} work_t;

static bool s_is_same(const journal_facts_t *one, const journal_facts_t *other)
{
    return uuid_eq(&one->uuid, &other->uuid) && one->numbers == other->numbers &&
           one->running_ms == other->running_ms && one->records == other->records &&
           one->keys == other->keys;
}

static int s_hold(work_t *self)
{
    const carry_shard_t shard = {.shard = self->options->shard};
    carry_send(self->carry, CARRY_HOLD, slice(&shard, sizeof shard));
    return carry_expect(self->carry, CARRY_FACTS, &self->other, sizeof self->other, self->err,
                        self->err_size);
}

static void s_begin(work_t *self, uint64_t records)
{
    char name[32];
    snprintf(name, sizeof name, "%.16s-%u", self->options->kind, self->options->shard);
    progress_begin(&self->progress, name, records);
}

/* Counts what goes on. */
static void s_count(work_t *self, const journal_exported_t *entry)
{
    census_add(&self->census, entry);
    if (entry->kind == EXPORT_RECORD)
        progress_add(&self->progress, record_size(&entry->record));
}

/* What a run before this one has carried over, of whose deliveries nobody has kept the count. */
static void s_was_there(work_t *self, const journal_facts_t *facts, json_t *answer)
{
    self->census.counts[EXPORT_RECORD] = facts->records;
    self->census.counts[EXPORT_KEY] = facts->keys;
    json_object_set_new(answer, "there", json_true());
}

static void s_answer(const work_t *self, json_t *answer)
{
    const uint64_t *counts = self->census.counts;
    json_object_set_new(answer, "messages", json_integer((json_int_t)counts[EXPORT_RECORD]));
    json_object_set_new(answer, "keys", json_integer((json_int_t)counts[EXPORT_KEY]));
    json_object_set_new(answer, "deliveries", json_integer((json_int_t)self->census.deliveries));
    json_object_set_new(answer, "epoch", json_integer((json_int_t)self->other.epoch));
}

/* --- To PostgreSQL */

static int s_send_all(work_t *self, journal_export_t *export)
{
    static journal_exported_t plain;
    const journal_exported_t *entry = NULL;
    const journal_facts_t *facts = journal_export_facts(export);
    int rc = journal_export_next(export, &entry, self->err, self->err_size);
    for (; rc == 0 && entry && !carry_is_broken(self->carry);
         rc = journal_export_next(export, &entry, self->err, self->err_size)) {
        plain = *entry;
        if (!carry_settle(&plain, facts->running_ms, self->options->delivery_ms))
            continue;
        s_count(self, &plain);
        carry_entry(self->carry, &plain);
    }
    progress_end(&self->progress);
    return rc;
}

static int s_out(work_t *self, journal_export_t *export)
{
    census_t made;
    const journal_facts_t *facts = journal_export_facts(export);
    carry_send(self->carry, CARRY_TAKE, slice(facts, sizeof *facts));
    s_begin(self, facts->records);
    if (s_send_all(self, export) != 0)
        return -1;
    carry_send(self->carry, CARRY_END, slice(&self->census, sizeof self->census));
    return carry_expect(self->carry, CARRY_END, &made, sizeof made, self->err, self->err_size);
}

static int s_check_shards(work_t *self, const journal_facts_t *facts)
{
    const migrate_t *is = self->options;
    if (facts->shards == is->shards && facts->shard == is->shard)
        return 0;
    snprintf(self->err, self->err_size,
             "%s is the journal of shard %u of %u, and shards.%s is %u: posternctl reshard %s %u "
             "first",
             is->path, facts->shard, facts->shards, is->kind, is->shards, is->kind, is->shards);
    return -1;
}

int migrate_out(void *arg, json_t *answer, char *err, size_t err_size)
{
    work_t self = {.options = arg, .err = err, .err_size = err_size};
    self.carry = carry_new(self.options->fd);
    journal_export_t *export = NULL;
    int rc = journal_settle(self.options->path, err, err_size);
    if (rc == 0 && !(export = journal_export_new(self.options->path, err, err_size)))
        rc = -1;
    if (rc == 0)
        rc = s_check_shards(&self, journal_export_facts(export));
    if (rc == 0)
        rc = s_hold(&self);
    if (rc == 0 && s_is_same(&self.other.came, journal_export_facts(export)))
        s_was_there(&self, &self.other.came, answer);
    else if (rc == 0)
        rc = s_out(&self, export);
    s_answer(&self, answer);
    journal_export_destroy(&export);
    carry_destroy(&self.carry);
    return rc;
}

/* --- From PostgreSQL */

static int s_take_all(work_t *self, journal_import_t *import)
{
    static journal_exported_t entry;
    carry_kind_t kind;
    slice_t bytes;
    for (;;) {
        if (carry_next(self->carry, &kind, &bytes, self->err, self->err_size) != 0)
            return -1;
        if (kind == CARRY_FAILED)
            snprintf(self->err, self->err_size, "%.*s", SLICE_ARG(bytes));
        if (kind == CARRY_END)
            return bytes.len == sizeof self->census &&
                           memcmp(bytes.data, &self->census, bytes.len) == 0
                       ? 0
                       : -1;
        if (kind != CARRY_ENTRY || carry_read(bytes, &entry) != 0)
            return -1;
        if (journal_import(import, &entry, self->err, self->err_size) < 0)
            return -1;
        s_count(self, &entry);
    }
}

static int s_make(work_t *self)
{
    const migrate_t *is = self->options;
    const journal_facts_t *facts = &self->other.facts;
    journal_import_options_t options = {.path = is->path,
                                        .kind = is->kind,
                                        .shard = is->shard,
                                        .shards = is->shards,
                                        .numbers = facts->numbers,
                                        .running_ms = facts->running_ms,
                                        .bytes = facts->bytes,
                                        .keeps = true};
    journal_import_t *import = journal_import_new(&options, self->err, self->err_size);
    int rc = import ? s_take_all(self, import) : -1;
    progress_end(&self->progress);
    if (rc == 0)
        rc = journal_import_end(import, self->err, self->err_size);
    journal_import_destroy(&import);
    return rc;
}

static int s_compare(work_t *self)
{
    census_t made = {0};
    if (census_take(&made, self->options->path, self->err, self->err_size) != 0)
        return -1;
    if (census_is_equal(&made, &self->census))
        return 0;
    snprintf(self->err, self->err_size, "%s is not what PostgreSQL gave: report this",
             self->options->path);
    return -1;
}

/* What a run before this one has made whole, at the taking before this one: nobody else has had the
 * shard since. */
static bool s_is_there(const work_t *self, const char *done)
{
    unsigned long long epoch = 0;
    char uuid[UUID_TEXT] = "", wanted[UUID_TEXT];
    FILE *file = fopen(done, "r");
    uuid_text(&self->other.facts.uuid, wanted);
    bool is = file && fscanf(file, "%llu %36s", &epoch, uuid) == 2 &&
              epoch + 1 == self->other.epoch && strcmp(uuid, wanted) == 0;
    if (file)
        fclose(file);
    return is;
}

/* Durable when it returns. */
static int s_note(work_t *self, const char *done)
{
    char uuid[UUID_TEXT], text[80];
    uuid_text(&self->other.facts.uuid, uuid);
    int len = snprintf(text, sizeof text, "%llu %s\n", (unsigned long long)self->other.epoch, uuid);
    int fd = open(done, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!good)
        snprintf(self->err, self->err_size, "%s cannot be written", done);
    return good ? 0 : -1;
}

static int s_in(work_t *self)
{
    carry_send(self->carry, CARRY_GIVE, slice("", 0));
    s_begin(self, self->other.facts.records);
    if (carry_expect(self->carry, CARRY_FACTS, &self->other, sizeof self->other, self->err,
                     self->err_size) != 0)
        return -1;
    snprintf(self->err, self->err_size, "the two processes are of different versions");
    return s_make(self) == 0 ? s_compare(self) : -1;
}

int migrate_in(void *arg, json_t *answer, char *err, size_t err_size)
{
    char done[64];
    work_t self = {.options = arg, .err = err, .err_size = err_size};
    self.carry = carry_new(self.options->fd);
    snprintf(done, sizeof done, "%.32s.done", self.options->path);
    int rc = s_hold(&self);
    bool there = rc == 0 && s_is_there(&self, done);
    if (rc == 0 && !there) {
        unlink(done);
        remove_name(AT_FDCWD, self.options->path);
        rc = s_in(&self);
    }
    if (there)
        s_was_there(&self, &self.other.facts, answer);
    if (rc == 0)
        rc = s_note(&self, done);
    s_answer(&self, answer);
    carry_destroy(&self.carry);
    return rc;
}
