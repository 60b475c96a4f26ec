/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "workers/post/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pack_t s_pairs;
static json_out_t s_out;

static const char *s_written(bool lists)
{
    json_reset(&s_out);
    history_pairs(&s_out, wire_pairs_of(&s_pairs), lists);
    json_raw(&s_out, slice("", 1));
    return s_out.data;
}

static void s_add(const char *name, const char *value)
{
    wire_pairs_add(&s_pairs, slice_of(name), slice_of(value));
}

static void test_names_that_come_again(void **state)
{
    (void)state;
    pack_reset(&s_pairs);
    assert_string_equal(s_written(true), "{}");
    s_add("b", "1");
    s_add("a", "\"2\"");
    s_add("b", "3");
    s_add("", "4");
    s_add("bb", "5");
    s_add("b", "");
    assert_string_equal(s_written(true),
                        "{\"b\":[\"1\",\"3\",\"\"],\"a\":\"\\\"2\\\"\",\"\":\"4\",\"bb\":\"5\"}");
    assert_string_equal(s_written(false),
                        "{\"b\":\"1, 3, \",\"a\":\"\\\"2\\\"\",\"\":\"4\",\"bb\":\"5\"}");
}

/* The least time that one of several runs took for this many parameters. */
static int64_t s_least_us(unsigned count)
{
    char name[16];
    int64_t least = INT64_MAX;
    pack_reset(&s_pairs);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "p%u", i * 7919 % count);
        s_add(name, "v");
    }
    for (unsigned run = 0; run < 20; run++) {
        int64_t from = clock_us();
        s_written(true);
        int64_t took = clock_us() - from;
        least = took < least ? took : least;
    }
    return least + 1;
}

static void test_many_take_as_long_each(void **state)
{
    int64_t few = s_least_us(WIRE_PAIRS / 20), many = s_least_us(WIRE_PAIRS);
    (void)state;
    print_message("%d: %lld us, %d: %lld us\n", WIRE_PAIRS / 20, (long long)few, WIRE_PAIRS,
                  (long long)many);
    assert_true(many < 80 * few); /* 400 times would be each with each */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_come_again),
        cmocka_unit_test(test_many_take_as_long_each),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pack_free(&s_pairs);
    json_free(&s_out);
    return failed;
}
