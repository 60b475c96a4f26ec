/* How tokens are used: gathered in memory by the main thread, once a second handed to the thread
 * that writes. What a second's gathering holds is lost when the process dies; a count is not a
 * promise.
 *
 * Threading: usage_note and usage_hand_over belong to the main thread, usage_take to the writer. */
#ifndef POSTERN_USAGE_H
#define POSTERN_USAGE_H

#include "authd/directory/tokens.h"

typedef struct usage usage_t;

usage_t *usage_new(void);
void usage_destroy(usage_t **self_p);

/* A request that was accepted; COUNT is 0 for a resend. Address and target are cut at
 * TOKEN_ADDRESS_MOST and TOKEN_TARGET_MOST and copied. */
void usage_note(usage_t *self, const uuid_t7 *token, uint64_t wall_ms, unsigned count,
                slice_t address, slice_t target);

/* Offers what was gathered to the writer; when that has not taken the last yet, it goes on
 * gathering. */
void usage_hand_over(usage_t *self);

/* Gives each row of what was handed over to EACH, in the order of the token ids; returns how many
 * there were. */
unsigned usage_take(usage_t *self, void (*each)(void *arg, const uuid_t7 *id, const token_use_t *),
                    void *arg);

#endif
