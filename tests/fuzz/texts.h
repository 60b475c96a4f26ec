/* A fuzzer of readers of one text each: an input's first byte, a letter from a on, says which. */
#ifndef POSTERN_FUZZ_TEXTS_H
#define POSTERN_FUZZ_TEXTS_H

#include "common/base/slice.h"

#include <stdlib.h>
#include <string.h>

static inline void texts_read(void (*const readers[])(slice_t), size_t count, const uint8_t *data,
                              size_t size)
{
    if (size == 0)
        return;
    /* of its own, so that a look past the end is seen */
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    readers[(unsigned char)(data[0] - (uint8_t)0x61) % count](slice(text, size - 1));
    free(text);
}

#endif
