/* How often a token was used: in each of the last 24 hours and of the last 30 days, by UTC. The
 * counts are part of the token's row of usage.
 *
 * Threading: any thread. Times: wall clock, ms. */
#ifndef POSTERN_CALLS_H
#define POSTERN_CALLS_H

#include "authd/directory/fields.h"

enum { CALLS_HOURS = 24, CALLS_DAYS = 30 };

/* A run of periods: the newest one stands last. Zero-initialised is empty. */
typedef struct {
    uint64_t hour, day; /* since 1970, of the newest count; 0: no count yet */
    uint32_t hours[CALLS_HOURS], days[CALLS_DAYS];
} calls_t;

void calls_read(calls_t *self, fields_t *fields);
/* Appends the CALLS_PAIRS pairs of a record. */
enum { CALLS_PAIRS = 4 };
void calls_write(const calls_t *self, pack_t *record);

/* Counts COUNT more at WALL_MS. Where WALL_MS lies before the newest period (the clock was put
 * back), the counts move back with the clock, so that no use is counted in the future. */
void calls_add(calls_t *self, uint64_t wall_ms, uint64_t count);
/* Adds what OTHER counts, each to its own hour and day. */
void calls_merge(calls_t *self, const calls_t *other);

/* In the hour of WALL_MS and the 23 before it, in its day and the 29 before it. */
uint64_t calls_of_24_hours(const calls_t *self, uint64_t wall_ms);
uint64_t calls_of_30_days(const calls_t *self, uint64_t wall_ms);
/* The same hours and days each, the present one last. */
void calls_each(const calls_t *self, uint64_t wall_ms, uint32_t hours[CALLS_HOURS],
                uint32_t days[CALLS_DAYS]);

#endif
