/* Moments as people and programs write them: in a query, at a command line.
 *
 * Threading: a pure function. */
#ifndef POSTERN_MOMENT_H
#define POSTERN_MOMENT_H

#include "common/base/slice.h"

#include <stdint.h>

/* What moment_parse takes, in words. */
#define MOMENT_FORMS                                                                               \
    "a time as 2026-01-02T03:04:05Z, a day as 2026-01-02, seconds or milliseconds since 1970, or " \
    "an age as 10m, 2h or 7d"

/* Milliseconds since 1970 of
 * - a time as clock_parse takes it; a space stands for the + of its offset, which a query makes of
 *   a + that is not escaped
 * - a day: its first moment by UTC
 * - a number of seconds since 1970, or from 100,000,000,000 (in 1973, or in 5138) to
 *   99,999,999,999,999 of milliseconds
 * - an age: so many s, m, h, d or w before NOW_MS, but not before 1970.
 * -1: TEXT is nothing of this. */
int64_t moment_parse(slice_t text, int64_t now_ms);

#endif
