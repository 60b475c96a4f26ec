/* What a directory that nobody has open has: directory_sums DIRECTORY MASTER-KEY. For each table of
 * which copies have the same, its name, the number of its rows and a sum of them. */
#include "authd/directory/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint64_t rows, sum;
} sum_t;

/* FNV-1a, with each part's length before it. */
static uint64_t s_add(uint64_t sum, slice_t part)
{
    const uint64_t prime = UINT64_C(0x100000001b3);
    for (unsigned i = 0; i < sizeof part.len; i++)
        sum = (sum ^ (uint8_t)(part.len >> 8 * i)) * prime;
    for (size_t i = 0; i < part.len; i++)
        sum = (sum ^ (uint8_t)part.data[i]) * prime;
    return sum;
}

static void s_walk(view_t *view, sum_t sums[TABLE_COUNT])
{
    copy_place_t place = {0};
    redo_row_t row;
    while (copy_next(view, &place, &row)) {
        sum_t *of = &sums[place.table];
        of->rows++;
        of->sum = s_add(s_add(of->sum, row.key), row.value);
    }
}

int main(int argc, char **argv)
{
    char err[1024];
    sum_t sums[TABLE_COUNT] = {0};
    directory_options_t options = {.map_bytes = (uint64_t)16 << 30};
    if (argc != 3)
        return 2;
    options.path = argv[1];
    options.key_path = argv[2];
    directory_t *directory = directory_open(&options, err, sizeof err);
    if (!directory) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    view_t *view = view_new(directory);
    view_renew(view);
    s_walk(view, sums);
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        printf("%s %" PRIu64 " %016" PRIx64 "\n", table_names[i], sums[i].rows, sums[i].sum);
    bool damaged = view_take_damage(view);
    view_destroy(&view);
    directory_close(&directory);
    return damaged;
}
