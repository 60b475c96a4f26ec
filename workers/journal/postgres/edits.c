#include "workers/journal/postgres/edits.h"

#include "workers/journal/postgres/reads.h"
#include "workers/journal/revisions.h"

#include <stdlib.h>
#include <string.h>

session_outcome_t edits_ask(const edits_asker_t *self, statement_t *ask)
{
    return self->reader ? reads_ask(self->reader, ask)
                        : session_exchange(&self->journal->writing, ask, 1, SESSION_DEADLINE_MS);
}

/* The first parameters: kind, shard, target. */
static void s_begin(statement_t *ask, const char *name, const char *sql, const journal_t *journal,
                    const uuid_t7 *target)
{
    statement_begin(ask, name, sql);
    shard_add(ask, journal);
    statement_uuid(ask, target);
}

static void s_take(const statement_t *ask, edit_t *edit)
{
    edit->any = statement_rows(ask) > 0;
    if (!edit->any)
        return;
    edit->root = statement_number(ask, 0, 0);
    edit->revision = statement_number(ask, 0, 1);
    edit->log = statement_number(ask, 0, 2);
    edit->sequence = statement_number(ask, 0, 3);
    edit->root_number = statement_number(ask, 0, 4);
    edit->root_ms = (int64_t)statement_number(ask, 0, 5);
    edit->deletes = statement_number(ask, 0, 6) != 0;
}

#define EDIT_COLUMNS "SELECT root, revision, log, sequence, root_number, root_ms, deletes FROM "

/* By a statement of EDIT_COLUMNS, which it ends. */
static session_outcome_t s_ask_edit(const edits_asker_t *self, statement_t *ask, edit_t *edit)
{
    *edit = (edit_t){.any = false};
    session_outcome_t went = edits_ask(self, ask);
    if (went == SESSION_OK)
        s_take(ask, edit);
    statement_end(ask);
    return went;
}

session_outcome_t edits_find(const edits_asker_t *self, const uuid_t7 *target, uint64_t root,
                             bool last, edit_t *edit)
{
    statement_t ask;
    s_begin(&ask, last ? "last edit" : "first edit",
            last ? EDIT_COLUMNS "postern.edit WHERE kind = $1 AND shard = $2 AND target = $3 AND "
                                "root = $4 ORDER BY revision DESC LIMIT 1"
                 : EDIT_COLUMNS "postern.edit WHERE kind = $1 AND shard = $2 AND target = $3 AND "
                                "root = $4 ORDER BY revision LIMIT 1",
            self->journal, target);
    statement_int8(&ask, root);
    return s_ask_edit(self, &ask, edit);
}

session_outcome_t edits_before(const edits_asker_t *self, const uuid_t7 *target, uint64_t root,
                               uint64_t revision, edit_t *edit)
{
    statement_t ask;
    s_begin(&ask, "edit before",
            EDIT_COLUMNS
            "postern.edit WHERE kind = $1 AND shard = $2 AND target = $3 AND root = $4 "
            "AND revision < $5 ORDER BY revision DESC LIMIT 1",
            self->journal, target);
    statement_int8(&ask, root);
    statement_int8(&ask, revision);
    return s_ask_edit(self, &ask, edit);
}

session_outcome_t edits_record(const edits_asker_t *self, uint64_t log, statement_t *held,
                               record_t *record, bool *found)
{
    const segment_t *segment = tables_segment(self->tables, log);
    sql_t sql = {0};
    *found = false;
    statement_begin(held, "", "");
    if (!segment)
        return SESSION_OK;
    sql_add(&sql, "SELECT record FROM postern.log_%c%u_%u WHERE log = $1", self->journal->kind,
            self->journal->options.shard, segment->n);
    statement_begin(held, "", sql.text);
    statement_int8(held, log);
    session_outcome_t went = edits_ask(self, held);
    *found = went == SESSION_OK && statement_rows(held) == 1 &&
             record_read(record, statement_bytes(held, 0, 0)) == 0;
    sql_free(&sql);
    return went;
}

/* One of whose message the first record is gone. */
static session_outcome_t s_orphan(const edits_asker_t *self, const uuid_t7 *target,
                                  const journal_name_t *name, record_t *record, bool *found)
{
    statement_t ask, held;
    edit_t edit;
    s_begin(&ask, "orphan",
            EDIT_COLUMNS "postern.edit WHERE kind = $1 AND shard = $2 AND target = $3 AND "
                         "root_number = $4 ORDER BY revision LIMIT 1",
            self->journal, target);
    statement_int8(&ask, name->number);
    session_outcome_t went = s_ask_edit(self, &ask, &edit);
    *found = false;
    if (went != SESSION_OK || !edit.any || edit.root_ms != name->time_ms)
        return went;
    went = edits_record(self, edit.log, &held, record, found);
    statement_end(&held);
    return went;
}

session_outcome_t edits_named(const edits_asker_t *self, const uuid_t7 *target,
                              const journal_name_t *name, record_t *record, bool *found)
{
    const journal_options_t *options = &self->journal->options;
    statement_t held;
    *found = false;
    if (name->number % options->shards != options->shard)
        return SESSION_OK;
    session_outcome_t went =
        edits_record(self, name->number / options->shards, &held, record, found);
    statement_end(&held);
    if (went != SESSION_OK)
        return went;
    if (!*found)
        return s_orphan(self, target, name, record, found);
    *found = uuid_eq(&record->target, target) && !(record->flags & RECORD_EDIT) &&
             record->time_ms == name->time_ms;
    return SESSION_OK;
}

/* --- Judging */

/* SEEN: of a thread, whether its user sees what it is about; NULL: the entry is a revision. By the
 * message's last record: the revision LAST, or the one of the message's NAME. */
static session_outcome_t s_narrow(const edits_asker_t *self, journal_entry_t *entry,
                                  const journal_name_t *name, const edit_t *last, bool *seen)
{
    statement_t held;
    record_t before;
    bool found = false;
    uint64_t log = last->any ? last->log : name->number / self->journal->options.shards;
    session_outcome_t went = edits_record(self, log, &held, &before, &found);
    if (!found)
        before = (record_t){.flags = 0};
    if (seen)
        *seen = found && revisions_narrow(entry, &before);
    else
        revisions_take_over(entry, &before);
    statement_end(&held);
    return went;
}

static session_outcome_t s_judge_key(const edits_asker_t *self, journal_entry_t *entry)
{
    statement_t ask;
    edit_t last = {.any = false};
    journal_name_t name = {.number = 0};
    uint64_t root = 0;
    s_begin(&ask, "upsert",
            "SELECT root, root_number, root_ms FROM postern.upsert WHERE kind = $1 AND shard = $2 "
            "AND target = $3 AND key = $4",
            self->journal, &entry->record.target);
    statement_bytea(&ask, slice(entry->record.key, RECORD_KEY));
    session_outcome_t went = edits_ask(self, &ask);
    if (went == SESSION_OK && statement_rows(&ask)) {
        root = statement_number(&ask, 0, 0);
        name.number = statement_number(&ask, 0, 1);
        name.time_ms = (int64_t)statement_number(&ask, 0, 2);
    }
    statement_end(&ask);
    if (root)
        went = edits_find(self, &entry->record.target, root, true, &last);
    if (root && went == SESSION_OK)
        went = s_narrow(self, entry, &name, &last, NULL);
    if (root && went == SESSION_OK)
        revisions_add(entry, root, &name, last.any ? last.revision : 0);
    return went;
}

static session_outcome_t s_refuse(const edits_asker_t *self, journal_entry_t *entry,
                                  const edit_t *last)
{
    statement_t held;
    record_t latest;
    bool found;
    uint64_t log = last->any ? last->log : entry->named.number / self->journal->options.shards;
    session_outcome_t went = edits_record(self, log, &held, &latest, &found);
    entry->outcome = found ? revisions_refuse(entry, &latest) : JOURNAL_UNKNOWN;
    statement_end(&held);
    return went;
}

/* An event that is still to be delivered is not changed. */
static session_outcome_t s_judge_pending(const edits_asker_t *self, journal_entry_t *entry,
                                         const record_t *is)
{
    statement_t ask;
    s_begin(&ask, "busy",
            "SELECT 1 FROM postern.pending WHERE kind = $1 AND shard = $2 AND target = $3 AND id = "
            "$4 AND log = $5",
            self->journal, &is->target);
    statement_uuid(&ask, &is->id);
    statement_int8(&ask, entry->named.number / self->journal->options.shards);
    session_outcome_t went = edits_ask(self, &ask);
    if (went == SESSION_OK && statement_rows(&ask))
        entry->outcome = JOURNAL_BUSY;
    statement_end(&ask);
    return went;
}

static session_outcome_t s_judge_named(const edits_asker_t *self, journal_entry_t *entry)
{
    record_t *record = &entry->record, is;
    edit_t last = {.any = false};
    bool found;
    session_outcome_t went = edits_named(self, &record->target, &entry->named, &is, &found);
    uint64_t root = found ? record_root(&is) : 0;
    if (went == SESSION_OK && found)
        went = edits_find(self, &record->target, root, true, &last);
    if (went != SESSION_OK)
        return went;
    if (!found || last.deletes)
        entry->outcome = JOURNAL_UNKNOWN;
    else if (!revisions_may(entry, &is))
        return s_refuse(self, entry, &last);
    else if (is.flags & RECORD_DELIVER)
        went = s_judge_pending(self, entry, &is);
    if (went != SESSION_OK)
        return went;
    if (entry->outcome != JOURNAL_STORED)
        return SESSION_OK;
    memcpy(record->key, is.key, RECORD_KEY);
    went = s_narrow(self, entry, &entry->named, &last, NULL);
    if (entry->change == CHANGE_DELETE)
        record->flags = RECORD_DELETE;
    revisions_add(entry, root, &entry->named, last.revision);
    return went;
}

static session_outcome_t s_judge_thread(const edits_asker_t *self, journal_entry_t *entry)
{
    record_t about;
    edit_t last = {.any = false};
    bool found, seen = false;
    const uuid_t7 *target = &entry->record.target;
    session_outcome_t went = edits_named(self, target, &entry->about, &about, &found);
    if (went == SESSION_OK && found) {
        entry->record.thread = revisions_thread(&about);
        went = edits_find(self, target, record_root(&about), true, &last);
        if (went == SESSION_OK)
            went = s_narrow(self, entry, &entry->about, &last, &seen);
    }
    if (went == SESSION_OK && !seen)
        revisions_refuse_thread(entry);
    return went;
}

/* It may have been judged before, and its transaction be undone. */
static void s_begin_anew(journal_entry_t *entry)
{
    record_t *record = &entry->record;
    revisions_forget(entry);
    record->flags &= ~(unsigned)RECORD_EDIT;
    record->root = record->root_number = record->thread = 0;
    record->root_ms = 0;
    record->revision = 0;
    revisions_answer(record, &entry->answer);
}

session_outcome_t edits_judge(journal_t *journal, journal_entry_t *entry)
{
    edits_asker_t self = {journal, &journal->known, NULL};
    session_outcome_t went = SESSION_OK;
    s_begin_anew(entry);
    if (entry->about.number)
        went = s_judge_thread(&self, entry);
    if (went != SESSION_OK || entry->outcome != JOURNAL_STORED || entry->change == CHANGE_NONE)
        return went;
    return entry->change == CHANGE_KEYED ? s_judge_key(&self, entry) : s_judge_named(&self, entry);
}

/* --- Storing */

/* A record without its content. */
static void s_add_erased(edits_t *self, uint64_t log, record_t *record)
{
    if (record->flags & (RECORD_ERASED | RECORD_DELETE))
        return;
    record_erase(record);
    record->flags &= ~(unsigned)RECORD_DELIVER;
    array_add_int8(&self->logs, log);
    record_write(record, array_add(&self->records, record_size(record)));
}

static void s_rows_sql(const journal_t *journal, const record_t *record, sql_t *sql)
{
    const tables_t *tables = &journal->known;
    sql_add(sql, "WITH s AS (SELECT sequence FROM postern.edit WHERE kind = $1 AND shard = $2 AND "
                 "target = $3 AND root = $4 AND revision BETWEEN $5 AND $6");
    if (record->flags & RECORD_DELETE)
        sql_add(sql, " UNION ALL SELECT %llu::bigint", (unsigned long long)record->root);
    sql_add(sql, ") SELECT l.log, l.record FROM s CROSS JOIN LATERAL (");
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(sql,
                "%sSELECT log, record FROM postern.log_%c%u_%u WHERE target = $3 AND sequence = "
                "s.sequence",
                i ? " UNION ALL " : "", journal->kind, journal->options.shard,
                tables->segments[i].n);
    sql_add(sql, ") l");
}

session_outcome_t edits_prepare(edits_t *self, journal_t *journal, const record_t *record)
{
    edits_asker_t asker = {journal, &journal->known, NULL};
    statement_t ask;
    sql_t sql = {0};
    uint64_t from, to;
    array_begin(&self->logs, TYPE_INT8);
    array_begin(&self->records, TYPE_BYTEA);
    if (!record->root || !revisions_erased(record, &from, &to))
        return SESSION_OK;
    s_rows_sql(journal, record, &sql);
    s_begin(&ask, "", sql.text, journal, &record->target);
    statement_int8(&ask, record->root);
    statement_int8(&ask, from);
    statement_int8(&ask, to);
    session_outcome_t went = edits_ask(&asker, &ask);
    for (unsigned i = 0; went == SESSION_OK && i < statement_rows(&ask); i++) {
        record_t old;
        if (record_read(&old, statement_bytes(&ask, i, 1)) == 0)
            s_add_erased(self, statement_number(&ask, i, 0), &old);
    }
    statement_end(&ask);
    sql_free(&sql);
    return went;
}

static void s_edit_begin(statement_t *to, const journal_t *journal, const record_t *record,
                         uint64_t log)
{
    s_begin(to, "edit",
            "INSERT INTO postern.edit (kind, shard, target, root, revision, log, sequence, "
            "root_number, root_ms, deletes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10 <> 0)",
            journal, &record->target);
    statement_int8(to, record->root);
    statement_int8(to, record->revision);
    statement_int8(to, log);
    statement_int8(to, record->sequence);
    statement_int8(to, record->root_number);
    statement_int8(to, (uint64_t)record->root_ms);
    statement_int8(to, record->flags & RECORD_DELETE);
}

/* The message that has the key from now on; none, where it is deleted. */
static void s_key_begin(statement_t *to, const journal_t *journal, const record_t *record,
                        uint64_t log)
{
    const journal_options_t *options = &journal->options;
    bool deletes = record->flags & RECORD_DELETE;
    s_begin(to, deletes ? "free key" : "set key",
            deletes ? "DELETE FROM postern.upsert WHERE kind = $1 AND shard = $2 AND target = $3 "
                      "AND key = $4 AND root = $5"
                    : "INSERT INTO postern.upsert (kind, shard, target, key, root, root_number, "
                      "root_ms, log) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, "
                      "shard, target, key) DO UPDATE SET root = excluded.root, root_number = "
                      "excluded.root_number, root_ms = excluded.root_ms, log = excluded.log",
            journal, &record->target);
    statement_bytea(to, slice(record->key, RECORD_KEY));
    statement_int8(to, record->root ? record->root : record->sequence);
    if (deletes)
        return;
    statement_int8(to, record->root ? record->root_number
                                    : journal_number(log, options->shard, options->shards));
    statement_int8(to, (uint64_t)(record->root ? record->root_ms : record->time_ms));
    statement_int8(to, log);
}

/* In whichever segment each lies. */
static void s_erase_begin(edits_t *self, const journal_t *journal, statement_t *to)
{
    const tables_t *tables = &journal->known;
    sql_begin(&self->erase);
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(&self->erase,
                "%s s%u AS (UPDATE postern.log_%c%u_%u l SET record = e.record FROM unnest($1, $2) "
                "e(log, record) WHERE l.log = e.log)",
                i ? "," : "WITH", i, journal->kind, journal->options.shard, tables->segments[i].n);
    for (unsigned i = 0; journal->delivers && i < tables->segments_len; i++)
        sql_add(&self->erase,
                ", e%u AS (DELETE FROM postern.ended_%c%u_%u WHERE log = ANY ($1)), a%u AS (DELETE "
                "FROM postern.attempt_%c%u_%u WHERE log = ANY ($1))",
                i, journal->kind, journal->options.shard, tables->segments[i].n, i, journal->kind,
                journal->options.shard, tables->segments[i].n);
    if (journal->delivers)
        sql_add(&self->erase,
                ", p AS (DELETE FROM postern.pending WHERE kind = %u AND shard = %u AND log = ANY "
                "($1))",
                journal->number, journal->options.shard);
    sql_add(&self->erase, " SELECT 1");
    statement_begin(to, "", self->erase.text);
    statement_array(to, &self->logs, TYPE_INT8S);
    statement_array(to, &self->records, TYPE_BYTEAS);
}

size_t edits_begin(edits_t *self, const journal_t *journal, const record_t *record, uint64_t log,
                   statement_t *to)
{
    size_t count = 0;
    if (record->root)
        s_edit_begin(&to[count++], journal, record, log);
    if (record_is_keyed(record))
        s_key_begin(&to[count++], journal, record, log);
    if (self->logs.count > 0)
        s_erase_begin(self, journal, &to[count++]);
    return count;
}

void edits_end(edits_t *self)
{
    array_free(&self->logs);
    array_free(&self->records);
    sql_free(&self->erase);
}
