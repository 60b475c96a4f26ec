/* Reads a stored record (a map with string keys) in one pass, when its fields are asked for in the
 * order in which they were written; a field out of order is looked up from the start. No copies: a
 * slice points into the record. A field of another type than the one that is asked for counts as
 * missing. Threading: an object belongs to one thread. */
#ifndef POSTERN_AUTHD_DIRECTORY_FIELDS_H
#define POSTERN_AUTHD_DIRECTORY_FIELDS_H

#include "common/base/uuid.h"
#include "common/wire/pack.h"

typedef struct {
    slice_t bytes;
    unpack_t cursor;
    uint32_t left;
} fields_t;

/* BYTES must last as long as the record; bytes that are no map are a record without fields. */
fields_t fields_begin(slice_t bytes);
uint64_t fields_uint_of(fields_t *self, slice_t key, uint64_t fallback); /* when missing */
slice_t fields_bytes_of(fields_t *self, slice_t key);                    /* empty when missing */
uuid_t7 fields_uuid_of(fields_t *self, slice_t key);                     /* nil when missing */

/* The same by a literal, whose length the compiler knows. */
static inline uint64_t fields_uint(fields_t *self, const char *key, uint64_t fallback)
{
    return fields_uint_of(self, slice_of(key), fallback);
}

static inline slice_t fields_bytes(fields_t *self, const char *key)
{
    return fields_bytes_of(self, slice_of(key));
}

static inline uuid_t7 fields_uuid(fields_t *self, const char *key)
{
    return fields_uuid_of(self, slice_of(key));
}

#endif
