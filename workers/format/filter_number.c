#include "workers/format/filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* 1971: what is earlier stands for no time, as the year 1 of Go's zero time does. */
static const double s_first_second = 31536000.0;

static void s_set(filtering_t *in, const char *text)
{
    in->self->value = value_of_text(room_copy(in->room, slice_of(text)));
}

static bool s_is_number(filtering_t *in, double *number)
{
    return value_is_number(&in->self->value, number) && fabs(*number) < 1e18;
}

/* At most so many places, without zeros at the end. */
static void s_places(char text[64], double number, int places)
{
    snprintf(text, 64, "%.*f", places, number);
    if (!strchr(text, '.'))
        return;
    size_t len = strlen(text);
    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[len - 1] = '\0';
}

void filter_number(filtering_t *in)
{
    double number;
    char plain[64], text[96];
    size_t len = 0;
    if (!s_is_number(in, &number))
        return;
    s_places(plain, number, 6);
    size_t whole = strcspn(plain, "."), digits = whole - (plain[0] == '-');
    for (size_t i = 0; plain[i] && len < sizeof text - 2; i++) {
        size_t left = whole - i;
        if (i < whole && left % 3 == 0 && left < digits)
            text[len++] = ',';
        text[len++] = plain[i];
    }
    text[len] = '\0';
    s_set(in, text);
}

void filter_round(filtering_t *in)
{
    double number, places = 0;
    char text[64];
    if (!s_is_number(in, &number))
        return;
    if (in->count > 0)
        value_is_number(&in->args[0].value, &places);
    s_places(text, number, places < 0 ? 0 : places > 9 ? 9 : (int)places);
    s_set(in, text);
}

void filter_bytes(filtering_t *in)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double number;
    size_t unit = 0;
    char text[64], all[80];
    if (!s_is_number(in, &number))
        return;
    for (; fabs(number) >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        number /= 1024;
    s_places(text, number, 1);
    snprintf(all, sizeof all, "%s %s", text, units[unit]);
    s_set(in, all);
}

void filter_percent(filtering_t *in)
{
    double number, total = 0;
    char text[64], all[80];
    if (!s_is_number(in, &number) || !value_is_number(&in->args[0].value, &total) || total == 0)
        return;
    s_places(text, number * 100 / total, 1);
    snprintf(all, sizeof all, "%s %%", text);
    s_set(in, all);
}

/* ISO 4217: how many digits a currency's minor unit has. */
static int s_minor_digits(slice_t currency)
{
    static const char none[] = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF ";
    static const char three[] = "BHD JOD KWD OMR TND ";
    char code[5] = "    ";
    if (currency.len != 3)
        return 2;
    for (size_t i = 0; i < 3; i++)
        code[i] = (char)(currency.data[i] & ~0x20);
    return strstr(none, code) ? 0 : strstr(three, code) ? 3 : 2;
}

void filter_money(filtering_t *in)
{
    double number;
    char text[96];
    slice_t currency = shown_text(in->room, &in->args[0].value);
    if (!s_is_number(in, &number))
        return;
    int digits = s_minor_digits(currency);
    snprintf(text, sizeof text, "%.*f %.*s", digits, number / pow(10, digits),
             currency.len > 8 ? 8 : SLICE_ARG(currency));
    for (char *c = strchr(text, ' '); *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
    s_set(in, text);
}

void filter_duration(filtering_t *in)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    double number;
    char text[160] = "", piece[64];
    unsigned pieces = 0;
    if (!s_is_number(in, &number) || number < 0)
        return;
    if (in->count > 0 && slice_is(shown_text(in->room, &in->args[0].value), "ms"))
        number /= 1000;
    number = number < 10 ? round(number * 10) / 10 : round(number);
    for (size_t i = 0; i < 4 && pieces < 2; i++) {
        double count = i == 3 && number < 10 ? number : floor(number / units[i].seconds);
        if (count > 0 || (i == 3 && pieces == 0)) {
            s_places(piece, count, 1);
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", pieces ? " " : "",
                     piece, units[i].name);
            pieces++;
        }
        number -= floor(number / units[i].seconds) * units[i].seconds;
    }
    s_set(in, text);
}

static bool s_digits(const char **at, const char *end, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (*at == end || **at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool s_sign(const char **at, const char *end, const char *signs)
{
    if (*at == end || !strchr(signs, **at))
        return false;
    (*at)++;
    return true;
}

/* Seconds east of UTC, of "Z", "+02:00", "+0200"; nothing is UTC. */
static bool s_zone(const char *at, const char *end, int *seconds)
{
    int hours = 0, minutes = 0;
    *seconds = 0;
    while (at < end && *at == ' ')
        at++;
    if (at == end || *at == 'Z' || *at == 'z' || *at == 'U' || *at == 'G')
        return true;
    int sign = *at == '-' ? -1 : 1;
    if (!s_sign(&at, end, "+-") || !s_digits(&at, end, 2, &hours))
        return false;
    s_sign(&at, end, ":");
    if (at < end && !s_digits(&at, end, 2, &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* ISO 8601 (RFC 3339): a date, with a time or without. */
static bool s_iso(slice_t text, double *seconds)
{
    const char *at = text.data, *end = text.data + text.len;
    struct tm tm = {0};
    int zone = 0;
    if (!s_digits(&at, end, 4, &tm.tm_year) || !s_sign(&at, end, "-/") ||
        !s_digits(&at, end, 2, &tm.tm_mon) || !s_sign(&at, end, "-/") ||
        !s_digits(&at, end, 2, &tm.tm_mday))
        return false;
    if (s_sign(&at, end, "T t")) {
        if (!s_digits(&at, end, 2, &tm.tm_hour) || !s_sign(&at, end, ":") ||
            !s_digits(&at, end, 2, &tm.tm_min))
            return false;
        if (s_sign(&at, end, ":") && !s_digits(&at, end, 2, &tm.tm_sec))
            return false;
        if (s_sign(&at, end, ".,"))
            while (at < end && *at >= '0' && *at <= '9')
                at++;
    }
    if (!s_zone(at, end, &zone) || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday > 31)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *seconds = (double)timegm(&tm) - zone;
    return true;
}

void filter_date(filtering_t *in)
{
    double seconds;
    char format[64] = "%Y-%m-%d %H:%M UTC", text[128];
    slice_t given = filter_arg(in, 0), value = filter_text(in);
    if (s_is_number(in, &seconds))
        seconds = seconds > 1e14 ? seconds / 1e6 : seconds > 1e11 ? seconds / 1000 : seconds;
    else if (value.len == 0 || !s_iso(value, &seconds))
        return; /* no time: as it stands */
    if (given.len > 0 && given.len < sizeof format) {
        memcpy(format, given.data, given.len);
        format[given.len] = '\0';
    }
    size_t (*print)(char *, size_t, const char *, const struct tm *) = strftime; /* any format */
    time_t time = (time_t)seconds;
    struct tm tm;
    if (seconds < s_first_second || seconds > 2e11 || !gmtime_r(&time, &tm) ||
        print(text, sizeof text, format, &tm) == 0)
        text[0] = '\0';
    s_set(in, text);
}
