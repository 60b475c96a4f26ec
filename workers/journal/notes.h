/* The notes of outbox.h that wait for an engine's writer, and those that it has taken into a
 * transaction.
 *
 * Threading: notes_add is the main thread's, notes_wait and notes_committed any thread's, the rest
 * the writer's. */
#ifndef POSTERN_WORKERS_JOURNAL_NOTES_H
#define POSTERN_WORKERS_JOURNAL_NOTES_H

#include "workers/journal/outbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

typedef struct note {
    STAILQ_ENTRY(note) link;
    uint64_t number;
    journal_note_t note; /* its slices point into BYTES */
    record_t reply;
    char bytes[];
} note_t;
typedef STAILQ_HEAD(, note) note_list_t;

typedef struct {
    pthread_mutex_t lock; /* of what waits */
    note_list_t waiting;
    note_list_t applied; /* those that the open transaction has */
    uint64_t given;      /* the main thread's: number of the last */
    atomic_uint_fast64_t committed;
    int64_t next_ms; /* the writer's: when to try again, after there was no room for them */
} notes_t;

void notes_open(notes_t *self);
/* Drops what is left. */
void notes_close(notes_t *self);

/* Copies it. True when it is the first that waits: the writer does not know of it. */
bool notes_add(notes_t *self, const journal_note_t *note);
bool notes_wait(notes_t *self);
/* The number of the first that waits; UINT64_MAX: none does. */
uint64_t notes_first(notes_t *self);
/* The number of the last one that is committed. */
uint64_t notes_noted(const notes_t *self);

/* The replies in the first of those that wait, as entries; *UNTIL: the number of the last note that
 * has none or one of these. Valid while the notes wait. */
enum { NOTES_REPLIES = 256 };
size_t notes_replies(notes_t *self, journal_entry_t entries[NOTES_REPLIES], uint64_t *until);
/* Moves those up to that number, at most MOST, into the transaction: the first of them, the others
 * by LINK; NULL: there is none. */
const note_t *notes_take(notes_t *self, uint64_t until, size_t most);
/* There is no room for them: all wait again. */
void notes_give_back(notes_t *self);
void notes_commit(notes_t *self);

#endif
