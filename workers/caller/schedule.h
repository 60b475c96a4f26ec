/* When a delivery is tried, and tried again. Pure functions: time and chance are arguments.
 *
 * Before the attempts 1, 2, 3 … of a delivery pass 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h,
 * 20 h and 24 h, each give or take 10 %: ten attempts in a little over three days. After the tenth
 * there is none.
 *
 * In strict order, where the events behind wait, it is 0, 5 s, 15 s, 30 s, 1 min, 2 min, 5 min and
 * then 10 min again and again, as long as the next attempt comes within a bound from the first
 * (1 h by default): past that the event goes to the dead letters and the next one comes.
 *
 * A handler's Retry-After is obeyed between 1 s and 24 h: the next attempt never comes before that
 * time.
 *
 * The time scale makes the clock of the schedule run faster (setting delivery.time_scale, for
 * tests): every duration that these functions return is divided by the scale, Retry-After and the
 * bound too. Threading: any thread. */
#ifndef POSTERN_WORKERS_CALLER_SCHEDULE_H
#define POSTERN_WORKERS_CALLER_SCHEDULE_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SCHEDULE_ATTEMPTS = 10,             /* most attempts when not in strict order */
    SCHEDULE_RETRY_AFTER_MIN_S = 1,     /* a smaller Retry-After counts as this */
    SCHEDULE_RETRY_AFTER_MAX_S = 86400, /* and a larger one as this */
    SCHEDULE_JITTER_PERCENT = 10,
    SCHEDULE_END = -1, /* no further attempt */
};

typedef struct {
    bool strict;             /* in strict order */
    int64_t strict_bound_ms; /* from the first attempt to the last, before scaling */
    unsigned time_scale;     /* 1: real time; at least 1 */
} schedule_t;

/* How long to wait before the next attempt, in milliseconds, or SCHEDULE_END.
 * MADE: attempts made so far. ELAPSED_MS: since the first was made, by the caller's own clock
 * (not scaled). RETRY_AFTER_S: what the last answer asked for, -1: nothing. RANDOM: 32 random bits,
 * all of the chance in it. */
int64_t schedule_delay_ms(const schedule_t *self, unsigned made, int64_t elapsed_ms,
                          int64_t retry_after_s, uint32_t random);

/* A duration divided by the time scale, never 0 unless it was 0: for other times that are to run on
 * the same clock (the 120 h after which a failing handler is disabled). */
int64_t schedule_scaled_ms(const schedule_t *self, int64_t duration_ms);

/* The value of a Retry-After header in seconds from now, between SCHEDULE_RETRY_AFTER_MIN_S and
 * _MAX_S; -1 for one that is neither a number nor an HTTP date. NOW_S: seconds since 1970, best by
 * the answer's own Date header, so that no clock need be right. */
int64_t schedule_retry_after_s(slice_t value, int64_t now_s);

/* Seconds since 1970 of an HTTP date (RFC 9110: IMF-fixdate, and the two obsolete forms); -1 for
 * anything else. */
int64_t schedule_http_date_s(slice_t value);

#endif
