/* What was said of whom is remembered for a while, for as many as there is room for. */
#include "common/link/said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the above first */
#include <cmocka.h>

static void test_each_offender_is_news_once_a_while(void **state)
{
    said_t said = {0};
    (void)state;
    assert_true(said_is_news(&said, "a", 1000));
    assert_false(said_is_news(&said, "a", 1000 + SAID_MS - 1));
    assert_true(said_is_news(&said, "b", 1001));
    assert_true(said_is_news(&said, "a", 1000 + SAID_MS));
    assert_false(said_is_news(&said, "b", 1001 + SAID_MS - 1));
}

static void test_the_oldest_gives_way(void **state)
{
    said_t said = {0};
    char who[16];
    (void)state;
    for (int i = 0; i <= SAID_MOST; i++) {
        snprintf(who, sizeof who, "%d", i);
        assert_true(said_is_news(&said, who, 1 + i));
    }
    assert_false(said_is_news(&said, "1", 100)); /* 0 has gone for the last one */
    assert_true(said_is_news(&said, "0", 101));
}

static void test_long_names_are_told_apart_by_what_is_kept(void **state)
{
    said_t said = {0};
    char who[2 * SAID_WHO];
    (void)state;
    snprintf(who, sizeof who, "%0*d", 2 * SAID_WHO - 1, 1);
    assert_true(said_is_news(&said, who, 1));
    assert_false(said_is_news(&said, who, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_offender_is_news_once_a_while),
        cmocka_unit_test(test_the_oldest_gives_way),
        cmocka_unit_test(test_long_names_are_told_apart_by_what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
