#include "common/wire/pack.h"

#include "common/base/secret.h"
#include "common/base/utf8.h"

#include <assert.h>
#include <endian.h>
#include <msgpack.h>
#include <stdlib.h>

void pack_reset(pack_t *self)
{
    self->len = 0;
}

void pack_free(pack_t *self)
{
    free(self->data);
    *self = (pack_t){0};
}

void pack_wipe(pack_t *self)
{
    if (self->data)
        secret_wipe(self->data, self->cap);
    pack_free(self);
}

static __attribute__((cold, noinline)) void s_grow(pack_t *self, size_t len)
{
    size_t cap = self->cap ? self->cap : 512;
    while (cap - self->len < len)
        cap *= 2;
    char *grown = realloc(self->data, cap);
    if (!grown)
        abort();
    self->data = grown;
    self->cap = cap;
}

/* Inlined, where most lengths are constant: an entry has some thirty items. */
static inline __attribute__((always_inline)) void s_append(pack_t *self, const void *data,
                                                           size_t len)
{
    if (self->cap - self->len < len)
        s_grow(self, len);
    if (len)
        memcpy(self->data + self->len, data, len);
    self->len += len;
}

static inline __attribute__((always_inline)) int s_write(void *arg, const char *data, size_t len)
{
    s_append(arg, data, len);
    return 0;
}

static msgpack_packer s_packer(pack_t *self)
{
    return (msgpack_packer){.data = self, .callback = s_write};
}

void pack_uint(pack_t *self, uint64_t value)
{
    msgpack_packer to = s_packer(self);
    msgpack_pack_uint64(&to, value);
}

void pack_u32(pack_t *self, uint32_t value)
{
    msgpack_packer to = s_packer(self);
    msgpack_pack_fix_uint32(&to, value);
}

void pack_bool(pack_t *self, bool value)
{
    msgpack_packer to = s_packer(self);
    if (value)
        msgpack_pack_true(&to);
    else
        msgpack_pack_false(&to);
}

void pack_nil(pack_t *self)
{
    msgpack_packer to = s_packer(self);
    msgpack_pack_nil(&to);
}

void pack_str(pack_t *self, slice_t text)
{
    msgpack_packer to = s_packer(self);
    msgpack_pack_str(&to, text.len);
    s_append(self, text.data, text.len);
}

void pack_bin(pack_t *self, const void *data, size_t len)
{
    msgpack_packer to = s_packer(self);
    msgpack_pack_bin(&to, len);
    s_append(self, data, len);
}

void pack_id(pack_t *self, const void *id)
{
    enum { HEAD = 2, ID = 16 };
    char bytes[HEAD + ID] = {(char)0xc4, ID};
    memcpy(bytes + HEAD, id, ID);
    s_append(self, bytes, sizeof bytes);
}

void pack_array(pack_t *self, uint32_t items)
{
    msgpack_packer to = s_packer(self);
    msgpack_pack_array(&to, items);
}

void pack_map(pack_t *self, uint32_t pairs)
{
    msgpack_packer to = s_packer(self);
    msgpack_pack_map(&to, pairs);
}

void pack_raw(pack_t *self, slice_t encoded)
{
    s_append(self, encoded.data, encoded.len);
}

void pack_pair_uint(pack_t *self, const char *key, uint64_t value)
{
    pack_str(self, slice_of(key));
    pack_uint(self, value);
}

void pack_pair_str(pack_t *self, const char *key, slice_t text)
{
    pack_str(self, slice_of(key));
    pack_str(self, text);
}

void pack_pair_bin(pack_t *self, const char *key, const void *data, size_t len)
{
    pack_str(self, slice_of(key));
    pack_bin(self, data, len);
}

/* --- reading --- */

unpack_t unpack_begin(slice_t encoded)
{
    return (unpack_t){encoded.data, encoded.data + encoded.len, false};
}

static size_t s_left(const unpack_t *self)
{
    return (size_t)(self->end - self->at);
}

/* The next LEN bytes; NULL and failed when they are not there. */
static const uint8_t *s_take(unpack_t *self, size_t len)
{
    if (self->failed || s_left(self) < len) {
        self->failed = true;
        return NULL;
    }
    const uint8_t *bytes = (const uint8_t *)self->at;
    self->at += len;
    return bytes;
}

/* LEN: 1, 2, 4 or 8. */
static uint64_t s_big_endian(unpack_t *self, size_t len)
{
    const uint8_t *bytes = s_take(self, len);
    uint64_t value = 0;
    if (!bytes)
        return 0;
    if (len == sizeof value) {
        memcpy(&value, bytes, sizeof value);
        return be64toh(value);
    }
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

static uint8_t s_tag(unpack_t *self)
{
    const uint8_t *tag = s_take(self, 1);
    return tag ? *tag : 0xc1; /* 0xc1 is never used by msgpack */
}

uint64_t unpack_uint(unpack_t *self, uint64_t max)
{
    uint8_t tag = s_tag(self);
    uint64_t value = 0;
    if (tag < 0x80)
        value = tag;
    else if (tag == 0xcf)
        value = s_big_endian(self, sizeof value);
    else if (tag >= 0xcc && tag <= 0xcf)
        value = s_big_endian(self, (size_t)1 << (tag - 0xcc));
    else
        self->failed = true;
    if (value > max)
        self->failed = true;
    return self->failed ? 0 : value;
}

bool unpack_bool(unpack_t *self)
{
    uint8_t tag = s_tag(self);
    if (tag != 0xc2 && tag != 0xc3)
        self->failed = true;
    return !self->failed && tag == 0xc3;
}

/* Length of a str (and, when allowed, a bin) that begins here. */
static size_t s_length(unpack_t *self, bool bin_too)
{
    uint8_t tag = s_tag(self);
    if (tag >= 0xa0 && tag <= 0xbf)
        return tag & 0x1f;
    if (tag >= 0xd9 && tag <= 0xdb)
        return s_big_endian(self, (size_t)1 << (tag - 0xd9));
    if (bin_too && tag >= 0xc4 && tag <= 0xc6)
        return s_big_endian(self, (size_t)1 << (tag - 0xc4));
    self->failed = true;
    return 0;
}

/* Of what is there whole, with a head of one or two bytes, as nearly all are: inlined. */
static inline __attribute__((always_inline)) bool s_short_bytes(unpack_t *self, size_t max_len,
                                                                bool bin_too, slice_t *bytes)
{
    size_t left = s_left(self), head = 1, len;
    if (self->failed || left < 2)
        return false;
    uint8_t tag = (uint8_t)self->at[0];
    if ((tag & 0xe0) == 0xa0) {
        len = tag & 0x1f;
    } else if (tag == 0xd9 || (bin_too && tag == 0xc4)) {
        head = 2;
        len = (uint8_t)self->at[1];
    } else {
        return false;
    }
    if (len > max_len || len > left - head)
        return false;
    *bytes = slice(self->at + head, len);
    self->at += head + len;
    return true;
}

static __attribute__((noinline)) slice_t s_long_bytes(unpack_t *self, size_t max_len, bool bin_too)
{
    size_t len = s_length(self, bin_too);
    if (len > max_len)
        self->failed = true;
    const void *data = s_take(self, len);
    return data ? slice(data, len) : slice("", 0);
}

static inline __attribute__((always_inline)) slice_t s_bytes(unpack_t *self, size_t max_len,
                                                             bool bin_too)
{
    slice_t bytes;
    return s_short_bytes(self, max_len, bin_too, &bytes) ? bytes
                                                         : s_long_bytes(self, max_len, bin_too);
}

slice_t unpack_str(unpack_t *self, size_t max_len)
{
    slice_t text = s_bytes(self, max_len, false);
    if (!self->failed && !utf8_valid(text)) {
        self->failed = true;
        return slice("", 0);
    }
    return text;
}

slice_t unpack_bytes(unpack_t *self, size_t max_len)
{
    return s_bytes(self, max_len, true);
}

const void *unpack_bin(unpack_t *self, size_t len)
{
    slice_t bytes = s_bytes(self, len, true);
    if (bytes.len != len)
        self->failed = true;
    return self->failed ? NULL : bytes.data;
}

/* A count of items, each at least a byte long: one that cannot be there fails at once. */
static uint32_t s_count(unpack_t *self, uint8_t fix, uint8_t wide, uint32_t max, uint32_t each)
{
    uint8_t tag = s_tag(self);
    uint64_t count = 0;
    if ((tag & 0xf0) == fix)
        count = tag & 0x0f;
    else if (tag == wide || tag == wide + 1)
        count = s_big_endian(self, tag == wide ? 2 : 4);
    else
        self->failed = true;
    if (count > max || count * each > s_left(self))
        self->failed = true;
    return self->failed ? 0 : (uint32_t)count;
}

uint32_t unpack_array(unpack_t *self, uint32_t max_items)
{
    return s_count(self, 0x90, 0xdc, max_items, 1);
}

uint32_t unpack_map(unpack_t *self, uint32_t max_pairs)
{
    return s_count(self, 0x80, 0xde, max_pairs, 2);
}

bool unpack_is_nil(unpack_t *self)
{
    if (self->failed || s_left(self) == 0 || (uint8_t)*self->at != 0xc0)
        return false;
    self->at++;
    return true;
}

bool unpack_is_bin(const unpack_t *self)
{
    return !self->failed && s_left(self) > 0 && (uint8_t)*self->at >= 0xc4 &&
           (uint8_t)*self->at <= 0xc6;
}

bool unpack_is_key(unpack_t *self, slice_t key)
{
    assert(key.len < 32);
    if (self->failed || s_left(self) <= key.len || (uint8_t)*self->at != (0xa0 | key.len) ||
        memcmp(self->at + 1, key.data, key.len) != 0)
        return false;
    self->at += 1 + key.len;
    return true;
}

/* Skips what follows the tag of a value that is not an array or a map. */
static void s_skip_scalar(unpack_t *self, uint8_t tag)
{
    if (tag < 0x80 || tag >= 0xe0 || tag == 0xc0 || tag == 0xc2 || tag == 0xc3)
        s_take(self, 1);
    else if ((tag >= 0xcc && tag <= 0xcf) || (tag >= 0xd0 && tag <= 0xd3))
        s_take(self, 1 + ((size_t)1 << (tag & 3)));
    else if (tag == 0xca || tag == 0xcb)
        s_take(self, tag == 0xca ? 5 : 9);
    else
        s_bytes(self, SIZE_MAX, true);
}

slice_t unpack_value(unpack_t *self, unsigned max_depth)
{
    const char *from = self->at;
    if (self->failed || s_left(self) == 0) {
        self->failed = true;
        return slice("", 0);
    }
    uint8_t tag = (uint8_t)*self->at;
    bool array = (tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd;
    bool map = (tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf;
    if (!array && !map) {
        s_skip_scalar(self, tag);
    } else if (max_depth == 0) {
        self->failed = true;
    } else {
        uint64_t items =
            array ? unpack_array(self, UINT32_MAX) : (uint64_t)unpack_map(self, UINT32_MAX) * 2;
        for (; items && !self->failed; items--)
            unpack_value(self, max_depth - 1);
    }
    return self->failed ? slice("", 0) : slice(from, (size_t)(self->at - from));
}

bool unpack_done(const unpack_t *self)
{
    return !self->failed && self->at == self->end;
}

unpack_t unpack_find(slice_t record, slice_t key)
{
    unpack_t cursor = unpack_begin(record);
    uint32_t pairs = unpack_map(&cursor, UINT32_MAX);
    for (; pairs && !cursor.failed; pairs--) {
        if (slice_eq(unpack_bytes(&cursor, SIZE_MAX), key))
            return cursor;
        unpack_value(&cursor, 8);
    }
    cursor.failed = true;
    return cursor;
}

uint64_t unpack_find_uint(slice_t record, const char *key, uint64_t fallback)
{
    unpack_t cursor = unpack_find(record, slice_of(key));
    uint64_t value = unpack_uint(&cursor, UINT64_MAX);
    return cursor.failed ? fallback : value;
}
