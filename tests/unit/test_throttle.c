#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/accounts/throttle.h"

#include <stdio.h>

#define ADA slice_of("ada@example.org")

static int s_setup(void **state)
{
    *state = throttle_new();
    return 0;
}

static int s_teardown(void **state)
{
    throttle_t *self = *state;
    throttle_destroy(&self);
    return 0;
}

static uint64_t s_try(throttle_t *self, const char *account, const char *network, int64_t now_ms)
{
    return throttle_charge(self, slice_of(account), network, false, now_ms);
}

/* Fails as fast as it may until so many have failed; the time after that. */
static int64_t s_fail(throttle_t *self, const char *account, const char *network, unsigned times,
                      int64_t now_ms)
{
    while (times) {
        uint64_t wait = s_try(self, account, network, now_ms);
        now_ms += (int64_t)wait;
        times -= wait == 0;
    }
    return now_ms;
}

static void guessing_one_password_gets_slower_and_slower(void **state)
{
    throttle_t *self = *state;
    static const uint64_t waits[] = {0,     0,     0,     1000,   2000,   4000,  8000,
                                     16000, 32000, 64000, 128000, 256000, 512000};
    int64_t now_ms = 5000;
    for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++) {
        assert_int_equal(s_try(self, "ada", "192.0.2.1", now_ms), 0);
        if (waits[i])
            assert_int_equal(s_try(self, "ADA", "192.0.2.1", now_ms + 1), waits[i] - 1);
        now_ms += (int64_t)waits[i];
    }
    assert_int_equal(s_try(self, "ada", "192.0.2.1", now_ms), 0);
    assert_int_equal(s_try(self, "ada", "192.0.2.1", now_ms), 15 * 60 * 1000);
}

static void another_account_and_another_network_are_not_touched(void **state)
{
    throttle_t *self = *state;
    int64_t now_ms = s_fail(self, "ada", "192.0.2.1", 8, 0);
    assert_int_not_equal(s_try(self, "ada", "192.0.2.1", now_ms), 0);
    assert_int_equal(s_try(self, "bob", "192.0.2.1", now_ms), 0);
    assert_int_equal(s_try(self, "ada", "192.0.2.2", now_ms), 0);
}

static void one_network_trying_many_accounts_is_slowed_down(void **state)
{
    throttle_t *self = *state;
    char account[32];
    for (unsigned i = 0; i < 21; i++) {
        snprintf(account, sizeof account, "user%u", i);
        assert_int_equal(s_try(self, account, "192.0.2.1", 0), 0);
    }
    assert_int_equal(s_try(self, "user99", "192.0.2.1", 0), 1000);
    assert_int_equal(s_try(self, "user99", "192.0.2.2", 0), 0);
}

/* The point of KNOWN: a crowd cannot keep an owner out. */
static void many_networks_slow_strangers_and_not_a_known_one(void **state)
{
    throttle_t *self = *state;
    char network[32];
    int64_t now_ms = 0;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(network, sizeof network, "198.51.100.%u", i);
        now_ms += (int64_t)s_try(self, "ada", network, now_ms);
    }
    assert_in_range(throttle_charge(self, ADA, "192.0.2.9", false, now_ms), 0, 60000);
    now_ms = s_fail(self, "ada@example.org", "203.0.113.1", 1, now_ms);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(network, sizeof network, "203.0.113.%u", i + 2);
        now_ms = s_fail(self, "ada@example.org", network, 1, now_ms);
    }
    uint64_t stranger = throttle_charge(self, ADA, "192.0.2.9", false, now_ms);
    assert_in_range(stranger, 1, 60000);
    assert_int_equal(throttle_charge(self, ADA, "192.0.2.1", true, now_ms), 0);
}

static void success_forgets_and_is_not_counted(void **state)
{
    throttle_t *self = *state;
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(throttle_charge(self, ADA, "192.0.2.1", false, 0), 0);
        throttle_succeeded(self, ADA, "192.0.2.1");
    }
    assert_int_equal(throttle_len(self), 0);
    int64_t now_ms = s_fail(self, "ada@example.org", "192.0.2.1", 3, 0);
    assert_int_equal(throttle_charge(self, ADA, "192.0.2.1", false, now_ms), 0);
    throttle_succeeded(self, ADA, "192.0.2.1");
    assert_int_equal(s_fail(self, "ada@example.org", "192.0.2.1", 3, now_ms), now_ms);
}

static void an_attempt_that_came_to_nothing_is_given_back(void **state)
{
    throttle_t *self = *state;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(throttle_charge(self, ADA, "192.0.2.1", false, 0), 0);
        throttle_give_back(self, ADA, "192.0.2.1");
    }
    assert_int_equal(s_fail(self, "ada@example.org", "192.0.2.1", 4, 0), 0);
    /* It does not open what is closed already. */
    assert_int_not_equal(s_try(self, "ada@example.org", "192.0.2.1", 0), 0);
}

static void a_count_is_forgotten_after_an_hour(void **state)
{
    throttle_t *self = *state;
    int64_t now_ms = s_fail(self, "ada", "192.0.2.1", 8, 0);
    now_ms += 16000 + 3600 * 1000;
    assert_int_equal(s_fail(self, "ada", "192.0.2.1", 4, now_ms), now_ms);
}

static void the_table_is_bounded_and_the_oldest_goes(void **state)
{
    throttle_t *self = *state;
    char network[32];
    s_fail(self, "old", "192.0.2.1", 4, 0);
    assert_int_not_equal(s_try(self, "old", "192.0.2.1", 0), 0);
    for (unsigned i = 0; i < THROTTLE_MOST; i++) {
        snprintf(network, sizeof network, "n%u", i);
        throttle_charge(self, slice_of(network), network, true, 1);
    }
    assert_int_equal(throttle_len(self), THROTTLE_MOST);
    assert_int_equal(s_try(self, "old", "192.0.2.1", 1), 0);
}

static void a_network_is_an_address_or_a_64(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"local", "local"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char network[THROTTLE_NETWORK];
        throttle_network(cases[i][0], network);
        assert_string_equal(network, cases[i][1]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(guessing_one_password_gets_slower_and_slower),
        TEST(another_account_and_another_network_are_not_touched),
        TEST(one_network_trying_many_accounts_is_slowed_down),
        TEST(many_networks_slow_strangers_and_not_a_known_one),
        TEST(success_forgets_and_is_not_counted),
        TEST(an_attempt_that_came_to_nothing_is_given_back),
        TEST(a_count_is_forgotten_after_an_hour),
        TEST(the_table_is_bounded_and_the_oldest_goes),
        TEST(a_network_is_an_address_or_a_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
