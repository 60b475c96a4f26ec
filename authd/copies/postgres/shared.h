/* The copies over a PostgreSQL server, for this folder and nobody else.
 *
 * Tables, all in the schema postern (workers/journal/postgres/schema.c makes them):
 *   directory_head  one row: number and id of the last change, and the directory that it began with
 *   directory_row   the rows as they are now, for a copy that is filled
 *   directory_log   number → id of the change, and its redo (authd/directory/redo.h)
 *   directory_copy  host → its beat, and the number of the last change that it has
 *   directory_use   origin, token, target → how often it was used there, and that record's number
 *   directory_origin  origin → the number of its last record
 *
 * A change locks the head, so that there is one at a time, and is made by a copy that has all
 * before it; the log and the rows are written in the same transaction, which is committed before
 * the change is made here.
 *
 * What is read may be lost yet, where the server waits for its own copy: so a copy does nothing of
 * the log again before a commit of its own that came after the reading.
 *
 * A copy that has no row in directory_copy judges nothing. Who changed something waits for each row
 * until it has the change, or until its beat has stood still for the whole lease, by the waiter's
 * own monotonic clock: that row is removed. A copy judges for four fifths of the lease, by its own
 * clock, from before it sent the last beat that found its row. So only the rates of two clocks are
 * compared. The copy's is CLOCK_BOOTTIME: a guest that is suspended is waited for no longer than
 * any other, and CLOCK_MONOTONIC, which stands still with it, would let it judge on when it wakes.
 * The waiter's is CLOCK_MONOTONIC, by which it waits for longer where it was suspended itself.
 *
 * Threading: the session FOLLOWING is the following thread's once that runs; CHANGING is the
 * changing thread's. */
#ifndef POSTERN_AUTHD_COPIES_POSTGRES_SHARED_H
#define POSTERN_AUTHD_COPIES_POSTGRES_SHARED_H

#include "authd/copies/copies.h"
#include "authd/directory/copy.h"
#include "common/base/turning.h"
#include "common/postgres/session.h"

#include <stdatomic.h>

enum {
    COPIES_MOST = 64,     /* hosts that are watched */
    COPIES_LOG = 100,     /* changes of one reading */
    COPIES_ROWS = 500,    /* of tokens' use, likewise */
    COPIES_KEPT = 100000, /* changes that the log keeps; a copy that lacks more is filled anew */
    TURN_MS = 50,
    BEAT_MS = 1000, /* at most; of a short lease a tenth */
};

/* Another host's row, as it was seen last. */
typedef struct {
    uuid_t7 host;
    uint64_t beat;
    int64_t since_ms; /* that its beat stands still */
    bool there;
} watched_t;

typedef struct uses uses_t;

struct copies {
    unsigned magic;
    directory_t *directory;
    char *connection; /* may have a password */
    uuid_t7 host;     /* the id of the directory here */
    char name[80];
    int64_t lease_ms;
    session_t changing, following;
    sharing_t sharing;
    copy_mark_t mark; /* of the change in the making */
    bool locked;      /* CHANGING is in a transaction */
    turning_t *turning;
    bool joined; /* the following thread's, like what follows up to watched_len */
    int64_t beat_ms, cut_ms, said_ms;
    int64_t waits_ms; /* since when no change made here has got through; 0: none waits */
    watched_t watched[COPIES_MOST];
    unsigned watched_len;
    atomic_int_fast64_t lease_end_ms; /* clock_boot_ms, like beat_ms */
    atomic_uint_fast64_t changed, settled;
    atomic_int_fast64_t asked_ms; /* since when a change waits for the server's answer; 0: none */
    atomic_bool leads;            /* of the hosts that have a row this one has the lowest id */
    uses_t *uses;
    int fd;
};

/* begin.c: makes the directory a copy, by FOLLOWING: of what the server has, or, where that has
 * nothing, the first one. */
session_outcome_t begin_as_copy(copies_t *self);

/* follow.c: what the log has from MARK's change on, some changes of it, with the redo of what
 * follows it. REFUSED: the log does not know that change. The caller ends LOG where it is OK. */
session_outcome_t follow_read_log(session_t *session, const copy_mark_t *mark, statement_t *log);
copy_mark_t follow_mark(const statement_t *log, unsigned row);
/* Does again what the log has beyond this copy. *DID: something. REFUSED: the log does
 * not know this copy's last change. */
session_outcome_t follow_catch_up(copies_t *self, session_t *session, bool *did);
/* Puts the row of this host there, catches up, and may judge from then on. */
session_outcome_t follow_join(copies_t *self);
bool follow_turn(void *arg);
void follow_leave(copies_t *self);

/* change.c */
void change_begin(copies_t *self);

/* usage.c */
uses_t *uses_new(void);
void uses_destroy(uses_t **self_p);
/* A change is made: of tokens that are gone nothing is kept. By the changing thread. */
void uses_forget(copies_t *self, slice_t redo);
/* By the following thread, over FOLLOWING: does what is due; ALL: also what is not yet. False:
 * there was nothing, or it went wrong. */
bool uses_turn(copies_t *self, int64_t now_ms, bool all);
/* Tells what it has not told yet, as far as the server takes it. */
void uses_leave(copies_t *self);

/* What a copy holds. */
copy_mark_t copies_mark(const copies_t *self);
/* In an exchange: rows of the directory, made or replaced, and removed. */
typedef struct {
    array_t tables, keys, values;
} rows_out_t;
void rows_out_begin(rows_out_t *self, bool values);
void rows_out_free(rows_out_t *self);
void rows_out_add(rows_out_t *self, const redo_row_t *row);
void rows_put(statement_t *to, rows_out_t *rows);
void rows_delete(statement_t *to, rows_out_t *rows);

#endif
