/* Random histories: a journal lives through a few processes, each of which stores, notes, reads,
 * lets time pass, has no room for a while, and ends by closing the journal or without a word; and
 * in all of them the journal is what the model says. Threading: the main thread. */
#ifndef POSTERN_CONFORMANCE_HISTORY_H
#define POSTERN_CONFORMANCE_HISTORY_H

#include "tests/conformance/subject.h"

/* The history of SEED, in the empty directory PLACE. False where it went wrong, as standard error
 * says. */
bool history_run(uint64_t seed, const char *place);

/* The same, of one that other programs go on with: what is known of it lies in PLACE/history, its
 * journal in PLACE/bot-0. */
bool history_begin(uint64_t seed, const char *place);
/* Goes on with it, by a journal that was made of the former one. */
bool history_go_on(const char *place);
subject_options_t history_options(const char *place);

#endif
