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
    uint32_t places, used;
    uint64_t version;
    uint32_t age; /* raised with each version; older slots are forgotten */
};

static size_t s_bytes(const rows_t *self)
{
    return self->places * sizeof(slot_t);
}

/* Small pages: the first touch of a large one makes 2 MiB of zeros, which takes up to 5 ms of
 * whoever asks, and a few dozen looks touch all of a table's. */
static void s_open(rows_t *self, uint32_t places)
{
    self->places = places;
    self->used = 0;
    self->slots = mmap(NULL, s_bytes(self), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (self->slots == MAP_FAILED)
        abort();
}

static void s_close(rows_t *self)
{
    munmap(self->slots, s_bytes(self));
}

rows_t *rows_new(void)
{
    rows_t *self = calloc(1, sizeof *self);
    _Static_assert(sizeof(slot_t) == LINE, "a slot fills a cache line");
    if (!self)
        abort();
    s_open(self, ROWS_LEAST);
    self->age = 1;
    return self;
}

void rows_destroy(rows_t **self_p)
{
    if (!*self_p)
        return;
    s_close(*self_p);
    free(*self_p);
    *self_p = NULL;
}

/* Of the largest table one look touches one line in 32 MiB, and with small pages would also miss
 * the TLB. Now that it is in use, the kernel's own thread puts them together, some at a time. */
static void s_grow(rows_t *self)
{
    if (self->places == ROWS_MOST) {
        madvise(self->slots, s_bytes(self), MADV_HUGEPAGE);
        return;
    }
    s_close(self);
    s_open(self, self->places * ROWS_GROW);
}

void rows_renew(rows_t *self, uint64_t version)
{
    if (self->version == version)
        return;
    self->version = version;
    self->age++;
    if (self->age == 0) {
        memset(self->slots, 0, s_bytes(self));
        self->age = 1;
    }
}

static slot_t *s_slot(const rows_t *self, unsigned table, slice_t key)
{
    return &self->slots[XXH3_64bits_withSeed(key.data, key.len, table) & (self->places - 1)];
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
    if (slot->age == 0 && ++self->used == self->places / ROWS_GROW) {
        s_grow(self);
        slot = s_slot(self, table, key);
    }
    *slot = (slot_t){.data = value.data,
                     .len = (uint32_t)value.len,
                     .age = self->age,
                     .table = (uint8_t)table,
                     .key_len = (uint8_t)key.len};
    memcpy(slot->key, key.data, key.len);
}
