#include "common/base/moment.h"

#include "common/base/clock.h"

enum { NUMBER_DIGITS = 14, DAY_TEXT = 10 };

static const int64_t s_first_of_ms = 100000000000;

/* Takes a number off TEXT; -1: there is none, or it has more than NUMBER_DIGITS. */
static int64_t s_number(slice_t *text)
{
    int64_t number = 0;
    size_t len = 0;
    while (len < text->len && text->data[len] >= '0' && text->data[len] <= '9') {
        if (len == NUMBER_DIGITS)
            return -1;
        number = number * 10 + (text->data[len++] - '0');
    }
    *text = slice(text->data + len, text->len - len);
    return len > 0 ? number : -1;
}

/* Seconds of a unit; 0: it is none. */
static int64_t s_unit(slice_t text)
{
    static const struct {
        char name;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text.len == 1 && text.data[0] == units[i].name)
            return units[i].seconds;
    return 0;
}

static int64_t s_day(slice_t text)
{
    char time[CLOCK_TEXT];
    memcpy(time, text.data, DAY_TEXT);
    memcpy(time + DAY_TEXT, "T00:00:00Z", 11);
    return clock_parse(slice_of(time));
}

static int64_t s_time(slice_t text)
{
    char time[2 * CLOCK_TEXT];
    if (text.len < sizeof "03:04:05Z" || text.len > sizeof time)
        return clock_parse(text);
    memcpy(time, text.data, text.len);
    char *sign = time + text.len - sizeof "01:00";
    if (*sign == ' ')
        *sign = '+';
    return clock_parse(slice(time, text.len));
}

int64_t moment_parse(slice_t text, int64_t now_ms)
{
    slice_t rest = text;
    int64_t number = s_number(&rest);
    if (number >= 0 && rest.len == 0)
        return number < s_first_of_ms ? number * 1000 : number;
    int64_t unit = number < 0 ? 0 : s_unit(rest);
    if (unit > 0)
        return number > now_ms / 1000 / unit ? 0 : now_ms - number * unit * 1000;
    return text.len == DAY_TEXT ? s_day(text) : s_time(text);
}
