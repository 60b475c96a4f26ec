#include "workers/caller/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60000, HOUR_MS = 3600000 };

static const schedule_t s_spread = {.time_scale = 1};
static const schedule_t s_strict = {.strict = true, .strict_bound_ms = HOUR_MS, .time_scale = 1};

static uint32_t s_random(void)
{
    return (uint32_t)random() << 16 ^ (uint32_t)random();
}

static void test_example(void **state)
{
    (void)state;
    assert_int_equal(schedule_delay_ms(&s_spread, 0, 0, -1, 12345), 0);
    int64_t delay_ms = schedule_delay_ms(&s_spread, 1, 0, -1, 12345);
    assert_in_range(delay_ms, 4500, 5500);
    /* The handler asked for a minute. */
    delay_ms = schedule_delay_ms(&s_spread, 1, 0, 60, 12345);
    assert_in_range(delay_ms, 60000, 66000);
    assert_int_equal(schedule_delay_ms(&s_spread, SCHEDULE_ATTEMPTS, 0, -1, 0), SCHEDULE_END);
}

static void test_table(void **state)
{
    static const int64_t table_ms[SCHEDULE_ATTEMPTS] = {
        0,           5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS,
        5 * HOUR_MS, 10 * HOUR_MS,  14 * HOUR_MS,  20 * HOUR_MS,   24 * HOUR_MS};
    (void)state;
    int64_t all_ms = 0;
    for (unsigned made = 0; made < SCHEDULE_ATTEMPTS; made++) {
        /* The ends of chance are the ends of the jitter; its middle is the table. */
        assert_int_equal(schedule_delay_ms(&s_spread, made, 0, -1, 0), table_ms[made] * 9 / 10);
        assert_int_equal(schedule_delay_ms(&s_spread, made, 0, -1, UINT32_MAX),
                         table_ms[made] * 11 / 10);
        int64_t middle_ms = schedule_delay_ms(&s_spread, made, 0, -1, UINT32_MAX / 2);
        assert_in_range(middle_ms + 1, table_ms[made], table_ms[made] + 2);
        all_ms += table_ms[made];
    }
    assert_int_equal(all_ms, 75 * HOUR_MS + 35 * MINUTE_MS + 5 * SECOND_MS);
    for (unsigned made = SCHEDULE_ATTEMPTS; made < SCHEDULE_ATTEMPTS + 100; made++)
        assert_int_equal(schedule_delay_ms(&s_spread, made, 0, 1, s_random()), SCHEDULE_END);
}

/* Whatever is asked: never before Retry-After, never past the longest of both and their jitter. */
static void test_property_retry_after(void **state)
{
    (void)state;
    srandom(3);
    for (unsigned n = 0; n < 100000; n++) {
        unsigned made = 1 + (unsigned)random() % 9;
        int64_t asked_s = random() % 100000 - 2;
        schedule_t schedule = {.time_scale = 1 + (unsigned)random() % 100000};
        int64_t delay_ms = schedule_delay_ms(&schedule, made, 0, asked_s, s_random());
        int64_t bounded_s = asked_s < 0 ? 0 : asked_s < 1 ? 1 : asked_s > 86400 ? 86400 : asked_s;
        assert_true(delay_ms * schedule.time_scale >= bounded_s * SECOND_MS);
        assert_true(delay_ms >= 1);
        assert_true(delay_ms <= 24 * HOUR_MS / schedule.time_scale * 11 / 10 + 1000);
    }
}

/* In strict order the event gives way at its bound, and not before it must. */
static void test_strict(void **state)
{
    (void)state;
    srandom(5);
    for (unsigned n = 0; n < 2000; n++) {
        schedule_t schedule = s_strict;
        schedule.strict_bound_ms = 1 + random() % (3 * HOUR_MS);
        int64_t elapsed_ms = 0, longest_ms = 0, delay_ms;
        unsigned made = 0;
        while ((delay_ms = schedule_delay_ms(&schedule, made, elapsed_ms, -1, s_random())) !=
               SCHEDULE_END) {
            assert_true(delay_ms >= 0);
            longest_ms = delay_ms > longest_ms ? delay_ms : longest_ms;
            elapsed_ms += delay_ms;
            assert_true(++made < 100);
        }
        assert_true(made >= 1); /* the first comes in any case */
        assert_true(elapsed_ms <= schedule.strict_bound_ms);
        assert_true(elapsed_ms + 11 * MINUTE_MS > schedule.strict_bound_ms);
        assert_true(longest_ms <= 11 * MINUTE_MS);
    }
    /* A pause beyond the bound would hold up all that wait behind. */
    assert_int_equal(schedule_delay_ms(&s_strict, 1, 0, 3601, 0), SCHEDULE_END);
    assert_int_equal(schedule_delay_ms(&s_strict, 1, 0, 3600, 0), HOUR_MS);
    assert_int_equal(schedule_delay_ms(&s_strict, 1, 1, 3600, 0), SCHEDULE_END);
    assert_in_range(schedule_delay_ms(&s_strict, 1, 0, -1, 0), 4500, 5500);
}

static void test_time_scale(void **state)
{
    (void)state;
    schedule_t fast = {.time_scale = 1000};
    assert_int_equal(schedule_delay_ms(&fast, 9, 0, -1, UINT32_MAX / 2 + 1), 24 * HOUR_MS / 1000);
    assert_int_equal(schedule_delay_ms(&fast, 1, 0, -1, 0), 5); /* 4.5, rounded up */
    assert_int_equal(schedule_delay_ms(&fast, 1, 0, 86400, 0), 86400);
    assert_int_equal(schedule_scaled_ms(&fast, 0), 0);
    assert_int_equal(schedule_scaled_ms(&fast, 1), 1);
    assert_int_equal(schedule_scaled_ms(&fast, 120 * HOUR_MS), 432000);
    assert_int_equal(schedule_scaled_ms(&s_spread, 120LL * HOUR_MS), 120LL * HOUR_MS);
    /* The bound runs on the same clock. */
    schedule_t strict = {.strict = true, .strict_bound_ms = HOUR_MS, .time_scale = 1000};
    assert_int_equal(schedule_delay_ms(&strict, 1, 0, 3600, 0), 3600);
    assert_int_equal(schedule_delay_ms(&strict, 1, 3600, -1, 0), SCHEDULE_END);
}

static void test_retry_after(void **state)
{
    enum { NOW_S = 1792828800 }; /* Sat, 24 Oct 2026 08:00:00 GMT */
    static const struct {
        const char *value;
        int64_t seconds;
    } rows[] = {
        {"120", 120},
        {"1", 1},
        {"0", 1},
        {"00060", 60},
        {"86400", 86400},
        {"86401", 86400},
        {"99999999999999999999999999", 86400},
        {"Sat, 24 Oct 2026 08:02:00 GMT", 120},
        {"Saturday, 24-Oct-26 08:02:00 GMT", 120},
        {"Sat Oct 24 08:02:00 2026", 120},
        {"Sat, 24 Oct 2026 07:00:00 GMT", 1},
        {"Fri, 01 Jan 2100 00:00:00 GMT", 86400},
        {"", -1},
        {"-1", -1},
        {"+5", -1},
        {"1.5", -1},
        {" 5", -1},
        {"5 ", -1},
        {"0x10", -1},
        {"soon", -1},
        {"Sat, 24 Oct 2026 08:02:00", -1},
        {"Sat, 24 Oct 2026 08:02:00 CET", -1},
        {"Sat, 24 Oct 2026 08:02:00 GMT!", -1},
        {"Sat, 24 Oct 2026 25:02:00 GMT", -1},
        {"Sat, 31 Nov 2026 08:02:00 GMT", -1},
        {"Sun, 29 Feb 2026 08:02:00 GMT", -1},
        {"Sat, 24 Oct 2026 08:01:60 GMT", 120}, /* RFC 9110 has leap seconds */
        {"Sat, 24 Oct 2026 08:02:00 GMT                                     ", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t seconds = schedule_retry_after_s(slice_of(rows[i].value), NOW_S);
        if (seconds != rows[i].seconds)
            fail_msg("%s: %d", rows[i].value, (int)seconds);
    }
    assert_int_equal(schedule_retry_after_s(slice("1\0", 2), NOW_S), -1);
    assert_int_equal(schedule_http_date_s(slice_of("Sat, 24 Oct 2026 08:00:00 GMT")), NOW_S);
    assert_int_equal(schedule_http_date_s(slice(NULL, 0)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_property_retry_after),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_time_scale),
        cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
