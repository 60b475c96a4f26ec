/* Reads a stored record (a map with string keys) in one pass, when its fields are asked for in the
 * order in which they were written; a field out of order is looked up from the start. No copies: a
 * slice points into the record. A field of another type than the one that is asked for counts as
 * missing. Threading: an object belongs to one thread. */
#ifndef POSTERN_RECORD_H
#define POSTERN_RECORD_H

#include "common/base/uuid.h"
#include "common/wire/pack.h"

typedef struct {
    slice_t bytes;
    unpack_t cursor;
    uint32_t left;
} record_t;

/* BYTES must last as long as the record; bytes that are no map are a record without fields. */
record_t record_begin(slice_t bytes);
uint64_t record_uint(record_t *self, const char *key, uint64_t fallback); /* when missing */
slice_t record_bytes(record_t *self, const char *key);                    /* empty when missing */
uuid_t7 record_uuid(record_t *self, const char *key);                     /* nil when missing */

#endif
