/* A thread that turns after each period, when it is rung, at once where there is more, and no more
 * when it is stopped. */
#include "common/base/clock.h"
#include "common/base/turning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, LONG_MS = 3600000 };

static atomic_uint s_turns, s_more;
static turning_t *s_turning;

static bool s_turn(void *arg)
{
    assert_ptr_equal(arg, &s_turns);
    atomic_fetch_add(&s_turns, 1);
    if (atomic_load(&s_more) == 0)
        return false;
    atomic_fetch_sub(&s_more, 1);
    return true;
}

static bool s_wait_for(unsigned turns)
{
    for (int64_t end_ms = clock_ms() + PATIENCE_MS; clock_ms() < end_ms;) {
        if (atomic_load(&s_turns) >= turns)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

static int s_begin(void **state)
{
    (void)state;
    atomic_store(&s_turns, 0);
    atomic_store(&s_more, 0);
    s_turning = turning_new();
    return 0;
}

static int s_end(void **state)
{
    (void)state;
    turning_destroy(&s_turning);
    return s_turning ? -1 : 0;
}

static void test_turns_after_each_period_until_it_is_stopped(void **state)
{
    (void)state;
    int64_t began_ms = clock_ms();
    assert_int_equal(turning_start(s_turning, 20, s_turn, &s_turns), 0);
    assert_true(s_wait_for(3));
    assert_true(clock_ms() - began_ms >= 60);
    turning_stop(s_turning);
    unsigned turns = atomic_load(&s_turns);
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
    assert_int_equal(atomic_load(&s_turns), turns);
    turning_stop(s_turning);
}

static void test_turns_when_it_is_rung(void **state)
{
    (void)state;
    turning_ring(s_turning); /* before it has started */
    assert_int_equal(turning_start(s_turning, TURNING_RUNG, s_turn, &s_turns), 0);
    assert_true(s_wait_for(1));
    turning_ring(s_turning);
    assert_true(s_wait_for(2));
}

static void test_turns_at_once_where_there_is_more(void **state)
{
    (void)state;
    atomic_store(&s_more, 5);
    assert_int_equal(turning_start(s_turning, LONG_MS, s_turn, &s_turns), 0);
    turning_ring(s_turning);
    assert_true(s_wait_for(6));
    turning_stop(s_turning);
    assert_int_equal(atomic_load(&s_turns), 6);
}

static void test_a_stop_waits_for_no_period(void **state)
{
    (void)state;
    assert_int_equal(turning_start(s_turning, LONG_MS, s_turn, &s_turns), 0);
    turning_stop(s_turning);
    assert_int_equal(atomic_load(&s_turns), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, s_begin, s_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(turns_after_each_period_until_it_is_stopped),
        TEST(turns_when_it_is_rung),
        TEST(turns_at_once_where_there_is_more),
        TEST(a_stop_waits_for_no_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
