/* The rows of the outbox as they lie in the file, and the functions that change them in a pass;
 * nobody but the LMDB engine includes this header. Keys big-endian, the rest little-endian.
 *
 *   outbox      target, order, log sequence → due_row_t; pending items
 *   items       target, log sequence → item_row_t; all items
 *   attempts    log sequence, number → attempt_row_t, trace_row_t and a trace where the status has
 *               ATTEMPT_TRACED, answer
 *   dead        target, log sequence → nothing
 *   done        running time at which it ended, log sequence → target
 *   handlers    target → bytes
 *   health      target → bytes */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_OUTBOX_ROWS_H
#define POSTERN_WORKERS_JOURNAL_LMDB_OUTBOX_ROWS_H

#include "workers/journal/export.h"
#include "workers/journal/lmdb/lmdb.h"

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

/* Beside the state: the reply of the item's handler is stored. */
enum { ITEM_REPLIED = 0x80 };

typedef struct __attribute__((packed)) {
    uint8_t state; /* outbox_state_t, ITEM_REPLIED */
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
    uint16_t status; /* below 1000, with ATTEMPT_TRACED */
    uint8_t outcome;
} attempt_row_t;

/* Since schema 8; what is older has no trace. */
enum { ATTEMPT_TRACED = 0x8000 };

typedef struct __attribute__((packed)) {
    uint16_t len;
} trace_row_t;

/* An item that PASS has just stored: pending, due at once. */
int outbox_store(pass_t *pass, const record_t *record, uint64_t log);
/* Whether PASS has to store a reply: its event's item is there and has no reply yet. */
int outbox_wants_reply(pass_t *pass, const record_t *reply, bool *wanted);
/* PASS has stored the reply: notes that in its item. */
int outbox_replied(pass_t *pass, const record_t *reply);
/* Whether a record that is to go has a pending item. */
int outbox_is_pending(pass_t *pass, const record_t *record, uint64_t log, bool *pending);
/* Removes what there is of an item, with its record. */
int outbox_forget(pass_t *pass, const uuid_t7 *target, uint64_t log);
/* Removes at most STEPS items that ended long ago; adds to pass->removed. */
int outbox_prune(pass_t *pass, size_t steps);
/* An item that is damaged is made again of its place in the outbox, its record and its attempts;
 * one of which these say nothing is forgotten (MDB_NOTFOUND). It must not end who comes upon it:
 * that would be every process that ends its delivery. *ROW: empty before. */
int outbox_mend(pass_t *pass, const uuid_t7 *target, uint64_t log, item_row_t *row);
/* A row of a table of the outbox; what is not there is as good as removed. */
int outbox_put(pass_t *pass, journal_table_t table, MDB_val key, MDB_val value);
int outbox_remove(pass_t *pass, journal_table_t table, MDB_val key);
/* Carries out a note. */
int outbox_apply(pass_t *pass, const journal_note_t *note);

/* The item of an exported record, which PASS has just stored at LOG. */
int outbox_import(pass_t *pass, const journal_exported_t *entry, uint64_t log);

outbox_course_t item_course(const item_row_t *row);

/* The attempt that BYTES are; borrows from them. MDB_CORRUPTED: they are none. */
int attempt_read(slice_t bytes, outbox_attempt_t *attempt);

/* note.c: carries out those that wait, up to that number. */
int outbox_take_notes(pass_t *pass, uint64_t until);

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

static inline outbox_state_t item_state(const item_row_t *row)
{
    return (outbox_state_t)(row->state & ~ITEM_REPLIED);
}

static inline void item_set_state(item_row_t *row, outbox_state_t state)
{
    row->state = (uint8_t)((row->state & ITEM_REPLIED) | state);
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
