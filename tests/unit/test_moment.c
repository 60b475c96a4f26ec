/* Moments as text. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/moment.h"

enum { SECOND = 1000, DAY = 86400 * SECOND };

static const int64_t s_now = 1767323045678; /* 2026-01-02T03:04:05.678Z */

static void s_is(const char *text, int64_t ms)
{
    if (moment_parse(slice_of(text), s_now) != ms)
        fail_msg("%s: %lld", text, (long long)moment_parse(slice_of(text), s_now));
}

static void test_times_and_days(void **state)
{
    (void)state;
    s_is("2026-01-02T03:04:05.678Z", s_now);
    s_is("2026-01-02t03:04:05z", 1767323045000);
    s_is("2026-01-02 03:04:05Z", 1767323045000);
    s_is("2026-01-02T04:04:05.678+01:00", s_now);
    s_is("2026-01-02T04:04:05.678 01:00", s_now); /* of a query */
    s_is("2026-01-01T22:04:05.678-05:00", s_now);
    s_is("2026-01-02", s_now / DAY * DAY);
    s_is("1970-01-01", 0);
}

static void test_numbers(void **state)
{
    (void)state;
    s_is("0", 0);
    s_is("10", 10 * SECOND);
    s_is("1767323045", 1767323045000);
    s_is("99999999999", 99999999999000);
    s_is("100000000000", 100000000000);
    s_is("1767323045678", s_now);
    s_is("99999999999999", 99999999999999);
}

static void test_ages(void **state)
{
    (void)state;
    s_is("0s", s_now);
    s_is("90s", s_now - 90 * SECOND);
    s_is("10m", s_now - 600 * SECOND);
    s_is("2h", s_now - 7200 * SECOND);
    s_is("7d", s_now - INT64_C(7) * DAY);
    s_is("2w", s_now - INT64_C(14) * DAY);
    s_is("30000d", 0); /* before 1970 */
    s_is("99999999999999w", 0);
}

static void test_what_is_no_moment(void **state)
{
    static const char *const texts[] = {
        "",
        "-1",
        "x",
        "10 m",
        "m",
        "1.5h",
        "10mm",
        "10M",
        "1h30m",
        "+10m",
        "-10m",
        "now",
        "2026-13-01",
        "2026-02-29",
        "2026-1-2",
        "2026-01",
        "20260102T1",
        "2026-01-02T",
        "2026-01-02T03:04",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05",
        "1969-12-31",
        "2026-01-02T03:04:05 0100",
        "100000000000000",
        "1e9",
        "2026-01-02T03:04:05.678Z and a text that goes on past all that a time can be long",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        s_is(texts[i], -1);
    assert_int_equal(moment_parse(slice("2026-01-02\0", 11), s_now), -1);
    assert_int_equal(moment_parse(slice("2026-01-0\0", 10), s_now), -1);
    assert_int_equal(moment_parse(slice(NULL, 0), s_now), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_and_days),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_what_is_no_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
