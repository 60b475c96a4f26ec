/* A histogram of this process, read back. */
#include "common/monitor/exposition.h"

#include <assert.h>

metric_buckets_t metric_buckets(metric_t metric)
{
    metric_buckets_t buckets;
    assert(metric_table[metric].type == METRIC_TYPE_HISTOGRAM);
    for (unsigned i = 0; i < METRIC_BUCKETS; i++)
        buckets.count[i] = metric_read(metric, i);
    return buckets;
}

double metric_quantile_us(const metric_buckets_t *now, const metric_buckets_t *before, double q)
{
    double total = 0, under = 0, low = 0, bound = METRIC_BOUND_US;
    for (unsigned i = 0; i < METRIC_BUCKETS; i++)
        total += (double)(now->count[i] - before->count[i]);
    if (total <= 0)
        return -1;
    for (unsigned i = 0; i < METRIC_BUCKETS - 1; i++, low = bound, bound *= 2) {
        double here = (double)(now->count[i] - before->count[i]);
        if (here > 0 && under + here >= q * total)
            return low + (bound - low) * (q * total - under) / here;
        under += here;
    }
    return low;
}
