/* The tail of a journal: the records that its write-ahead file has and the engine has not committed
 * yet, in memory, for who reads. A reader looks at what is committed and then here, and so waits
 * for no commit, however long the disk takes for it.
 *
 * Records come in generations, as in the write-ahead file: one that is being committed, and the one
 * after it. What the last commit covers is dropped.
 *
 * Memory: as much as the write-ahead file has of such records, and 48 bytes a record.
 *
 * Threading: one writer, which stages, publishes and drops, and any number of readers beside it.
 * Locks are held for as long as a few dozen records are looked up, never during input or output. */
#ifndef POSTERN_TAIL_H
#define POSTERN_TAIL_H

#include "workers/record.h"

#include <stddef.h>

typedef struct tail tail_t;
typedef struct tail_part tail_part_t;

enum {
    TAIL_ROWS = 32,
    TAIL_STRIDE = 64, /* each so many records of a target are found at once, the rest from there */
};

tail_t *tail_new(void);
void tail_destroy(tail_t **self_p);

/* Copies a record, whose encoding is ENCODED, into a generation: the last one, or one after it.
 * Nobody sees it before tail_publish. */
void tail_stage(tail_t *self, uint64_t generation, const record_t *record, slice_t encoded);
/* Forgets what is staged. */
void tail_unstage(tail_t *self);
/* What is staged is durable, with log sequences from FIRST_LOG on, which follow those of the
 * generation that it has already. */
void tail_publish(tail_t *self, uint64_t first_log);
/* The generations up to this one are committed. */
void tail_drop(tail_t *self, uint64_t generation);

/* Counts the calls of tail_drop: what tail_read does not find, and what was not committed at an
 * earlier moment, does not exist while it stays the same. */
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

/* Records of a target from SEQUENCE on, in order; fewer than there are, but none only when that
 * sequence is not in the tail. They stay until tail_release. */
void tail_read(tail_t *self, const uuid_t7 *target, uint64_t sequence, tail_page_t *page);
void tail_release(tail_t *self, tail_page_t *page);

#endif
