/* Messages as they are: what a record shows is put together from it and its last revision. */
#include "workers/journal/postgres/edits.h"
#include "workers/journal/postgres/reads.h"
#include "workers/journal/revisions.h"

#include <stdlib.h>
#include <string.h>

/* A view on its way. */
typedef struct {
    edits_asker_t asker;
    const uuid_t7 *target;
    const journal_view_t *view;
    journal_range_t *range;
    journal_each_fn each;
    void *arg;
    bool changed; /* the target has a message that was */
    unsigned skipped;
    uint64_t further; /* where to go on */
    session_outcome_t went;
} shown_t;

/* A copy, to be freed. */
static tables_t *s_tables(const journal_reader_t *self)
{
    tables_t *tables = malloc(sizeof *tables);
    if (!tables)
        abort();
    tables_copy(self->journal, tables);
    return tables;
}

/* Whether a message stands where its revision is: retention has removed what was before. */
static bool s_leads(shown_t *self, const record_t *record)
{
    edit_t oldest;
    if (record->root >= self->range->first)
        return false;
    self->went = edits_find(&self->asker, self->target, record->root, false, &oldest);
    return self->went == SESSION_OK && oldest.any && oldest.revision == record->revision;
}

/* HELD keeps what the last revision's slices point to. */
static bool s_last(shown_t *self, const record_t *record, statement_t *held, record_t *last)
{
    edit_t edit = {.any = false};
    bool found = false;
    if (!self->changed)
        return false;
    self->went = edits_find(&self->asker, self->target, record_root(record), true, &edit);
    if (self->went == SESSION_OK && edit.any)
        self->went = edits_record(&self->asker, edit.log, held, last, &found);
    return found;
}

bool journal_was_for(journal_reader_t *self, uint64_t log, const record_t *record,
                     const uuid_t7 *user)
{
    statement_t held;
    edit_t before;
    record_t is;
    bool found = false;
    tables_t *tables = s_tables(self);
    const edits_asker_t asker = {self->journal, tables, self};
    (void)log;
    statement_begin(&held, "", "");
    session_outcome_t went =
        edits_before(&asker, &record->target, record->root, record->revision, &before);
    if (went == SESSION_OK) {
        uint64_t first = record->root_number / self->journal->options.shards;
        went = edits_record(&asker, before.any ? before.log : first, &held, &is, &found);
    }
    bool was = found && record_is_for(&is, user);
    statement_end(&held);
    free(tables);
    if (went != SESSION_OK)
        reads_failed(self);
    return was;
}

/* What is shown of RECORD; false: nothing. */
static bool s_compose(shown_t *self, uint64_t log, const record_t *record, statement_t *held,
                      record_t *shown)
{
    record_t last;
    if (revisions_may_take(self->view, record) && revisions_are_viewed(self->view, record)) {
        revisions_take(record, shown);
        return journal_was_for(self->asker.reader, log, record, self->view->reader);
    }
    if (record->flags & RECORD_EDIT && !self->view->revisions && !s_leads(self, record))
        return false;
    if (self->went != SESSION_OK || !revisions_are_viewed(self->view, record))
        return false;
    bool found = s_last(self, record, held, &last);
    return revisions_show(self->view, record, found ? &last : NULL, shown);
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    shown_t *self = arg;
    statement_t held;
    record_t shown;
    bool more = true;
    if (self->view->before && record->sequence >= self->view->before)
        return false;
    statement_begin(&held, "", "");
    if (s_compose(self, log, record, &held, &shown)) {
        self->skipped = 0;
        more = self->each(self->arg, log, &shown);
    } else if (++self->skipped == JOURNAL_SKIPPED) {
        self->further = record->sequence + 1;
        more = false;
    }
    statement_end(&held);
    return more && self->went == SESSION_OK;
}

static session_outcome_t s_is_changed(shown_t *self)
{
    statement_t ask;
    statement_begin(&ask, "changed",
                    "SELECT 1 FROM postern.edit WHERE kind = $1 AND shard = $2 AND target = $3 "
                    "LIMIT 1");
    shard_add(&ask, self->asker.journal);
    statement_uuid(&ask, self->target);
    session_outcome_t went = edits_ask(&self->asker, &ask);
    self->changed = went == SESSION_OK && statement_rows(&ask) > 0;
    statement_end(&ask);
    return went;
}

uint64_t journal_read_messages(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                               const journal_view_t *view, journal_range_t *range,
                               journal_each_fn each, void *arg)
{
    tables_t *tables = s_tables(self);
    shown_t shown = {.asker = {self->journal, tables, self},
                     .target = target,
                     .view = view,
                     .range = range,
                     .each = each,
                     .arg = arg};
    *range = (journal_range_t){.first = 1};
    shown.went = s_is_changed(&shown);
    if (shown.went == SESSION_OK)
        journal_read(self, target, from, range, s_each, &shown);
    free(tables);
    if (shown.went != SESSION_OK)
        reads_failed(self);
    return shown.further;
}

/* The oldest record of the named message, without its slices; false: there is none. */
static bool s_find(journal_reader_t *self, const uuid_t7 *target, const journal_name_t *name,
                   record_t *record)
{
    tables_t *tables = s_tables(self);
    bool found;
    edits_asker_t asker = {self->journal, tables, self};
    session_outcome_t went = edits_named(&asker, target, name, record, &found);
    free(tables);
    if (went != SESSION_OK)
        reads_failed(self);
    return went == SESSION_OK && found;
}

uint64_t journal_find(journal_reader_t *self, const uuid_t7 *target, const journal_name_t *name)
{
    record_t record;
    return s_find(self, target, name, &record) ? record.sequence : 0;
}

uint64_t journal_find_root(journal_reader_t *self, const uuid_t7 *target,
                           const journal_name_t *name)
{
    record_t record;
    return s_find(self, target, name, &record) ? record_root(&record) : 0;
}
