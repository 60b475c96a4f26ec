#include "common/base/clock.h"

#include <stdio.h>

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

int64_t clock_boot_ms(void)
{
    return s_read(CLOCK_BOOTTIME, 1000);
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

int64_t clock_seconds(const struct tm *utc)
{
    bool leap = utc->tm_sec == 60;
    struct tm normal = *utc;
    normal.tm_sec -= leap;
    time_t seconds = timegm(&normal);
    bool is_date = normal.tm_year == utc->tm_year && normal.tm_mon == utc->tm_mon &&
                   normal.tm_mday == utc->tm_mday;
    return is_date && seconds >= 0 ? (int64_t)seconds + leap : -1;
}

/* Takes COUNT digits off TEXT; -1: they are not there, or the number is past MOST. */
static int s_digits(slice_t *text, size_t count, int most)
{
    int number = 0;
    if (text->len < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return -1;
        number = number * 10 + (text->data[i] - '0');
    }
    *text = slice(text->data + count, text->len - count);
    return number <= most ? number : -1;
}

/* Takes one of the characters of EITHER off TEXT, which is returned; 0: there is none of them. */
static char s_one(slice_t *text, const char *either)
{
    if (text->len == 0 || !is_one_of(text->data[0], either))
        return '\0';
    *text = slice(text->data + 1, text->len - 1);
    return text->data[-1];
}

/* "2026-01-02T03:04:05"; a field that is not there makes it -1. */
static int64_t s_whole(slice_t *text)
{
    struct {
        size_t digits;
        int most, value;
        const char *end;
    } fields[] = {{4, 9999, 0, "-"}, {2, 12, 0, "-"}, {2, 31, 0, "Tt "},
                  {2, 23, 0, ":"},   {2, 59, 0, ":"}, {2, 59, 0, NULL}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        fields[i].value = s_digits(text, fields[i].digits, fields[i].most);
        if (fields[i].value < 0 || (fields[i].end && !s_one(text, fields[i].end)))
            return -1;
    }
    struct tm utc = {.tm_year = fields[0].value - 1900,
                     .tm_mon = fields[1].value - 1,
                     .tm_mday = fields[2].value,
                     .tm_hour = fields[3].value,
                     .tm_min = fields[4].value,
                     .tm_sec = fields[5].value};
    return clock_seconds(&utc);
}

/* A fraction, in ms; 0 without one; -1: a point without digits. */
static int s_fraction(slice_t *text)
{
    int ms = 0, scale = 100;
    if (!s_one(text, "."))
        return 0;
    if (text->len == 0 || text->data[0] < '0' || text->data[0] > '9')
        return -1;
    for (int digit; (digit = s_digits(text, 1, 9)) >= 0; scale /= 10)
        ms += digit * scale;
    return ms;
}

/* False: there is none. */
static bool s_offset(slice_t *text, int64_t *seconds)
{
    char sign = s_one(text, "Zz+-");
    *seconds = 0;
    if (sign != '+' && sign != '-')
        return sign != '\0';
    int hours = s_digits(text, 2, 23);
    bool colon = s_one(text, ":") != '\0';
    int minutes = s_digits(text, 2, 59);
    *seconds = (sign == '+' ? 60 : -60) * (int64_t)(hours * 60 + minutes);
    return hours >= 0 && colon && minutes >= 0;
}

int64_t clock_parse(slice_t text)
{
    int64_t offset, seconds = s_whole(&text);
    int ms = seconds < 0 ? -1 : s_fraction(&text);
    if (ms < 0 || !s_offset(&text, &offset) || text.len > 0 || seconds < offset)
        return -1;
    return (seconds - offset) * 1000 + ms;
}
