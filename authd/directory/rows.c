#include "authd/directory/rows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

enum { LINE = 64 }; /* of the cache */

/* A line. */
typedef struct {
    const void *data;
    uint32_t len;
    uint32_t age; /* of rows_t when it was kept; 0: never */
    uint8_t table, key_len;
    char key[ROWS_KEY];
} place_t;

struct rows {
    place_t *places; /* one for each hash */
    uint64_t version;
    uint32_t age; /* raised with each version; older places are forgotten */
};

static const size_t s_bytes = ROWS_MOST * sizeof(place_t);

rows_t *rows_new(void)
{
    rows_t *self = calloc(1, sizeof *self);
    _Static_assert(sizeof(place_t) == LINE, "a place fills a cache line");
    if (!self)
        abort();
    self->places = mmap(NULL, s_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (self->places == MAP_FAILED)
        abort();
    /* One look touches one line in 32 MiB: with small pages it would also miss the TLB. */
    madvise(self->places, s_bytes, MADV_HUGEPAGE);
    self->age = 1;
    return self;
}

void rows_destroy(rows_t **self_p)
{
    if (!*self_p)
        return;
    munmap((*self_p)->places, s_bytes);
    free(*self_p);
    *self_p = NULL;
}

void rows_renew(rows_t *self, uint64_t version)
{
    if (self->version == version)
        return;
    self->version = version;
    self->age++;
    if (self->age == 0) {
        memset(self->places, 0, s_bytes);
        self->age = 1;
    }
}

static place_t *s_place(const rows_t *self, unsigned table, slice_t key)
{
    return &self->places[XXH3_64bits_withSeed(key.data, key.len, table) & (ROWS_MOST - 1)];
}

void rows_expect(const rows_t *self, unsigned table, slice_t key, bool lies)
{
    const place_t *place = s_place(self, table, key);
    if (!lies)
        __builtin_prefetch(place);
    else if (place->age == self->age)
        for (uint32_t at = 0; at < place->len; at += LINE)
            __builtin_prefetch((const char *)place->data + at);
}

bool rows_find(const rows_t *self, unsigned table, slice_t key, slice_t *value)
{
    if (key.len > ROWS_KEY)
        return false;
    const place_t *place = s_place(self, table, key);
    if (place->age != self->age || place->table != table || place->key_len != key.len ||
        memcmp(place->key, key.data, key.len) != 0)
        return false;
    *value = slice(place->data, place->len);
    return true;
}

void rows_keep(rows_t *self, unsigned table, slice_t key, slice_t value)
{
    if (key.len > ROWS_KEY)
        return;
    place_t *place = s_place(self, table, key);
    *place = (place_t){.data = value.data,
                       .len = (uint32_t)value.len,
                       .age = self->age,
                       .table = (uint8_t)table,
                       .key_len = (uint8_t)key.len};
    memcpy(place->key, key.data, key.len);
}
