/* How tokens are used: gathered in memory by the main thread, a row for each target that a token is
 * used on, by its kind and name, and once a second handed to the thread that writes. It writes
 * USAGE_ROWS rows each USAGE_TURN_MS, and more only where all would not be written in a minute;
 * further uses are counted together meanwhile: a row costs as much to write as a request costs to
 * judge. Turns are short because messages wait for the core and the disk that a turn has. Uses that
 * are gathered and not written are lost when the process dies; a count is not a promise.
 *
 * Threading: usage_note and usage_hand_over belong to the main thread, usage_take to the writer. */
#ifndef POSTERN_AUTHD_JUDGE_USAGE_H
#define POSTERN_AUTHD_JUDGE_USAGE_H

#include "authd/directory/tokens.h"
#include "common/base/ops.h"

enum {
    USAGE_ROWS = 256,
    USAGE_TURN_MS = 125,
    USAGE_TURNS = 60000 / USAGE_TURN_MS, /* most, for what was handed over at once */
};

typedef struct usage usage_t;

usage_t *usage_new(void);
void usage_destroy(usage_t **self_p);

/* What the target of an operation is: token_use_t's kind; a constant text, "" for none. */
const char *usage_kind(const op_t *op);

/* A request that was accepted; COUNT is 0 for a resend. Address and target are cut at
 * TOKEN_ADDRESS_MOST and TOKEN_TARGET_MOST and copied. KIND: usage_kind's. */
void usage_note(usage_t *self, const uuid_t7 *token, uint64_t wall_ms, unsigned count,
                slice_t address, const char *kind, slice_t target);

/* Offers the gathered uses to the writer; while the writer has not taken the former ones, gathering
 * goes on. */
void usage_hand_over(usage_t *self);

typedef void usage_fn(void *arg, const uuid_t7 *id, const token_use_t *use);

/* A turn of writing: gives the next rows of what was handed over to EACH, in the order of the token
 * ids; returns how many. */
unsigned usage_take(usage_t *self, usage_fn *each, void *arg);
/* usage_take of all rows that are left. */
unsigned usage_take_all(usage_t *self, usage_fn *each, void *arg);

#endif
