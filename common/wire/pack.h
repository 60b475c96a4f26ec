/* msgpack, written and read without trust: the one place that includes <msgpack.h>.
 *
 * Writing appends to a growing buffer through msgpack-c's packer. Reading is a cursor of our own
 * over borrowed bytes, because msgpack-c's unpacker builds a tree of objects and believes the
 * counts that a peer declares; the cursor allocates nothing, and a declared count costs nothing
 * until its items are really there. A read that fails leaves the cursor failed: check once at the
 * end.
 *
 * Threading: an object belongs to one thread at a time. Running out of memory aborts. */
#ifndef POSTERN_PACK_H
#define POSTERN_PACK_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A buffer that grows and is reused. Zero-initialised is empty and valid. */
typedef struct {
    char *data;
    size_t len, cap;
} pack_t;

void pack_reset(pack_t *self); /* empties, keeps the memory */
void pack_free(pack_t *self);  /* without overwriting: see pack_wipe */
void pack_wipe(pack_t *self);  /* overwrites, then frees: for what held a secret */

void pack_uint(pack_t *self, uint64_t value);
/* Always 5 bytes, so that it can be patched in place. */
void pack_u32(pack_t *self, uint32_t value);
void pack_bool(pack_t *self, bool value);
void pack_nil(pack_t *self);
void pack_str(pack_t *self, slice_t text);
void pack_bin(pack_t *self, const void *data, size_t len);
void pack_id(pack_t *self, const void *id); /* pack_bin of 16 bytes */
void pack_array(pack_t *self, uint32_t items);
void pack_map(pack_t *self, uint32_t pairs);
void pack_raw(pack_t *self, slice_t encoded); /* bytes that are msgpack already */

/* A record is a map with string keys: pack_map, then pairs of these. */
void pack_pair_uint(pack_t *self, const char *key, uint64_t value);
void pack_pair_str(pack_t *self, const char *key, slice_t text);
void pack_pair_bin(pack_t *self, const char *key, const void *data, size_t len);

/* Cursor. Zero-copy: the slices point into the bytes it was begun with. */
typedef struct {
    const char *at, *end;
    bool failed;
} unpack_t;

unpack_t unpack_begin(slice_t encoded);
uint64_t unpack_uint(unpack_t *self, uint64_t max); /* fails past max */
bool unpack_bool(unpack_t *self);
slice_t unpack_str(unpack_t *self, size_t max_len);   /* fails on bytes that are not UTF-8 */
slice_t unpack_bytes(unpack_t *self, size_t max_len); /* str of any bytes, or bin */
const void *unpack_bin(unpack_t *self, size_t len);   /* bin of exactly this length */
uint32_t unpack_array(unpack_t *self, uint32_t max_items);
uint32_t unpack_map(unpack_t *self, uint32_t max_pairs);
bool unpack_is_nil(unpack_t *self);       /* true: skips the nil; false: nothing is read */
bool unpack_is_bin(const unpack_t *self); /* nothing is read */
/* True: skips the str KEY, of at most 31 bytes and as pack_str writes it; false: nothing is read.
 */
bool unpack_is_key(unpack_t *self, slice_t key);
/* Skips one value of at most this nesting (arrays and maps) and returns its bytes. */
slice_t unpack_value(unpack_t *self, unsigned max_depth);
/* True when nothing failed and every byte was read. */
bool unpack_done(const unpack_t *self);

/* Finds KEY in a record (a map with string keys), from its begin: a cursor at the value of KEY, or
 * a failed cursor. */
unpack_t unpack_find(slice_t record, slice_t key);
uint64_t unpack_find_uint(slice_t record, const char *key, uint64_t fallback);

#endif
