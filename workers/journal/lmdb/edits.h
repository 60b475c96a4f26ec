/* Messages that were changed, and records that are found by other ways than their place: by public
 * number, by a key of their sender's, by the thread.
 *
 * All rows follow from the records, so that a replay of the write-ahead file makes the same ones.
 * Threading: that of the transaction. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_EDITS_H
#define POSTERN_WORKERS_JOURNAL_LMDB_EDITS_H

#include "workers/journal/lmdb/read.h"
#include "workers/journal/messages.h"

/* A revision, as the table has it. */
typedef struct {
    uint64_t root, revision;
    uint64_t log, sequence;
    uint64_t root_number;
    int64_t root_ms;
    bool deletes;
} edit_t;

/* The last revision of the message at ROOT that there is, or the oldest one; MDB_NOTFOUND when
 * there is none. CURSOR is one of edits. */
int edits_last(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, edit_t *edit);
int edits_oldest(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, edit_t *edit);
/* The one before REVISION, likewise. */
int edits_before(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, uint64_t revision,
                 edit_t *edit);
/* The first revision of the first message from ROOT on; MDB_NOTFOUND likewise. */
int edits_next(MDB_cursor *cursor, const uuid_t7 *target, uint64_t root, edit_t *edit);

/* find.c: the log sequence of the target's record at SEQUENCE, which lies in RANGE. */
int sight_log(const sight_t *self, const uuid_t7 *target, uint64_t sequence,
              const range_row_t *range, uint64_t *log);
/* The target's record with a public number; MDB_NOTFOUND. */
int sight_number(const sight_t *self, const uuid_t7 *target, uint64_t number,
                 const range_row_t *range, uint64_t *log, record_t *record);
/* The record at which a named message stands: its first one, else its oldest revision. */
int sight_message(const sight_t *self, const uuid_t7 *target, const journal_name_t *name,
                  const range_row_t *range, uint64_t *log, record_t *record);

/* Finds what an entry that is to be stored changes or belongs to: its record says so afterwards, or
 * its outcome why not. */
int edits_judge(pass_t *pass, journal_entry_t *entry);
/* Whether edits_judge has something to do. */
static inline bool edits_concern(const journal_entry_t *entry)
{
    return entry->change != CHANGE_NONE || entry->about.number != 0;
}
/* Whether the tables as they were before a commit that is under way say that the entry is no change
 * of another record, as far as its key was not stored since. */
int edits_look_ahead(pass_t *ahead, const journal_entry_t *entry, bool *is_new);

/* Adds and removes the rows of a record that is related (record.h). Storing a revision that deletes
 * removes the content of those before it. */
int edits_store(pass_t *pass, const record_t *record, uint64_t log);
int edits_retire(pass_t *pass, const record_t *record);

/* erase.c: removes the content of the record at LOG, and of those before LAST. */
int erase_record(pass_t *pass, uint64_t log);
int erase_before(pass_t *pass, const record_t *last);

#endif
