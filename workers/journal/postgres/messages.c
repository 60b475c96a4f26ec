/* Messages as they are. */
#if __has_include("workers/journal/messages.h")
#include "workers/journal/messages.h"

#include "workers/journal/postgres/reads.h"

#include <string.h>

/* A view on its way. */
typedef struct {
    const journal_view_t *view;
    journal_each_fn each;
    void *arg;
    unsigned skipped;
    uint64_t further; /* where to go on */
} shown_t;

static bool s_is_of(const journal_view_t *view, const record_t *record)
{
    bool aside = record->thread && !(record->more & RECORD_IN_PARENT);
    if (view->thread && record->thread != view->thread && record->sequence != view->thread)
        return false;
    return !(view->no_threads && aside);
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    shown_t *self = arg;
    if (self->view->before && record->sequence >= self->view->before)
        return false;
    if (s_is_of(self->view, record)) {
        self->skipped = 0;
        return self->each(self->arg, log, record);
    }
    if (++self->skipped < JOURNAL_SKIPPED)
        return true;
    self->further = record->sequence + 1;
    return false;
}

uint64_t journal_read_messages(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                               const journal_view_t *view, journal_range_t *range,
                               journal_each_fn each, void *arg)
{
    shown_t shown = {.view = view, .each = each, .arg = arg};
    journal_read(self, target, from, range, s_each, &shown);
    return shown.further;
}

typedef struct {
    const uuid_t7 *target;
    const journal_name_t *name;
    uint64_t log, sequence; /* what is looked for, and what was found; 0: nothing */
} find_t;

static bool s_each_found(void *arg, uint64_t log, const record_t *record)
{
    find_t *self = arg;
    if (log == self->log && uuid_eq(&record->target, self->target) &&
        record->time_ms == self->name->time_ms)
        self->sequence = record->sequence;
    return false;
}

uint64_t journal_find(journal_reader_t *self, const uuid_t7 *target, const journal_name_t *name)
{
    const journal_options_t *options = &self->journal->options;
    find_t find = {.target = target, .name = name, .log = name->number / options->shards};
    if (name->number % options->shards == options->shard)
        journal_scan(self, find.log, s_each_found, &find);
    return find.sequence;
}

bool append_changes(const journal_entry_t *entry)
{
    return entry->change != CHANGE_NONE || entry->about.number != 0;
}

void append_refuse_change(journal_entry_t *entry)
{
    entry->outcome = JOURNAL_UNKNOWN;
}
#else
#include "workers/journal/postgres/postgres.h"

#include <assert.h>

bool append_changes(const journal_entry_t *entry)
{
    (void)entry;
    return false;
}

void append_refuse_change(journal_entry_t *entry)
{
    (void)entry;
    assert(!"there are no changes");
}
#endif
