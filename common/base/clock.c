#include "common/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t s_read(clockid_t id, int64_t per_second)
{
    struct timespec now;
    clock_gettime(id, &now);
    return now.tv_sec * per_second + now.tv_nsec / (1000000000 / per_second);
}

int64_t clock_ms(void)
{
    return s_read(CLOCK_MONOTONIC, 1000);
}

int64_t clock_us(void)
{
    return s_read(CLOCK_MONOTONIC, 1000000);
}

int64_t clock_wall_ms(void)
{
    return s_read(CLOCK_REALTIME, 1000);
}

void clock_text(int64_t wall_ms, char text[CLOCK_TEXT])
{
    time_t seconds = wall_ms / 1000;
    int ms = (int)(wall_ms % 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || utc.tm_year + 1900 > 9999 || utc.tm_year + 1900 < 0) {
        snprintf(text, CLOCK_TEXT, "0000-00-00T00:00:00.000Z");
        return;
    }
    size_t len = strftime(text, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + len, CLOCK_TEXT - len, ".%03dZ", ms);
}
