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
        cmocka_unit_test(test_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
