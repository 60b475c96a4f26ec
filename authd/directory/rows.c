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
} slot_t;

struct rows {
    slot_t *slots; /* one for each hash */
    uint64_t version;
    uint32_t age; /* raised with each version; older slots are forgotten */
};

static const size_t s_bytes = ROWS_MOST * sizeof(slot_t);

rows_t *rows_new(void)
{
    rows_t *self = calloc(1, sizeof *self);
    _Static_assert(sizeof(slot_t) == LINE, "a slot fills a cache line");
    if (!self)
        abort();
    self->slots = mmap(NULL, s_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (self->slots == MAP_FAILED)
        abort();
    /* One look touches one line in 32 MiB: with small pages it would also miss the TLB. */
    madvise(self->slots, s_bytes, MADV_HUGEPAGE);
    self->age = 1;
    return self;
}

void rows_destroy(rows_t **self_p)
{
    if (!*self_p)
        return;
    munmap((*self_p)->slots, s_bytes);
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
        memset(self->slots, 0, s_bytes);
        self->age = 1;
    }
}

static slot_t *s_slot(const rows_t *self, unsigned table, slice_t key)
{
    return &self->slots[XXH3_64bits_withSeed(key.data, key.len, table) & (ROWS_MOST - 1)];
}

void rows_expect(const rows_t *self, unsigned table, slice_t key, bool lies)
{
    const slot_t *slot = s_slot(self, table, key);
    if (!lies)
        __builtin_prefetch(slot);
    else if (slot->age == self->age)
        for (uint32_t at = 0; at < slot->len; at += LINE)
            __builtin_prefetch((const char *)slot->data + at);
}

bool rows_find(const rows_t *self, unsigned table, slice_t key, slice_t *value)
{
    if (key.len > ROWS_KEY)
        return false;
    const slot_t *slot = s_slot(self, table, key);
    if (slot->age != self->age || slot->table != table || slot->key_len != key.len ||
        memcmp(slot->key, key.data, key.len) != 0)
        return false;
    *value = slice(slot->data, slot->len);
    return true;
}

void rows_keep(rows_t *self, unsigned table, slice_t key, slice_t value)
{
    if (key.len > ROWS_KEY)
        return;
    slot_t *slot = s_slot(self, table, key);
    *slot = (slot_t){.data = value.data,
                     .len = (uint32_t)value.len,
                     .age = self->age,
                     .table = (uint8_t)table,
                     .key_len = (uint8_t)key.len};
    memcpy(slot->key, key.data, key.len);
}
