/* Numbers in little-endian order, one after the other, written into a buffer that grows, and read
 * without trust: a read past the end leaves the cursor failed and gives 0.
 *
 * Threading: an object belongs to one thread at a time. Running out of memory aborts. */
#ifndef POSTERN_STREAM_BYTES_H
#define POSTERN_STREAM_BYTES_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Zero-initialised is empty and valid. */
typedef struct {
    char *data;
    size_t len, cap;
} bytes_t;

static inline void bytes_put(bytes_t *self, const void *data, size_t len)
{
    if (self->cap - self->len < len) {
        self->cap = self->cap + len > 2 * self->cap ? self->cap + len : 2 * self->cap;
        self->data = realloc(self->data, self->cap);
        if (!self->data)
            abort();
    }
    if (len > 0)
        memcpy(self->data + self->len, data, len);
    self->len += len;
}

static inline void bytes_number(bytes_t *self, uint64_t value, unsigned width)
{
    unsigned char out[8];
    for (unsigned i = 0; i < width; i++)
        out[i] = (unsigned char)(value >> 8 * i);
    bytes_put(self, out, width);
}

static inline void bytes_uuid(bytes_t *self, const uuid_t7 *id)
{
    bytes_put(self, id->bytes, UUID_BYTES);
}

static inline slice_t bytes_slice(const bytes_t *self)
{
    return slice(self->data ? self->data : "", self->len);
}

static inline void bytes_free(bytes_t *self)
{
    free(self->data);
    *self = (bytes_t){0};
}

typedef struct {
    const char *at;
    size_t left;
    bool failed;
} bytes_in_t;

static inline slice_t bytes_take(bytes_in_t *self, size_t len)
{
    if (self->left < len) {
        self->failed = true;
        self->left = 0;
        return slice("", 0);
    }
    slice_t taken = slice(self->at, len);
    self->at += len;
    self->left -= len;
    return taken;
}

static inline uint64_t bytes_take_number(bytes_in_t *self, unsigned width)
{
    slice_t taken = bytes_take(self, width);
    uint64_t value = 0;
    for (size_t i = taken.len; i > 0; i--)
        value = value << 8 | (unsigned char)taken.data[i - 1];
    return value;
}

static inline void bytes_take_uuid(bytes_in_t *self, uuid_t7 *id)
{
    slice_t taken = bytes_take(self, UUID_BYTES);
    *id = (uuid_t7){{0}};
    if (taken.len == UUID_BYTES)
        memcpy(id->bytes, taken.data, UUID_BYTES);
}

#endif
