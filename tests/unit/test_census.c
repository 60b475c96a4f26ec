#include "gateway/http/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static address_t s_address(const char *text)
{
    address_t address;
    assert_true(address_parse(slice_of(text), &address));
    return address;
}

static void test_example(void **state)
{
    census_t *census = census_new(3, 2);
    address_t a = s_address("192.0.2.1"), b = s_address("192.0.2.2");
    (void)state;
    assert_true(census_enter(census, &a, false));
    assert_true(census_enter(census, &a, false));
    assert_false(census_enter(census, &a, false));
    assert_true(census_enter(census, &b, false));
    assert_false(census_enter(census, &b, false)); /* of the process */
    census_leave(census, &a, false);
    assert_true(census_enter(census, &a, false));
    assert_int_equal(census_len(census), 3);
    census_destroy(&census);
}

static void test_proxies_are_exempt(void **state)
{
    census_t *census = census_new(10, 1);
    address_t a = s_address("10.0.0.1");
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_true(census_enter(census, &a, true));
    census_destroy(&census);
}

/* One sender has a /64. */
static void test_ipv6(void **state)
{
    census_t *census = census_new(10, 1);
    address_t a = s_address("2001:db8:0:1::1"), same = s_address("2001:db8:0:1:ffff::2"),
              other = s_address("2001:db8:0:2::1");
    (void)state;
    assert_true(census_enter(census, &a, false));
    assert_false(census_enter(census, &same, false));
    assert_true(census_enter(census, &other, false));
    census_destroy(&census);
}

static void test_many(void **state)
{
    enum { COUNT = 5000 };
    census_t *census = census_new(2 * COUNT, 1);
    char text[32];
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
            address_t address = s_address(text);
            assert_true(census_enter(census, &address, false));
            assert_false(census_enter(census, &address, false));
        }
        for (unsigned i = 0; i < COUNT; i++) {
            unsigned j = i * 7919 % COUNT;
            snprintf(text, sizeof text, "10.%u.%u.%u", j >> 16, j >> 8 & 255, j & 255);
            address_t address = s_address(text);
            census_leave(census, &address, false);
        }
        assert_int_equal(census_len(census), 0);
    }
    census_destroy(&census);
}

/* What is held counts in all and to the address; a proxy's connections to no address. */
static void test_bytes(void **state)
{
    census_t *census = census_new(10, 10);
    address_t a = s_address("1.2.3.4"), b = s_address("1.2.3.5"), proxy = s_address("10.0.0.1");
    (void)state;
    census_limit_bytes(census, 100, 60);
    assert_true(census_enter(census, &a, false) && census_enter(census, &a, false));
    assert_true(census_enter(census, &b, false) && census_enter(census, &proxy, true));
    assert_true(census_hold(census, &a, false, 0, 50));
    assert_false(census_hold(census, &a, false, 0, 11)); /* of the address */
    assert_true(census_hold(census, &a, false, 0, 10));
    assert_false(census_hold(census, &b, false, 0, 41)); /* of all */
    assert_true(census_hold(census, &proxy, true, 0, 40));
    assert_int_equal(census_held(census), 100);
    census_limit_bytes(census, 10, 10);
    assert_true(census_hold(census, &a, false, 50, 20)); /* less is always taken */
    assert_false(census_hold(census, &a, false, 20, 21));
    assert_int_equal(census_held(census), 70);
    assert_true(census_hold(census, &a, false, 20, 0) && census_hold(census, &a, false, 10, 0));
    assert_true(census_hold(census, &proxy, true, 40, 0));
    assert_int_equal(census_held(census), 0);
    census_destroy(&census);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example), cmocka_unit_test(test_proxies_are_exempt),
        cmocka_unit_test(test_ipv6),    cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
