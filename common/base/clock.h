/* Time. Deadlines, residence and rates use the monotonic clock only; the wall clock is for what a
 * person reads. Threading: any thread. */
#ifndef POSTERN_CLOCK_H
#define POSTERN_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC, which goes on while the process is stopped. */
int64_t clock_ms(void);
int64_t clock_us(void);

/* CLOCK_REALTIME, milliseconds since 1970. */
int64_t clock_wall_ms(void);

/* RFC 3339 with milliseconds and Z, as "2026-01-02T03:04:05.678Z". */
enum { CLOCK_TEXT = 32 };
void clock_text(int64_t wall_ms, char text[CLOCK_TEXT]);

#endif
