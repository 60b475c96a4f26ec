#include "authd/directory/fields.h"

fields_t fields_begin(slice_t bytes)
{
    fields_t self = {.bytes = bytes, .cursor = unpack_begin(bytes)};
    self.left = unpack_map(&self.cursor, UINT32_MAX);
    return self;
}

/* The cursor at the value of KEY, failed when there is none. The value is to be read from it. */
static unpack_t *s_find(fields_t *self, slice_t key)
{
    if (self->left && unpack_is_key(&self->cursor, key)) {
        self->left--;
        return &self->cursor;
    }
    self->cursor = unpack_find(self->bytes, key);
    self->left = 0; /* where it stands is not known: from here on each is looked up */
    return &self->cursor;
}

uint64_t fields_uint_of(fields_t *self, slice_t key, uint64_t fallback)
{
    unpack_t *at = s_find(self, key);
    uint64_t value = unpack_uint(at, UINT64_MAX);
    return at->failed ? fallback : value;
}

slice_t fields_bytes_of(fields_t *self, slice_t key)
{
    return unpack_bytes(s_find(self, key), SIZE_MAX);
}

uuid_t7 fields_uuid_of(fields_t *self, slice_t key)
{
    uuid_t7 id = {{0}};
    const void *bytes = unpack_bin(s_find(self, key), UUID_BYTES);
    if (bytes)
        memcpy(id.bytes, bytes, UUID_BYTES);
    return id;
}
