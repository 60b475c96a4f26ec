/* A histogram of the process, read back. */
#include "common/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the above first */
#include <cmocka.h>

static void test_quantiles_of_what_was_observed_between(void **state)
{
    (void)state;
    metric_buckets_t before = metric_buckets(METRIC_route_seconds), now;
    assert_true(metric_quantile_us(&before, &before, 0.5) < 0);
    for (unsigned i = 0; i < 100; i++)
        metric_observe_us(METRIC_route_seconds, i < 50 ? 80 : 300); /* 50 to 100, 200 to 400 */
    now = metric_buckets(METRIC_route_seconds);
    assert_true(metric_quantile_us(&now, &before, 0.25) == 75);
    assert_true(metric_quantile_us(&now, &before, 0.5) == 100);
    assert_true(metric_quantile_us(&now, &before, 0.75) == 300);
    assert_true(metric_quantile_us(&now, &before, 1) == 400);
    metric_observe_us(METRIC_route_seconds, INT64_C(1) << 40);
    metric_buckets_t last = metric_buckets(METRIC_route_seconds);
    assert_true(metric_quantile_us(&last, &now, 0.5) == 50 * (1 << (METRIC_BUCKETS - 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles_of_what_was_observed_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
