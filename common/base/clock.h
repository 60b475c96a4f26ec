/* Time. Deadlines, residence and rates use the monotonic clock only; the wall clock is for what a
 * person reads. Threading: any thread. */
#ifndef POSTERN_CLOCK_H
#define POSTERN_CLOCK_H

#include "common/base/slice.h"

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, which goes on while the process is stopped. */
int64_t clock_ms(void);
int64_t clock_us(void);

/* CLOCK_BOOTTIME, which goes on while the machine is suspended, too: for what another machine
 * waits for meanwhile. */
int64_t clock_boot_ms(void);

/* CLOCK_REALTIME, milliseconds since 1970. */
int64_t clock_wall_ms(void);

/* RFC 3339 with milliseconds and Z, as "2026-01-02T03:04:05.678Z". */
enum { CLOCK_TEXT = 32 };
void clock_text(int64_t wall_ms, char text[CLOCK_TEXT]);

/* Milliseconds since 1970 of a time as RFC 3339 §5.6 has it, with an offset or Z; a finer fraction
 * is cut. -1: TEXT is no such time, the calendar has no such day, the time lies before 1970, or its
 * second is 60. */
int64_t clock_parse(slice_t text);

/* Seconds since 1970 of a date and time in UTC; a second of 60 is the next minute's first. -1: the
 * calendar has no such day, or the time lies before 1970. */
int64_t clock_seconds(const struct tm *utc);

#endif
