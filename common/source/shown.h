/* Secrets that a sender shows in a header of their own (alg equal): compared by who alone sees such
 * headers, in time that does not tell where they differ. Threading: no state, any thread. */
#ifndef POSTERN_SOURCE_SHOWN_H
#define POSTERN_SOURCE_SHOWN_H

#include "common/source/key.h"
#include "common/source/record.h"

/* Whether the scheme's secret is a header. */
bool source_is_shown(const scheme_t *scheme);

/* Which of the COUNT keys VALUE is, behind ITEM where it begins so; from 1, 0: none. All are
 * compared. */
unsigned source_key_of(slice_t value, slice_t item, const source_key_t *keys, size_t count);

/* Looks for the header of such a scheme among HEADERS (pairs): each that has its name is to be one
 * of the COUNT keys. *KEY: which, from 1; 0: none. */
source_told_t source_shown(const scheme_t *scheme, const source_key_t *keys, size_t count,
                           slice_t headers, unsigned *key);

#endif
