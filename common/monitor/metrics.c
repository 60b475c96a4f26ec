#include "common/monitor/exposition.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdatomic.h>

/* Plain metrics use slot 0, labelled ones a slot a label, histograms the buckets, sum and count. */
static _Atomic int64_t s_values[METRIC_COUNT][METRIC_LABELS];

static void s_add(metric_t metric, unsigned slot, int64_t n)
{
    atomic_fetch_add_explicit(&s_values[metric][slot], n, memory_order_relaxed);
}

void metric_add(metric_t metric, int64_t n)
{
    s_add(metric, 0, n);
}

void metric_set(metric_t metric, int64_t value)
{
    metric_set_at(metric, 0, value);
}

void metric_add_at(metric_t metric, unsigned label, int64_t n)
{
    assert(label < METRIC_LABELS);
    s_add(metric, label, n);
}

void metric_set_at(metric_t metric, unsigned label, int64_t value)
{
    assert(label < METRIC_LABELS);
    atomic_store_explicit(&s_values[metric][label], value, memory_order_relaxed);
}

void metric_observe_us(metric_t metric, int64_t us)
{
    unsigned bucket = 0;
    for (int64_t bound = 50; us > bound && bucket < METRIC_BUCKETS - 1; bound *= 2)
        bucket++;
    s_add(metric, bucket, 1);
    s_add(metric, METRIC_SLOT_SUM, us);
    s_add(metric, METRIC_SLOT_COUNT, 1);
}

int64_t metric_read(unsigned metric, unsigned slot)
{
    return atomic_load_explicit(&s_values[metric][slot], memory_order_relaxed);
}
