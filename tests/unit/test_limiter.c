#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/limiter.h"

enum { SECOND = 1000000 };

static int s_setup(void **state)
{
    *state = limiter_new();
    return 0;
}

static int s_teardown(void **state)
{
    limiter_t *self = *state;
    limiter_destroy(&self);
    assert_null(self);
    return 0;
}

static uuid_t7 s_id(void)
{
    uuid_t7 id;
    uuid_new(&id);
    return id;
}

static void a_burst_then_the_rate(void **state)
{
    limiter_state_t left;
    uuid_t7 token = s_id();
    int64_t now = 5 * SECOND;
    assert_true(limiter_has(*state, &token, 10, 20, now, &left));
    for (unsigned i = 0; i < 20; i++) {
        assert_true(limiter_charge(*state, &token, 10, 20, now, &left));
        assert_int_equal(left.left, 19 - i);
    }
    assert_false(limiter_has(*state, &token, 10, 20, now, &left));
    assert_int_equal(left.reset_s, 1);
    assert_true(limiter_has(*state, &token, 10, 20, now + SECOND / 10, &left));
    assert_false(limiter_charge(*state, &token, 10, 20, now, &left));
    assert_int_equal(left.left, 0);
    assert_int_equal(left.reset_s, 1);
    assert_false(limiter_charge(*state, &token, 10, 20, now + SECOND / 10 - 1, &left));
    assert_true(limiter_charge(*state, &token, 10, 20, now + SECOND / 10, &left));
    unsigned passed = 0;
    for (int64_t at = now + SECOND / 10 + 1; at <= now + 10 * SECOND; at += 1000)
        passed += limiter_charge(*state, &token, 10, 20, at, &left);
    assert_in_range(passed, 98, 99);
}

static void one_token_does_not_charge_another(void **state)
{
    limiter_state_t left;
    uuid_t7 one = s_id(), two = s_id();
    assert_true(limiter_charge(*state, &one, 1, 1, 0, &left));
    assert_false(limiter_charge(*state, &one, 1, 1, 0, &left));
    assert_true(limiter_charge(*state, &two, 1, 1, 0, &left));
}

static void a_rate_of_zero_is_no_limit(void **state)
{
    limiter_state_t left;
    uuid_t7 token = s_id();
    for (unsigned i = 0; i < 1000; i++)
        assert_true(limiter_charge(*state, &token, 0, 1, 0, &left));
    assert_int_equal(limiter_len(*state), 0);
}

static void the_largest_values_do_not_overflow(void **state)
{
    limiter_state_t left;
    uuid_t7 token = s_id();
    assert_true(limiter_charge(*state, &token, 1000000, 10000000, 0, &left));
    assert_int_equal(left.left, 9999999);
    assert_true(limiter_charge(*state, &token, 1000000, 10000000, INT64_MAX / 2, &left));
    assert_int_equal(left.left, 9999999);
    /* A clock that does not move takes nothing away. */
    assert_true(limiter_charge(*state, &token, 1000000, 10000000, 0, &left));
    assert_int_equal(left.left, 9999998);
}

static void a_lower_burst_counts_at_once(void **state)
{
    limiter_state_t left;
    uuid_t7 token = s_id();
    assert_true(limiter_charge(*state, &token, 1, 1000, 0, &left));
    assert_true(limiter_charge(*state, &token, 1, 2, 0, &left));
    assert_int_equal(left.left, 1);
}

static void full_buckets_are_forgotten_and_others_kept(void **state)
{
    limiter_state_t left;
    uuid_t7 slow = s_id();
    assert_true(limiter_charge(*state, &slow, 1, 3600, 0, &left));
    for (unsigned i = 0; i < 3000; i++)
        assert_true(limiter_charge(*state, &slow, 1, 3600, 0, &left));
    for (int64_t i = 0; i < 100000; i++) {
        uuid_t7 token = s_id();
        assert_true(limiter_charge(*state, &token, 1000, 2000, i * 100, &left));
    }
    assert_true(limiter_len(*state) < 2000);
    assert_true(limiter_charge(*state, &slow, 1, 3600, 10 * SECOND, &left));
    assert_in_range(left.left, 600, 612);
}

static void many_at_once_are_all_kept(void **state)
{
    enum { TOKENS = 5000 };
    static uuid_t7 tokens[TOKENS];
    limiter_state_t left;
    for (unsigned i = 0; i < TOKENS; i++) {
        tokens[i] = s_id();
        assert_true(limiter_charge(*state, &tokens[i], 1, 1, 0, &left));
    }
    for (unsigned i = 0; i < TOKENS; i++)
        assert_false(limiter_charge(*state, &tokens[i], 1, 1, 0, &left));
    assert_int_equal(limiter_len(*state), TOKENS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_burst_then_the_rate),        TEST(one_token_does_not_charge_another),
        TEST(a_rate_of_zero_is_no_limit),   TEST(the_largest_values_do_not_overflow),
        TEST(a_lower_burst_counts_at_once), TEST(full_buckets_are_forgotten_and_others_kept),
        TEST(many_at_once_are_all_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
