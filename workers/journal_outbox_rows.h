/* The rows of the outbox as they lie in the file, and what changes them in a pass; nobody but the
 * LMDB engine includes it. Keys big-endian, the rest little-endian.
 *
 *   outbox      target, order, log sequence → due_row_t; pending items
 *   items       target, log sequence → item_row_t; all items
 *   attempts    log sequence, number → attempt_row_t, answer
 *   dead        target, log sequence → nothing
 *   done        running time at which it ended, log sequence → target
 *   handlers    target → bytes
 *   health      target → bytes */
#ifndef POSTERN_JOURNAL_OUTBOX_ROWS_H
#define POSTERN_JOURNAL_OUTBOX_ROWS_H

#include "workers/journal_lmdb.h"
#include "workers/journal_outbox.h"

typedef struct __attribute__((packed)) {
    uint8_t target[UUID_BYTES];
    uint64_t order, log;
} outbox_key_t;

typedef struct __attribute__((packed)) {
    uint64_t due_ms, stored_ms, first_ms;
    uint16_t made;
} due_row_t;

typedef struct __attribute__((packed)) {
    uint8_t target[UUID_BYTES];
    uint64_t log;
} item_key_t;

typedef struct __attribute__((packed)) {
    uint8_t state;
    uint16_t made;
    uint32_t attempts;
    uint64_t order, due_ms, stored_ms, first_ms, done_ms, time_ms;
    uint8_t id[UUID_BYTES];
} item_row_t;

typedef struct __attribute__((packed)) {
    uint64_t log, number;
} attempt_key_t;

typedef struct __attribute__((packed)) {
    uint64_t time_ms, duration_us;
    uint16_t status;
    uint8_t outcome;
} attempt_row_t;

/* An item that PASS has just stored: pending, due at once. */
int outbox_store(pass_t *pass, const record_t *record, uint64_t log);
/* Whether a record that is to go has a pending item. */
int outbox_is_pending(pass_t *pass, const record_t *record, uint64_t log, bool *pending);
/* Removes what there is of an item, with its record. */
int outbox_forget(pass_t *pass, const uuid_t7 *target, uint64_t log);
/* Removes at most STEPS items that ended long ago; adds to pass->removed. */
int outbox_prune(pass_t *pass, size_t steps);
/* Carries out a note. */
int outbox_apply(pass_t *pass, const journal_note_t *note);

/* For a reshard: an item of another journal at FROM_LOG, whose record now lies at LOG; times are
 * moved on by SHIFT. */
int outbox_move(pass_t *pass, MDB_txn *from, const MDB_dbi *tables, const uuid_t7 *target,
                uint64_t from_log, uint64_t log, uint64_t shift);

/* journal_note.c: the notes that wait and those that the open pass has. */
int notes_take(pass_t *pass);          /* those that wait */
int notes_again(pass_t *pass);         /* those that the pass before had */
void notes_give_back(journal_t *self); /* there is no room for them: they wait again */
void notes_committed(journal_t *self);
bool notes_wait(journal_t *self);
void notes_drop(journal_t *self); /* at the end */

/* A health row begins with a running time, or 0. */
static inline void health_shift(void *row, size_t size, uint64_t shift)
{
    uint64_t since;
    if (size < sizeof since)
        return;
    memcpy(&since, row, sizeof since);
    since = since ? htole64(le64toh(since) + shift) : 0;
    memcpy(row, &since, sizeof since);
}

static inline MDB_val outbox_val(const void *data, size_t size)
{
    return (MDB_val){size, (void *)data};
}

static inline outbox_key_t outbox_key(const uuid_t7 *target, uint64_t order, uint64_t log)
{
    outbox_key_t key = {.order = htobe64(order), .log = htobe64(log)};
    memcpy(key.target, target->bytes, UUID_BYTES);
    return key;
}

static inline item_key_t item_key(const uuid_t7 *target, uint64_t log)
{
    item_key_t key = {.log = htobe64(log)};
    memcpy(key.target, target->bytes, UUID_BYTES);
    return key;
}

#endif
