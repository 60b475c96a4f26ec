/* What tells whether a repeat of an Idempotency-Key is the same request: a hash of all that the
 * sender chose, the parameters and the body. The parameters count in any order, those of one name
 * in theirs.
 *
 * Threading: pure functions. */
#ifndef POSTERN_FINGERPRINT_H
#define POSTERN_FINGERPRINT_H

#include "workers/journal.h"

/* PARAMS: encoded pairs (common/wire). AS_CAME: the same of the parameters in the order in which
 * they came, as rows of a journal may have it that a worker of another version wrote. */
void fingerprint(slice_t params, slice_t body, uint8_t hash[JOURNAL_HASH],
                 uint8_t as_came[JOURNAL_HASH]);

#endif
