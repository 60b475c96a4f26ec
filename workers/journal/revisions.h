/* Messages and their revisions, as far as every engine treats them alike: what an entry becomes
 * that changes a message, and what is shown of a record (journal.h, messages.h).
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_JOURNAL_REVISIONS_H
#define POSTERN_WORKERS_JOURNAL_REVISIONS_H

#include "workers/journal/messages.h"

/* What a record has as its key: one's own, nobody else's message has it. */
void revisions_hash(const uuid_t7 *user, slice_t key, uint8_t hash[RECORD_KEY]);
/* The entry's record becomes the revision behind LAST, 0: none, of the message that has its first
 * record at sequence ROOT, and that NAME names; its answer says so. */
void revisions_add(journal_entry_t *entry, uint64_t root, const journal_name_t *name,
                   uint64_t last);
/* What the answer to a record tells of the message that the record revises. */
void revisions_answer(const record_t *record, journal_answer_t *answer);

/* Whether the entry may change the message that has the record IS: its sender's own, or any that it
 * may delete. */
bool revisions_may(const journal_entry_t *entry, const record_t *is);
/* What becomes of one that may not, by the message's last record LATEST: who does not see that does
 * not learn that it is there, either. */
journal_outcome_t revisions_refuse(const journal_entry_t *entry, const record_t *latest);
/* Before the entry's record is stored that goes into the thread of BEFORE: where it names nobody it
 * is for those alone whom BEFORE is for. False: BEFORE is not for the entry's user. */
bool revisions_narrow(journal_entry_t *entry, const record_t *before);
/* The same of one that revises BEFORE, in whose thread it stays. */
void revisions_take_over(journal_entry_t *entry, const record_t *before);
/* Frees what revisions_narrow has taken over. */
void revisions_forget(journal_entry_t *entry);
/* There is no such message for who posts: an entry is refused, but a handler's reply, whose handler
 * nobody tells, is of no thread. */
void revisions_refuse_thread(journal_entry_t *entry);

/* Sequence of the message that the thread is about which a record about ABOUT belongs to. */
uint64_t revisions_thread(const record_t *about);
/* The revisions FROM to TO that lose their content with the record LAST, a revision; where that
 * deletes, the first record loses it, too. False: nothing does. */
bool revisions_erased(const record_t *last, uint64_t *from, uint64_t *to);

/* Whether a view has the record: it may leave threads out, or be one of them. */
bool revisions_are_viewed(const journal_view_t *view, const record_t *record);
/* Whether the record is a revision with which the view's user may have lost the message: so it is
 * when journal_was_for. */
bool revisions_may_take(const journal_view_t *view, const record_t *record);
/* What is shown of a revision to who has lost the message with it: the message's delete. */
void revisions_take(const record_t *record, record_t *shown);
/* Puts together what a view shows of a record that it has, whose message has the revision LAST, or
 * NULL: none. SHOWN borrows from both. False: nothing is shown. */
bool revisions_show(const journal_view_t *view, const record_t *record, const record_t *last,
                    record_t *shown);

#endif
