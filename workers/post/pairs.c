#include "workers/post/pairs.h"

#include <stdlib.h>

static void s_decode(pairs_t *self, slice_t encoded)
{
    wire_pairs_t each = wire_pairs_begin(encoded);
    const char *from = encoded.data;
    for (self->len = 0; self->len < WIRE_PAIRS; from = each.cursor.at) {
        pair_t *pair = &self->pair[self->len];
        if (!wire_pairs_next(&each, &pair->name, &pair->value))
            break;
        pair->encoded = slice(from, (size_t)(each.cursor.at - from));
        pair->next = 0;
        pair->again = false;
        self->by_name[self->len] = self->len;
        self->len++;
    }
}

static int s_compare(const void *left, const void *right, void *pairs)
{
    unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;
    slice_t x = ((const pair_t *)pairs)[a].name, y = ((const pair_t *)pairs)[b].name;
    int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    if (order == 0 && x.len != y.len)
        order = x.len < y.len ? -1 : 1;
    return order ? order : a < b ? -1 : 1;
}

void pairs_read(pairs_t *self, slice_t encoded)
{
    s_decode(self, encoded);
    qsort_r(self->by_name, self->len, sizeof *self->by_name, s_compare, self->pair);
    for (unsigned i = 1; i < self->len; i++) {
        pair_t *before = &self->pair[self->by_name[i - 1]], *pair = &self->pair[self->by_name[i]];
        pair->again = slice_eq(before->name, pair->name);
        if (pair->again)
            before->next = self->by_name[i];
    }
}
