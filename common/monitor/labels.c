/* The labels of rows with two: pairs that are not known before the process meets them. */
#include "common/monitor/exposition.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 33 };

typedef struct {
    const char *first, *second; /* the labels' names */
    struct {
        char first[NAME], second[NAME];
    } pairs[METRIC_SLOTS];
    _Atomic unsigned count;
} pairs_t;

static pairs_t s_formats = {"format", "result", {{"other", "other"}}, 1};
static pairs_t s_signatures = {"preset", "reason", {{"other", "other"}}, 1};

static pairs_t *s_pairs(metric_label_t label)
{
    assert(label == METRIC_LABEL_FORMAT || label == METRIC_LABEL_SIGNATURE);
    return label == METRIC_LABEL_FORMAT ? &s_formats : &s_signatures;
}

static unsigned s_slot(pairs_t *self, slice_t first, const char *second)
{
    unsigned count = atomic_load_explicit(&self->count, memory_order_relaxed);
    for (unsigned i = 1; i < count; i++)
        if (slice_is(first, self->pairs[i].first) && strcmp(self->pairs[i].second, second) == 0)
            return i;
    if (count == METRIC_SLOTS || first.len >= NAME || strlen(second) >= NAME)
        return 0;
    memcpy(self->pairs[count].first, first.data, first.len);
    strcpy(self->pairs[count].second, second);
    atomic_store_explicit(&self->count, count + 1, memory_order_release);
    return count;
}

unsigned metric_format(slice_t format, const char *result)
{
    return s_slot(&s_formats, format, result);
}

unsigned metric_signature(slice_t preset, const char *reason)
{
    return s_slot(&s_signatures, preset, reason);
}

unsigned label_pairs(metric_label_t label)
{
    return atomic_load_explicit(&s_pairs(label)->count, memory_order_acquire);
}

void label_pair_write(FILE *to, metric_label_t label, unsigned slot)
{
    const pairs_t *pairs = s_pairs(label);
    fprintf(to, ",%s=\"%s\",%s=\"%s\"", pairs->first, pairs->pairs[slot].first, pairs->second,
            pairs->pairs[slot].second);
}
