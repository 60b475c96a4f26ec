/* Messages that are changed: the revisions of each, and which message a key of its sender's has.
 * Tables, beside those of postgres.h:
 *   edit    kind, shard, target, root, revision → where the revision is, and what the id of its
 *           message is made of
 *   upsert  kind, shard, target, key → the message that has the key; log: of the last record of it
 *
 * An entry that is to change another record is a transaction of its own: it is judged by what the
 * ones before it have stored.
 *
 * Threading: that of who asks, the writer or a reader. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_EDITS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_EDITS_H

#include "workers/journal/messages.h"
#include "workers/journal/postgres/postgres.h"

/* Who asks: the writer with a copy of the tables, or a reader. */
typedef struct {
    journal_t *journal;
    const tables_t *tables;
    journal_reader_t *reader; /* NULL: the writer */
} edits_asker_t;

session_outcome_t edits_ask(const edits_asker_t *self, statement_t *ask);

/* A revision as the table has it. */
typedef struct {
    bool any; /* false: there is none */
    uint64_t root, revision, log, sequence, root_number;
    int64_t root_ms;
    bool deletes;
} edit_t;

/* The last revision of the message at ROOT, or the oldest one. */
session_outcome_t edits_find(const edits_asker_t *self, const uuid_t7 *target, uint64_t root,
                             bool last, edit_t *edit);
/* The one before REVISION. */
session_outcome_t edits_before(const edits_asker_t *self, const uuid_t7 *target, uint64_t root,
                               uint64_t revision, edit_t *edit);
/* The record at LOG; HELD keeps what its slices point to (statement_end). *found: it is there. */
session_outcome_t edits_record(const edits_asker_t *self, uint64_t log, statement_t *held,
                               record_t *record, bool *found);
/* The record at which a named message stands: its first one, else its oldest revision. Without its
 * slices. */
session_outcome_t edits_named(const edits_asker_t *self, const uuid_t7 *target,
                              const journal_name_t *name, record_t *record, bool *found);

/* Whether edits_judge has something to do. */
static inline bool edits_concern(const journal_entry_t *entry)
{
    return entry->change != CHANGE_NONE || entry->about.number != 0;
}
/* Finds what an entry that is to be stored changes or belongs to: its record says so afterwards, or
 * its outcome why not. By the writer. */
session_outcome_t edits_judge(journal_t *self, journal_entry_t *entry);

/* What a record that belongs to a message adds to its transaction. */
enum { EDITS_STATEMENTS = 3 };
typedef struct {
    array_t logs, records; /* that lose their content */
    sql_t erase;
} edits_t;
/* Reads what the record is to erase. */
session_outcome_t edits_prepare(edits_t *self, journal_t *journal, const record_t *record);
/* How many statements: at TO. */
size_t edits_begin(edits_t *self, const journal_t *journal, const record_t *record, uint64_t log,
                   statement_t *to);
void edits_end(edits_t *self);

#endif
