/* What two looks at /metrics tell. */
#include "common/health/sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the above first */
#include <cmocka.h>

static sample_t *s_parse(const char *text)
{
    return sample_parse(text, strlen(text));
}

static void s_near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-9))
        fail_msg("%g is not %g", value, expected);
}

static void test_sums_and_the_greatest_over_labels(void **state)
{
    (void)state;
    sample_t *one = s_parse("# HELP postern_queue_entries x\n"
                            "postern_queue_entries{process=\"r\",kind=\"bot\"} 3\n"
                            "postern_queue_entries{process=\"r\",kind=\"a } b\"} 4.5\n"
                            "process_cpu_seconds_total{process=\"r\"} 0.25\n"
                            "plain 7\n"
                            "nonsense\n{} 1\n\npostern_x{} y\n"
                            "postern_last{a=\"b\"} 1e3");
    s_near(sample_sum(one, "queue_entries"), 7.5);
    s_near(sample_most(one, "queue_entries"), 4.5);
    s_near(sample_sum(one, "process_cpu_seconds_total"), 0.25);
    s_near(sample_sum(one, "last"), 1000);
    assert_true(isnan(sample_sum(one, "queue")));
    assert_true(isnan(sample_sum(one, "x")));
    assert_true(isnan(sample_most(one, "nothing")));
    sample_destroy(&one);
    assert_null(one);
    sample_destroy(&one);
}

static void test_growth_needs_two_looks(void **state)
{
    (void)state;
    sample_t *before = s_parse("postern_a{p=\"x\"} 5\n"), *now = s_parse("postern_a{p=\"x\"} 8\n");
    s_near(sample_growth(now, before, "a"), 3);
    assert_true(isnan(sample_growth(now, NULL, "a")));
    assert_true(isnan(sample_growth(now, before, "b")));
    sample_destroy(&before);
    sample_destroy(&now);
}

#define BUCKETS(a, b, c, all)                                                                      \
    "postern_t_seconds_bucket{p=\"x\",le=\"0.1\"} " a "\n"                                         \
    "postern_t_seconds_bucket{p=\"x\",le=\"0.2\"} " b "\n"                                         \
    "postern_t_seconds_bucket{p=\"x\",le=\"0.4\"} " c "\n"                                         \
    "postern_t_seconds_bucket{p=\"x\",le=\"+Inf\"} " all "\n"

static void test_quantiles_are_of_what_came_between(void **state)
{
    (void)state;
    sample_t *before = s_parse(BUCKETS("1000", "1000", "1000", "1000"));
    sample_t *now = s_parse(BUCKETS("1050", "1090", "1100", "1100"));
    s_near(sample_quantile(now, before, "t_seconds", 0.5), 0.1);   /* 50 of 100, a bucket's end */
    s_near(sample_quantile(now, before, "t_seconds", 0.25), 0.05); /* half of the first bucket */
    s_near(sample_quantile(now, before, "t_seconds", 0.7), 0.15);
    s_near(sample_quantile(now, before, "t_seconds", 0.99), 0.38);
    assert_true(isnan(sample_quantile(now, now, "t_seconds", 0.5)));
    assert_true(isnan(sample_quantile(now, NULL, "t_seconds", 0.5)));
    assert_true(isnan(sample_quantile(now, before, "u_seconds", 0.5)));
    sample_destroy(&now);
    now = s_parse(BUCKETS("1000", "1000", "1000", "1010"));
    s_near(sample_quantile(now, before, "t_seconds", 0.5), 0.4); /* beyond the last bound */
    sample_destroy(&now);
    sample_destroy(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_and_the_greatest_over_labels),
        cmocka_unit_test(test_growth_needs_two_looks),
        cmocka_unit_test(test_quantiles_are_of_what_came_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
