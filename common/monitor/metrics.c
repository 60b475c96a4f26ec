#include "common/monitor/monitor.h"

#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/monitor/exposition.h"

#include <assert.h>
#include <stdatomic.h>

const metric_row_t metric_table[METRIC_COUNT] = {
#define METRIC(name, type, label, at, help, action)                                                \
    {#name, METRIC_TYPE_##type, METRIC_LABEL_##label, at, help},
#include "common/monitor/metrics.def"
};

enum {
#define OP(number, name, methods, path, credentials, owner, deed) S_OP_##name,
#include "common/ops.def"
    S_OPS
};
enum {
    S_CODES = 1
#define ERROR(number, name, status, retry_after, message) +1
#include "common/errors.def"
#undef ERROR
};
_Static_assert((int)S_OPS <= (int)METRIC_SLOTS, "raise METRIC_SLOTS: an operation needs a slot");
_Static_assert((int)S_CODES <= (int)METRIC_SLOTS, "raise METRIC_SLOTS: an error code needs a slot");
_Static_assert((int)METRIC_SLOT_COUNT < (int)METRIC_SLOTS, "a histogram needs its slots");

static _Atomic int64_t s_values[METRIC_COUNT][METRIC_SLOTS];
static _Atomic bool s_touched[METRIC_COUNT][METRIC_SLOTS];

unsigned metric_labels(unsigned metric)
{
    switch (metric_table[metric].label) {
    case METRIC_LABEL_OP:
        return S_OPS;
    case METRIC_LABEL_CODE:
        return S_CODES;
    case METRIC_LABEL_KIND:
        return WORKER_KINDS;
    case METRIC_LABEL_FORMAT:
    case METRIC_LABEL_SIGNATURE:
        return label_pairs(metric_table[metric].label);
    case METRIC_LABEL_NONE:
        break;
    }
    return 1;
}

/* Read first: most of the time the line of the cache need not be written. */
static void s_touch(unsigned metric, unsigned slot)
{
    if (!atomic_load_explicit(&s_touched[metric][slot], memory_order_relaxed))
        atomic_store_explicit(&s_touched[metric][slot], true, memory_order_relaxed);
}

static void s_add(unsigned metric, unsigned slot, int64_t n)
{
    s_touch(metric, slot);
    atomic_fetch_add_explicit(&s_values[metric][slot], n, memory_order_relaxed);
}

static void s_set(unsigned metric, unsigned slot, int64_t value)
{
    s_touch(metric, slot);
    atomic_store_explicit(&s_values[metric][slot], value, memory_order_relaxed);
}

static void s_assert_plain(unsigned metric)
{
    assert(metric_table[metric].label == METRIC_LABEL_NONE);
    assert(metric_table[metric].type < METRIC_TYPE_HISTOGRAM);
}

static void s_assert_label(unsigned metric, unsigned label)
{
    assert(metric_table[metric].label != METRIC_LABEL_NONE);
    assert(label < metric_labels(metric));
}

void metric_add(metric_t metric, int64_t n)
{
    s_assert_plain(metric);
    s_add(metric, 0, n);
}

void metric_set(metric_t metric, int64_t value)
{
    s_assert_plain(metric);
    s_set(metric, 0, value);
}

void metric_add_at(metric_t metric, unsigned label, int64_t n)
{
    s_assert_label(metric, label);
    s_add(metric, label, n);
}

void metric_set_at(metric_t metric, unsigned label, int64_t value)
{
    s_assert_label(metric, label);
    s_set(metric, label, value);
}

static void s_observe(unsigned metric, int64_t value, int64_t bound, unsigned buckets)
{
    unsigned bucket = 0;
    for (; value > bound && bucket < buckets - 1; bound *= 2)
        bucket++;
    s_add(metric, bucket, 1);
    s_add(metric, METRIC_SLOT_SUM, value);
    s_add(metric, METRIC_SLOT_COUNT, 1);
}

void metric_observe_us(metric_t metric, int64_t us)
{
    assert(metric_table[metric].type == METRIC_TYPE_HISTOGRAM);
    s_observe(metric, us, METRIC_BOUND_US, METRIC_BUCKETS);
}

void metric_observe_size(metric_t metric, int64_t size)
{
    assert(metric_table[metric].type == METRIC_TYPE_SIZES);
    s_observe(metric, size, 1, METRIC_SIZES);
}

int64_t metric_read(unsigned metric, unsigned slot)
{
    return atomic_load_explicit(&s_values[metric][slot], memory_order_relaxed);
}

bool metric_touched(unsigned metric, unsigned slot)
{
    return atomic_load_explicit(&s_touched[metric][slot], memory_order_relaxed);
}

int64_t metric_get(metric_t metric)
{
    if (metric_table[metric].type >= METRIC_TYPE_HISTOGRAM)
        return metric_read(metric, METRIC_SLOT_COUNT);
    int64_t sum = 0;
    for (unsigned slot = 0; slot < metric_labels(metric); slot++)
        sum += metric_read(metric, slot);
    return sum;
}
