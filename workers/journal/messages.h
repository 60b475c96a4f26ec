/* Reading messages as they are, where journal_read gives each record: a message that was changed is
 * its first record, put together with its last revision (journal_change_t).
 *
 * Threading: the reader's. */
#ifndef POSTERN_WORKERS_JOURNAL_MESSAGES_H
#define POSTERN_WORKERS_JOURNAL_MESSAGES_H

#include "workers/journal/journal.h"

/* Which messages are read, and how. */
typedef struct {
    bool revisions;  /* each record by itself: deleted messages, too, with what is left of them */
    bool no_threads; /* none of threads, but for those that are shown in the parent */
    uint64_t before; /* sequence that is not read, nor what is behind it; 0: all is read */
    uint64_t thread; /* journal_find_root's: only this message and those of its thread */
    /* What is narrowed to others is not read, but for revisions that take the message from this
     * user, which are shown as its delete; NULL: nor what is narrowed at all. */
    const uuid_t7 *reader;
    bool whole; /* all is read */
} journal_view_t;

/* journal_read of messages as they are: each once, where its oldest record stands, with the content
 * of its last revision, and without the deleted ones. Of what was changed while it is read either
 * the one or the other. The record is put together: number and time_ms are those that the message's
 * id is made of. Ends where JOURNAL_SKIPPED records in a row show nothing, with the sequence to go
 * on from; else 0. */
enum { JOURNAL_SKIPPED = 16384 };
uint64_t journal_read_messages(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                               const journal_view_t *view, journal_range_t *range,
                               journal_each_fn each, void *arg);
/* Whether a message was for USER before RECORD, a revision of it at LOG that is not. During EACH of
 * any read. */
bool journal_was_for(journal_reader_t *self, uint64_t log, const record_t *record,
                     const uuid_t7 *user);
/* Where journal_read_messages has the named message, unless it is deleted; 0: the target has none.
 */
uint64_t journal_find(journal_reader_t *self, const uuid_t7 *target, const journal_name_t *name);
/* The same of the sequence that the message's first record has, or had before retention removed it:
 * by this its thread is known. */
uint64_t journal_find_root(journal_reader_t *self, const uuid_t7 *target,
                           const journal_name_t *name);

#endif
