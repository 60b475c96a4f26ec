/* What the two load programs share: the message they send, and their figures. */
#ifndef POSTERN_BENCH_LOAD_H
#define POSTERN_BENCH_LOAD_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOAD_BODY = 240 };

static const char *const load_headers[][2] = {
    {"Content-Type", "application/json"},
    {"webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"},
    {"webhook-timestamp", "1674087231"},
    {"webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="}};
enum { LOAD_HEADERS = sizeof load_headers / sizeof *load_headers };

static inline void load_body(char body[LOAD_BODY])
{
    memset(body, 'x', LOAD_BODY);
    memcpy(body, "{\"text\":\"", 9);
    memcpy(body + LOAD_BODY - 2, "\"}", 2);
}

typedef struct {
    uint32_t *us;
    size_t len, size;
    uint64_t failures;
} latencies_t;

static inline void latencies_add(latencies_t *self, int64_t us)
{
    if (self->len == self->size) {
        self->size = self->size ? 2 * self->size : 1024;
        self->us = realloc(self->us, self->size * sizeof *self->us);
        if (!self->us)
            abort();
    }
    self->us[self->len++] = (uint32_t)us;
}

static inline int latencies_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* "NAME REQUESTS FAILURES US P50_US P99_US" */
static inline void latencies_print(latencies_t *self, const char *name, int64_t spent_us)
{
    if (self->len)
        qsort(self->us, self->len, sizeof *self->us, latencies_order);
    printf("%s %zu %" PRIu64 " %" PRId64 " %u %u\n", name, self->len, self->failures, spent_us,
           self->len ? self->us[self->len / 2] : 0, self->len ? self->us[self->len * 99 / 100] : 0);
    free(self->us);
}

#endif
