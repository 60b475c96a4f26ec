/* The hash by which a repeat of an Idempotency-Key is told to be the same request: over all that
 * the sender chose, the parameters and the body. The parameters count in any order, parameters of
 * one name in the order in which they came.
 *
 * Threading: pure functions. */
#ifndef POSTERN_WORKERS_POST_FINGERPRINT_H
#define POSTERN_WORKERS_POST_FINGERPRINT_H

#include "workers/journal/journal.h"

/* PARAMS: encoded pairs (common/wire). AS_CAME: the hash over the parameters in the order in which
 * they came, which rows of a journal may have that a worker of another version wrote. */
void fingerprint(slice_t params, slice_t body, uint8_t hash[JOURNAL_HASH],
                 uint8_t as_came[JOURNAL_HASH]);

#endif
