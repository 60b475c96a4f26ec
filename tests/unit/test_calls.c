#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/directory/calls.h"

#include <stdlib.h>

static const uint64_t s_hour = 3600 * 1000, s_day = 24 * 3600 * 1000;
static const uint64_t s_start = UINT64_C(1764000000000);

static void counts_leave_after_24_hours_and_30_days(void **state)
{
    (void)state;
    calls_t calls = {.hour = 0};
    calls_add(&calls, s_start, 3);
    assert_int_equal(calls_of_24_hours(&calls, s_start), 3);
    assert_int_equal(calls_of_24_hours(&calls, s_start + 23 * s_hour), 3);
    assert_int_equal(calls_of_24_hours(&calls, s_start + 24 * s_hour), 0);
    assert_int_equal(calls_of_30_days(&calls, s_start + 29 * s_day), 3);
    assert_int_equal(calls_of_30_days(&calls, s_start + 30 * s_day), 0);
    calls_add(&calls, s_start + 10 * s_day, 4);
    assert_int_equal(calls_of_24_hours(&calls, s_start + 10 * s_day), 4);
    assert_int_equal(calls_of_30_days(&calls, s_start + 10 * s_day), 7);
    assert_int_equal(calls_of_30_days(&calls, s_start + 35 * s_day), 4);
}

static void a_clock_that_is_put_back_loses_no_count(void **state)
{
    (void)state;
    calls_t calls = {.hour = 0};
    calls_add(&calls, s_start + 400 * s_day, 2);
    calls_add(&calls, s_start, 1);
    assert_int_equal(calls_of_24_hours(&calls, s_start), 3);
    assert_int_equal(calls_of_30_days(&calls, s_start), 3);
    assert_int_equal(calls_of_24_hours(&calls, s_start + 30 * s_hour), 0);
}

static void counts_are_written_and_read_and_saturate(void **state)
{
    (void)state;
    calls_t calls = {.hour = 0}, read;
    pack_t out = {0};
    calls_add(&calls, s_start - s_hour, 258);
    calls_add(&calls, s_start, UINT64_MAX);
    calls_add(&calls, s_start, 5);
    pack_map(&out, CALLS_PAIRS);
    calls_write(&calls, &out);
    fields_t fields = fields_begin(slice(out.data, out.len));
    calls_read(&read, &fields);
    assert_memory_equal(&calls, &read, sizeof calls);
    assert_int_equal(calls_of_24_hours(&read, s_start), UINT64_C(258) + UINT32_MAX);
    pack_free(&out);
}

/* Against a list of all that was counted, over random steps of time. */
static void sums_are_those_of_a_plain_list(void **state)
{
    (void)state;
    enum { STEPS = 2000 };
    static uint64_t at[STEPS];
    calls_t calls = {.hour = 0};
    uint64_t now = s_start;
    srand(7);
    for (unsigned i = 0; i < STEPS; i++) {
        now += (uint64_t)rand() % (i % 50 ? 2 * s_hour : 3 * s_day);
        at[i] = now;
        calls_add(&calls, now, 1);
        uint64_t day = 0, month = 0;
        for (unsigned j = 0; j <= i; j++) {
            day += now / s_hour - at[j] / s_hour < CALLS_HOURS;
            month += now / s_day - at[j] / s_day < CALLS_DAYS;
        }
        assert_int_equal(calls_of_24_hours(&calls, now), day);
        assert_int_equal(calls_of_30_days(&calls, now), month);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_leave_after_24_hours_and_30_days),
        cmocka_unit_test(a_clock_that_is_put_back_loses_no_count),
        cmocka_unit_test(counts_are_written_and_read_and_saturate),
        cmocka_unit_test(sums_are_those_of_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
