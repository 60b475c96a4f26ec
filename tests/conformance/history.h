/* Random histories: a journal lives through a few processes, each of which stores, notes, reads,
 * lets time pass, has no room for a while, and ends by closing the journal or without a word; and
 * in all of them the journal is what the model says. Threading: the main thread. */
#ifndef POSTERN_CONFORMANCE_HISTORY_H
#define POSTERN_CONFORMANCE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

/* The history of SEED, in the empty directory PLACE. False where it went wrong, as standard error
 * says. */
bool history_run(uint64_t seed, const char *place);

#endif
