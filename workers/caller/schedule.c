#include "workers/caller/schedule.h"

#include "common/base/clock.h"

#include <assert.h>
#include <ctype.h>
#include <time.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

/* Before the second attempt, the third, … */
static const int64_t s_spread_ms[SCHEDULE_ATTEMPTS - 1] = {5 * SECOND, 5 * MINUTE, 30 * MINUTE,
                                                           2 * HOUR,   5 * HOUR,   10 * HOUR,
                                                           14 * HOUR,  20 * HOUR,  24 * HOUR};
static const int64_t s_strict_ms[] = {5 * SECOND, 15 * SECOND, 30 * SECOND, 1 * MINUTE,
                                      2 * MINUTE, 5 * MINUTE,  10 * MINUTE};

int64_t schedule_scaled_ms(const schedule_t *self, int64_t duration_ms)
{
    assert(self->time_scale >= 1);
    return (duration_ms + self->time_scale - 1) / self->time_scale;
}

/* FROM to TO permille of a duration, by chance. */
static int64_t s_jittered_ms(int64_t duration_ms, int64_t from, int64_t to, uint32_t random)
{
    int64_t span = duration_ms * (to - from) / 1000;
    return duration_ms * from / 1000 + span * random / UINT32_MAX;
}

int64_t schedule_delay_ms(const schedule_t *self, unsigned made, int64_t elapsed_ms,
                          int64_t retry_after_s, uint32_t random)
{
    enum { JITTER = 10 * SCHEDULE_JITTER_PERCENT };
    if (made == 0)
        return 0;
    if (!self->strict && made >= SCHEDULE_ATTEMPTS)
        return SCHEDULE_END;
    const size_t strict_len = sizeof s_strict_ms / sizeof *s_strict_ms;
    int64_t base = !self->strict        ? s_spread_ms[made - 1]
                   : made <= strict_len ? s_strict_ms[made - 1]
                                        : s_strict_ms[strict_len - 1];
    int64_t delay = s_jittered_ms(base, 1000 - JITTER, 1000 + JITTER, random);
    if (retry_after_s >= 0) {
        /* Later by chance, never earlier: who asks all of its senders for a pause would else get
         * them all at once after it. */
        if (retry_after_s < SCHEDULE_RETRY_AFTER_MIN_S)
            retry_after_s = SCHEDULE_RETRY_AFTER_MIN_S;
        if (retry_after_s > SCHEDULE_RETRY_AFTER_MAX_S)
            retry_after_s = SCHEDULE_RETRY_AFTER_MAX_S;
        int64_t asked = s_jittered_ms(retry_after_s * SECOND, 1000, 1000 + JITTER, random);
        if (delay < asked)
            delay = asked;
    }
    delay = schedule_scaled_ms(self, delay);
    if (self->strict && elapsed_ms + delay > schedule_scaled_ms(self, self->strict_bound_ms))
        return SCHEDULE_END;
    return delay;
}

int64_t schedule_http_date_s(slice_t value)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    char text[40];
    if (value.len == 0 || value.len >= sizeof text || memchr(value.data, '\0', value.len))
        return -1;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm date = {0};
        const char *end = strptime(text, forms[i], &date);
        if (end && *end == '\0')
            return clock_seconds(&date);
    }
    return -1;
}

/* Decimal digits, as many as there are: past the largest bound they are all one. */
static int64_t s_seconds(slice_t value)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit((unsigned char)value.data[i]))
            return -1;
        if (seconds <= SCHEDULE_RETRY_AFTER_MAX_S)
            seconds = seconds * 10 + (value.data[i] - '0');
    }
    return value.len ? seconds : -1;
}

int64_t schedule_retry_after_s(slice_t value, int64_t now_s)
{
    int64_t seconds = s_seconds(value);
    if (seconds < 0) {
        int64_t date = schedule_http_date_s(value);
        if (date < 0)
            return -1;
        seconds = date - now_s;
    }
    return seconds < SCHEDULE_RETRY_AFTER_MIN_S   ? SCHEDULE_RETRY_AFTER_MIN_S
           : seconds > SCHEDULE_RETRY_AFTER_MAX_S ? SCHEDULE_RETRY_AFTER_MAX_S
                                                  : seconds;
}
