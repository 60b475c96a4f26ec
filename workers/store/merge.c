#include "workers/store/merge.h"

#include "workers/journal/tools.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const merge_t *options;
    journal_export_t **from;
    const journal_exported_t **next; /* of each; NULL: no more */
    journal_import_t **to;
    uint64_t numbers, bytes, running_ms; /* of all old journals */
    census_t *census;
    char *err;
    size_t err_size;
} merging_t;

static void s_path(char path[1100], const char *directory, const char *kind, unsigned shard)
{
    snprintf(path, 1100, "%s/%s-%u", directory, kind, shard);
}

static int s_step(merging_t *self, unsigned from)
{
    return journal_export_next(self->from[from], &self->next[from], self->err, self->err_size);
}

static int s_open_from(merging_t *self, unsigned shard)
{
    char path[1100];
    const merge_t *options = self->options;
    s_path(path, options->from, options->kind, shard);
    if (journal_settle(path, self->err, self->err_size) != 0 ||
        !(self->from[shard] = journal_export_new(path, self->err, self->err_size)))
        return -1;
    const journal_facts_t *facts = journal_export_facts(self->from[shard]);
    if (strcmp(facts->kind, options->kind) != 0 || facts->shard != shard ||
        facts->shards != options->old_shards) {
        snprintf(self->err, self->err_size,
                 "%s: is the journal of %s shard %u of %u, and not of %s shard %u of %u: correct "
                 "shards.%s or data.directory",
                 path, facts->kind, facts->shard, facts->shards, options->kind, shard,
                 options->old_shards, options->kind);
        return -1;
    }
    self->bytes += facts->bytes;
    if (facts->numbers > self->numbers)
        self->numbers = facts->numbers;
    if (facts->running_ms > self->running_ms)
        self->running_ms = facts->running_ms;
    return 0;
}

static int s_open_to(merging_t *self, unsigned shard)
{
    char path[1100];
    s_path(path, self->options->to, self->options->kind, shard);
    journal_import_options_t options = {.path = path,
                                        .kind = self->options->kind,
                                        .shard = shard,
                                        .shards = self->options->new_shards,
                                        .numbers = self->numbers,
                                        .running_ms = self->running_ms,
                                        .bytes = self->bytes};
    self->to[shard] = journal_import_new(&options, self->err, self->err_size);
    return self->to[shard] ? 0 : -1;
}

static int s_open(merging_t *self)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < self->options->old_shards; i++)
        rc = s_open_from(self, i);
    for (unsigned i = 0; rc == 0 && i < self->options->old_shards; i++) {
        journal_export_rebase(self->from[i], self->running_ms);
        rc = s_step(self, i);
    }
    for (unsigned i = 0; rc == 0 && i < self->options->new_shards; i++)
        rc = s_open_to(self, i);
    return rc;
}

/* Where it belongs, or everywhere. The census counts what new journals took. */
static int s_give(merging_t *self, const journal_exported_t *entry)
{
    unsigned shards = self->options->new_shards;
    unsigned first = entry->placed ? self->options->place(&entry->target, shards) : 0;
    unsigned end = entry->placed ? first + 1 : shards;
    assert(end <= shards);
    for (unsigned i = first; i < end; i++) {
        int rc = journal_import(self->to[i], entry, self->err, self->err_size);
        if (rc < 0)
            return rc;
        if (rc == 0)
            census_add(self->census, entry);
    }
    return 0;
}

/* The oldest record first, which is the order in which retention and seen walk the log; then what
 * else there is. */
static bool s_pick(const merging_t *self, unsigned *from)
{
    const journal_exported_t *picked = NULL;
    for (unsigned i = 0; i < self->options->old_shards; i++) {
        const journal_exported_t *next = self->next[i];
        if (next && (!picked || next->kind < picked->kind ||
                     (next->kind == EXPORT_RECORD && picked->kind == EXPORT_RECORD &&
                      next->record.running_ms < picked->record.running_ms))) {
            picked = next;
            *from = i;
        }
    }
    return picked != NULL;
}

static int s_merge(merging_t *self)
{
    int rc = 0;
    unsigned from;
    while (rc == 0 && s_pick(self, &from)) {
        rc = s_give(self, self->next[from]);
        if (rc == 0)
            rc = s_step(self, from);
    }
    for (unsigned i = 0; rc == 0 && i < self->options->new_shards; i++)
        rc = journal_import_end(self->to[i], self->err, self->err_size);
    return rc;
}

static void s_close(merging_t *self)
{
    for (unsigned i = 0; i < self->options->old_shards; i++)
        journal_export_destroy(&self->from[i]);
    for (unsigned i = 0; i < self->options->new_shards; i++)
        journal_import_destroy(&self->to[i]);
    free(self->from);
    free(self->next);
    free(self->to);
}

static int s_compare(const merging_t *self)
{
    char path[1100];
    census_t made = {0}, *old = self->census;
    for (unsigned i = 0; i < self->options->new_shards; i++) {
        s_path(path, self->options->to, self->options->kind, i);
        if (census_take(&made, path, self->err, self->err_size) != 0)
            return -1;
    }
    if (census_is_equal(old, &made))
        return 0;
    snprintf(self->err, self->err_size,
             "the new journals do not hold what the old ones do (records %llu and %llu, ids %llu "
             "and %llu, keys %llu and %llu, targets %llu and %llu): nothing was changed; report "
             "this",
             (unsigned long long)old->counts[EXPORT_RECORD],
             (unsigned long long)made.counts[EXPORT_RECORD], (unsigned long long)old->ids,
             (unsigned long long)made.ids, (unsigned long long)old->counts[EXPORT_KEY],
             (unsigned long long)made.counts[EXPORT_KEY],
             (unsigned long long)old->counts[EXPORT_TARGET],
             (unsigned long long)made.counts[EXPORT_TARGET]);
    return -1;
}

int merge_run(const merge_t *options, census_t *census, char *err, size_t err_size)
{
    assert(options->old_shards > 0 && options->old_shards <= MERGE_MOST);
    assert(options->new_shards > 0 && options->new_shards <= MERGE_MOST);
    merging_t self = {.options = options,
                      .from = calloc(options->old_shards, sizeof *self.from),
                      .next = calloc(options->old_shards, sizeof *self.next),
                      .to = calloc(options->new_shards, sizeof *self.to),
                      .census = census,
                      .err = err,
                      .err_size = err_size};
    if (!self.from || !self.next || !self.to)
        abort();
    *census = (census_t){0};
    int rc = s_open(&self);
    if (rc == 0)
        rc = s_merge(&self);
    s_close(&self);
    return rc ? rc : s_compare(&self);
}
