/* The clocks, and times as text. */
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void test_text(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1767323045678, "2026-01-02T03:04:05.678Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CLOCK_TEXT];
        clock_text(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* A stored time may be garbage: the text keeps its length and its end. */
static void test_text_of_impossible_times(void **state)
{
    (void)state;
    const int64_t times[] = {INT64_MAX, INT64_MIN, 253402300800000};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[CLOCK_TEXT];
        clock_text(times[i], text);
        assert_int_equal(text[4], '-');
        assert_string_equal(text + 23, "Z");
    }
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-02T03:04:05.678Z", 1767323045678},
        {"2026-01-02t03:04:05z", 1767323045000},
        {"2026-01-02T03:04:05.6789999Z", 1767323045678},
        {"2026-01-02T03:04:05.1Z", 1767323045100},
        {"2026-01-02T05:34:05+02:30", 1767323045000},
        {"2026-01-01T23:04:05-04:00", 1767323045000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"2026-02-30T00:00:00Z", -1},
        {"2026-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"2026-04-31T00:00:00Z", -1},
        {"2026-01-00T00:00:00Z", -1},
        {"2026-00-01T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-01-01T24:00:00Z", -1},
        {"2026-01-01T00:60:00Z", -1},
        {"2026-12-31T23:59:60Z", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"1970-01-01T00:00:00+00:01", -1},
        {"2026-01-02T03:04:05", -1},
        {"2026-01-02T03:04:05.Z", -1},
        {"2026-01-02T03:04:05ZZ", -1},
        {"2026-01-02T03:04:05+0230", -1},
        {"2026-01-02T03:04:05+24:00", -1},
        {"2026-1-2T03:04:05Z", -1},
        {" 2026-01-02T03:04:05Z", -1},
        {"+026-01-02T03:04:05Z", -1},
        {"2026-01-02", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (clock_parse(slice_of(cases[i].text)) != cases[i].ms)
            fail_msg("%s: %lld", cases[i].text, (long long)clock_parse(slice_of(cases[i].text)));
    assert_int_equal(clock_parse(slice("2026-01-02T03:04:05Z\0", 21)), -1);
    assert_int_equal(clock_parse(slice(NULL, 0)), -1);
}

static void test_clocks_run(void **state)
{
    (void)state;
    int64_t ms = clock_ms(), us = clock_us();
    assert_in_range(us / 1000 - ms, 0, 1000);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_in_range(clock_us() - us, 20000, 5000000);
    assert_in_range(clock_ms() - ms, 19, 5000);
    assert_in_range(clock_wall_ms() / 1000 - time(NULL) + 2, 0, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_of_impossible_times),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
