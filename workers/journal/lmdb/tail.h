/* The tail of a journal: the entries that its write-ahead file has and the engine has not committed
 * yet, in memory, for readers. A reader looks at the committed tables and then at the tail, and so
 * waits for no commit, however long the disk takes. The writer takes from it what it applies again,
 * and so waits for no read of the file, which writes go past the page cache of.
 *
 * Records come in generations, as in the write-ahead file: a generation that is being committed,
 * and the one after it. Generations that the last commit covers are dropped.
 *
 * Memory: as much as the write-ahead file has of such records, and 64 bytes an entry.
 *
 * Threading: one writer, which stages, publishes and drops, and any number of readers beside it.
 * Locks are held for as long as a few dozen records are looked up, never during input or output. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_TAIL_H
#define POSTERN_WORKERS_JOURNAL_LMDB_TAIL_H

#include "workers/journal/record.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tail tail_t;
typedef struct tail_part tail_part_t;

enum {
    TAIL_PARTS = 2,
    TAIL_ROWS = 32,
    TAIL_STRIDE = 64, /* of so many records of a target one is looked up, the rest from there */
};

tail_t *tail_new(void);
void tail_destroy(tail_t **self_p);

/* Copies an entry of the write-ahead file, which ends with the LEN bytes of RECORD's encoding, into
 * a generation: the last one, or one after it. No reader sees the record before tail_publish. */
void tail_stage(tail_t *self, uint64_t generation, const record_t *record, slice_t entry,
                size_t len);
/* Forgets the staged records. */
void tail_unstage(tail_t *self);
/* The staged records are durable, with log sequences from FIRST_LOG on, which follow those of the
 * records that the generation has already. */
void tail_publish(tail_t *self, uint64_t first_log);
/* The generations up to this one are committed. */
void tail_drop(tail_t *self, uint64_t generation);

/* Calls EACH for the published entries of a generation, in order; ends early with what EACH
 * returned when that is not 0. For the writer. */
typedef int (*tail_each_fn)(void *arg, slice_t entry);
int tail_each(const tail_t *self, uint64_t generation, tail_each_fn each, void *arg);

/* Counts the calls of tail_drop. While the count stays the same, a record that tail_read does not
 * find, and that was not committed at an earlier moment, does not exist. */
uint64_t tail_drops(const tail_t *self);

typedef struct {
    uint64_t log;
    slice_t encoded;
} tail_row_t;

typedef struct {
    tail_part_t *part; /* NULL: there are none */
    size_t len;
    tail_row_t rows[TAIL_ROWS];
} tail_page_t;

/* Records of a target from SEQUENCE on, in order; perhaps fewer than there are, but none only when
 * that sequence is not in the tail. The rows hold until tail_release. */
void tail_read(tail_t *self, const uuid_t7 *target, uint64_t sequence, tail_page_t *page);
/* Records of all targets from log sequence LOG on, likewise: where the tail has none of that
 * number, from the next one on. */
void tail_scan(tail_t *self, uint64_t log, tail_page_t *page);
void tail_release(tail_t *self, tail_page_t *page);

/* The generations that there are, kept as they are dropped, until tail_let_go. */
typedef struct {
    tail_part_t *part[TAIL_PARTS];
} tail_held_t;
void tail_hold(tail_t *self, tail_held_t *held);
void tail_let_go(tail_t *self, tail_held_t *held);
/* The last revision in them of the target's message at ROOT; false when there is none. */
bool tail_revision(tail_t *self, const tail_held_t *held, const uuid_t7 *target, uint64_t root,
                   tail_row_t *row);
/* The last record in them of that message, its first one or a revision, that has a lower log
 * sequence than LOG; false likewise. Looks at all records between the two, some at a time. */
bool tail_before(tail_t *self, const tail_held_t *held, const uuid_t7 *target, uint64_t root,
                 uint64_t log, tail_row_t *row);
/* The record at LOG, whichever target's; false likewise. */
bool tail_at(tail_t *self, const tail_held_t *held, uint64_t log, tail_row_t *row);

#endif
