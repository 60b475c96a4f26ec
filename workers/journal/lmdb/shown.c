/* Messages as they are: what a record shows is put together from it and its last revision. The
 * revisions that are not committed are looked for first, in the generations of the tail that there
 * were when the read began; what was dropped from it before is committed, and the transaction that
 * begins later sees it. */
#include "workers/journal/lmdb/edits.h"
#include "workers/journal/revisions.h"

#include <string.h>

typedef struct {
    journal_reader_t *reader;
    const uuid_t7 *target;
    const journal_view_t *view;
    const journal_range_t *range; /* of what is read; set before the first record */
    journal_each_fn each;
    void *arg;
    uint64_t from, edited; /* no committed message from FROM to before EDITED has a revision */
    uint64_t skipped, further;
    bool more;
    int rc;
} shown_t;

static int s_open_edits(shown_t *self)
{
    journal_reader_t *reader = self->reader;
    if (reader->edits)
        return 0;
    self->from = 1;
    self->edited = 0;
    return mdb_cursor_open(reader->txn, reader->journal->table[TABLE_EDITS], &reader->edits);
}

/* Of a page without revisions one look says that there are none. */
static int s_may_be_edited(shown_t *self, uint64_t sequence, bool *may)
{
    edit_t next;
    int rc = s_open_edits(self);
    *may = true;
    if (rc == 0 && (sequence < self->from || sequence > self->edited)) {
        rc = edits_next(self->reader->edits, self->target, sequence, &next);
        self->from = sequence;
        self->edited = rc == 0 ? next.root : UINT64_MAX;
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    *may = sequence == self->edited;
    return rc;
}

static int s_committed(shown_t *self, uint64_t root, record_t *last, bool *found)
{
    const journal_reader_t *reader = self->reader;
    sight_t sight = {reader->journal, reader->txn};
    edit_t edit;
    int rc = s_may_be_edited(self, root, found);
    if (rc != 0 || !*found)
        return rc;
    rc = edits_last(reader->edits, self->target, root, &edit);
    *found = rc == 0;
    return rc == 0              ? sight_get(&sight, edit.log, self->target, edit.sequence, last)
           : rc == MDB_NOTFOUND ? 0
                                : rc;
}

static int s_last(shown_t *self, uint64_t root, record_t *last, bool *found)
{
    tail_row_t row;
    *found =
        tail_revision(self->reader->journal->tail, &self->reader->held, self->target, root, &row);
    if (*found)
        return record_read(last, row.encoded) ? MDB_CORRUPTED : 0;
    return self->reader->open ? s_committed(self, root, last, found) : 0;
}

/* Whether a message stands where its revision is: retention has removed what was before. */
static int s_leads(shown_t *self, const record_t *record, bool *leads)
{
    edit_t oldest;
    *leads = false;
    /* What is not committed was not the oldest one when it was stored. */
    if (!self->reader->open || record->root >= self->range->first)
        return 0;
    int rc = s_open_edits(self);
    if (rc == 0)
        rc = edits_oldest(self->reader->edits, self->target, record->root, &oldest);
    *leads = rc == 0 && oldest.revision == record->revision;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The log sequence of the record of its message that is committed and stands before a revision. */
static int s_before(const sight_t *sight, const range_row_t *range, const record_t *revision,
                    edit_t *before)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(sight->txn, sight->journal->table[TABLE_EDITS], &cursor);
    if (rc != 0)
        return rc;
    rc = edits_before(cursor, &revision->target, revision->root, revision->revision, before);
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND || revision->root < range->first)
        return rc;
    before->sequence = revision->root;
    return sight_log(sight, &revision->target, revision->root, range, &before->log);
}

static int s_was_committed_for(journal_reader_t *reader, const record_t *revision,
                               const uuid_t7 *user, bool *was)
{
    bool open = reader->open;
    sight_t sight = {reader->journal, reader->txn};
    range_row_t range;
    edit_t before;
    record_t is;
    int rc = open ? range_read(reader->journal, reader->txn, &revision->target, &range)
                  : sight_begin(&sight, reader, &revision->target, &range);
    if (rc == 0)
        rc = s_before(&sight, &range, revision, &before);
    if (rc == 0)
        rc = sight_get(&sight, before.log, &revision->target, before.sequence, &is);
    *was = rc == 0 && record_is_for(&is, user);
    if (!open)
        reader_end(reader);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

bool journal_was_for(journal_reader_t *self, uint64_t log, const record_t *record,
                     const uuid_t7 *user)
{
    tail_t *tail = self->journal->tail;
    tail_held_t held;
    tail_row_t row;
    record_t is;
    bool was = false;
    tail_hold(tail, &held);
    bool found = tail_before(tail, &held, &record->target, record->root, log, &row);
    int rc = found && record_read(&is, row.encoded) != 0 ? MDB_CORRUPTED : 0;
    if (found && rc == 0)
        was = record_is_for(&is, user);
    tail_let_go(tail, &held); /* before a damaged page may end what follows */
    if (!found)
        rc = s_was_committed_for(self, record, user, &was);
    if (rc != 0)
        reader_failed(self, "read", rc);
    return was;
}

/* What is shown of RECORD; false: nothing. */
static bool s_compose(shown_t *self, uint64_t log, const record_t *record, record_t *shown)
{
    record_t last;
    bool leads = true, found;
    if (revisions_may_take(self->view, record) && revisions_are_viewed(self->view, record)) {
        revisions_take(record, shown);
        return journal_was_for(self->reader, log, record, self->view->reader);
    }
    if (record->flags & RECORD_EDIT && !self->view->revisions)
        self->rc = s_leads(self, record, &leads);
    if (self->rc != 0 || !leads || !revisions_are_viewed(self->view, record))
        return false;
    self->rc = s_last(self, record_root(record), &last, &found);
    return self->rc == 0 && revisions_show(self->view, record, found ? &last : NULL, shown);
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    shown_t *self = arg;
    record_t shown;
    if (self->view->before && record->sequence >= self->view->before) {
        self->more = false;
    } else if (s_compose(self, log, record, &shown)) {
        self->more = self->each(self->arg, log, &shown);
        self->skipped = 0;
    } else if (++self->skipped == JOURNAL_SKIPPED) {
        self->further = record->sequence + 1;
        self->more = false;
    }
    return self->more && self->rc == 0;
}

/* The message that a thread is about, as it is committed: its first record, or the oldest revision
 * that there is. Sequence 0: none is. */
static int s_about(shown_t *self, const sight_t *sight, const range_row_t *row, edit_t *about)
{
    *about = (edit_t){.sequence = self->view->thread};
    if (about->sequence >= row->first && about->sequence <= row->last)
        return sight_log(sight, self->target, about->sequence, row, &about->log);
    int rc = s_open_edits(self);
    if (rc == 0)
        rc = edits_oldest(self->reader->edits, self->target, self->view->thread, about);
    if (rc == MDB_NOTFOUND)
        *about = (edit_t){.sequence = 0};
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int s_show_at(shown_t *self, const sight_t *sight, uint64_t log, uint64_t sequence)
{
    record_t record;
    int rc = sight_get(sight, log, self->target, sequence, &record);
    if (rc == 0)
        s_each(self, log, &record);
    return rc;
}

/* The committed records of a thread from FROM on, ABOUT where its sequence is. */
static int s_walk_thread(shown_t *self, const sight_t *sight, uint64_t from, edit_t about)
{
    MDB_cursor **cursor = &self->reader->cursor;
    relation_key_t name = journal_relation(self->target, self->view->thread, from), found;
    MDB_val key = {sizeof name, &name}, value;
    int rc = mdb_cursor_open(sight->txn, sight->journal->table[TABLE_THREADS], cursor);
    if (rc == 0)
        rc = row_cursor_get(*cursor, &key, &value, MDB_SET_RANGE);
    for (; rc == 0; rc = row_cursor_get(*cursor, &key, &value, MDB_NEXT)) {
        uint64_t log;
        if (key.mv_size != sizeof found || value.mv_size != sizeof log)
            return MDB_CORRUPTED;
        memcpy(&found, key.mv_data, sizeof found);
        memcpy(&log, value.mv_data, sizeof log);
        if (memcmp(&found, &name, offsetof(relation_key_t, at)) != 0)
            break;
        bool first = about.sequence && about.sequence < be64toh(found.at);
        if (first)
            rc = s_show_at(self, sight, about.log, about.sequence);
        about.sequence = first ? 0 : about.sequence;
        if (rc == 0 && self->more)
            rc = s_show_at(self, sight, le64toh(log), be64toh(found.at));
        if (rc != 0 || !self->more)
            return rc;
    }
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = about.sequence ? s_show_at(self, sight, about.log, about.sequence) : 0;
    return rc;
}

/* What is committed; *NEXT: where to go on in the target. */
static int s_read_thread(shown_t *self, uint64_t from, journal_range_t *range, uint64_t *next)
{
    sight_t sight;
    range_row_t row;
    edit_t about;
    int rc = sight_begin(&sight, self->reader, self->target, &row);
    *range = (journal_range_t){.first = row.first, .last = row.last};
    *next = from > row.last ? from : row.last + 1;
    if (rc == 0)
        rc = s_about(self, &sight, &row, &about);
    if (rc == 0 && about.sequence < from)
        about.sequence = 0;
    if (rc == 0)
        rc = s_walk_thread(self, &sight, from, about);
    reader_end(self->reader);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

uint64_t journal_read_messages(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                               const journal_view_t *view, journal_range_t *range,
                               journal_each_fn each, void *arg)
{
    shown_t shown = {.reader = self,
                     .target = target,
                     .view = view,
                     .range = range,
                     .each = each,
                     .arg = arg,
                     .more = true};
    journal_range_t rest;
    tail_hold(self->journal->tail, &self->held);
    if (view->thread)
        shown.rc = s_read_thread(&shown, from, range, &from);
    if (shown.rc == 0 && shown.more && !(view->thread && view->before && from >= view->before))
        journal_read(self, target, from, view->thread ? &rest : range, s_each, &shown);
    tail_let_go(self->journal->tail, &self->held);
    if (shown.rc != 0)
        reader_failed(self, "read", shown.rc);
    return shown.further;
}

/* Of those that are not committed the number follows from the place. */
static bool s_find_in_tail(journal_reader_t *self, const tail_held_t *held, const uuid_t7 *target,
                           const journal_name_t *name, record_t *record)
{
    const journal_options_t *options = &self->journal->options;
    tail_row_t row;
    if (name->number % options->shards != options->shard ||
        !tail_at(self->journal->tail, held, name->number / options->shards, &row) ||
        record_read(record, row.encoded) != 0)
        return false;
    return !(record->flags & RECORD_EDIT) && record->time_ms == name->time_ms &&
           uuid_eq(&record->target, target);
}

typedef struct {
    uint64_t sequence, root;
} found_t;

/* The oldest record of the named message; 0: there is none. */
static found_t s_find(journal_reader_t *self, const uuid_t7 *target, const journal_name_t *name)
{
    tail_held_t held;
    sight_t sight;
    range_row_t range;
    record_t record;
    uint64_t log;
    found_t found = {0, 0};
    tail_hold(self->journal->tail, &held);
    if (s_find_in_tail(self, &held, target, name, &record))
        found = (found_t){record.sequence, record_root(&record)};
    tail_let_go(self->journal->tail, &held);
    if (found.sequence)
        return found;
    int rc = sight_begin(&sight, self, target, &range);
    if (rc == 0)
        rc = sight_message(&sight, target, name, &range, &log, &record);
    if (rc == 0)
        found = (found_t){record.sequence, record_root(&record)};
    reader_end(self);
    if (rc != 0 && rc != MDB_NOTFOUND)
        reader_failed(self, "read", rc);
    return found;
}

uint64_t journal_find(journal_reader_t *self, const uuid_t7 *target, const journal_name_t *name)
{
    return s_find(self, target, name).sequence;
}

uint64_t journal_find_root(journal_reader_t *self, const uuid_t7 *target,
                           const journal_name_t *name)
{
    return s_find(self, target, name).root;
}
