/* The labels of a row with FORMAT: pairs that are not known before the process meets them. */
#include "common/monitor/exposition.h"
#include "common/monitor/monitor.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 33 };

static struct {
    char format[NAME], result[NAME];
} s_pairs[METRIC_SLOTS] = {{"other", "other"}};
static _Atomic unsigned s_count = 1;

unsigned metric_format(slice_t format, const char *result)
{
    unsigned count = atomic_load_explicit(&s_count, memory_order_relaxed);
    for (unsigned i = 1; i < count; i++)
        if (slice_is(format, s_pairs[i].format) && strcmp(s_pairs[i].result, result) == 0)
            return i;
    if (count == METRIC_SLOTS || format.len >= NAME || strlen(result) >= NAME)
        return 0;
    memcpy(s_pairs[count].format, format.data, format.len);
    strcpy(s_pairs[count].result, result);
    atomic_store_explicit(&s_count, count + 1, memory_order_release);
    return count;
}

unsigned label_pairs(void)
{
    return atomic_load_explicit(&s_count, memory_order_acquire);
}

void label_pair_write(FILE *to, unsigned slot)
{
    fprintf(to, ",format=\"%s\",result=\"%s\"", s_pairs[slot].format, s_pairs[slot].result);
}
