#include "gateway/http/census.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct {
    uint8_t key[12]; /* IPv4, or the first 8 bytes of IPv6 and a mark */
    uint32_t count;  /* 0: free */
    uint64_t bytes;
} row_t;

struct census {
    pthread_mutex_t lock;
    unsigned most, most_of_address, len;
    uint64_t bytes, most_bytes, most_bytes_of_address;
    row_t *row; /* open addressing */
    unsigned room, used;
};

enum { ROOM = 256 };

census_t *census_new(unsigned most, unsigned most_of_address)
{
    census_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    pthread_mutex_init(&self->lock, NULL);
    self->most = most;
    self->most_of_address = most_of_address;
    self->most_bytes = self->most_bytes_of_address = UINT64_MAX;
    self->room = ROOM;
    self->row = calloc(self->room, sizeof *self->row);
    if (!self->row)
        abort();
    return self;
}

void census_destroy(census_t **self_p)
{
    if (*self_p) {
        pthread_mutex_destroy(&(*self_p)->lock);
        free((*self_p)->row);
        free(*self_p);
        *self_p = NULL;
    }
}

static row_t s_key(const address_t *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    row_t row = {.count = 0};
    if (memcmp(address->bytes, mapped, sizeof mapped) == 0)
        memcpy(row.key, address->bytes + 12, 4);
    else {
        memcpy(row.key, address->bytes, 8);
        row.key[11] = 1;
    }
    return row;
}

bool census_same(const address_t *a, const address_t *b)
{
    row_t left = s_key(a), right = s_key(b);
    return memcmp(left.key, right.key, sizeof left.key) == 0;
}

static unsigned s_home(const census_t *self, const row_t *row)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < sizeof row->key; i++)
        hash = (hash ^ row->key[i]) * 16777619u;
    return hash & (self->room - 1);
}

static unsigned s_seek(const census_t *self, const row_t *key)
{
    unsigned at = s_home(self, key);
    while (self->row[at].count && memcmp(self->row[at].key, key->key, sizeof key->key) != 0)
        at = (at + 1) & (self->room - 1);
    return at;
}

static void s_grow(census_t *self)
{
    row_t *old = self->row;
    unsigned room = self->room;
    self->room *= 2;
    self->row = calloc(self->room, sizeof *self->row);
    if (!self->row)
        abort();
    for (unsigned i = 0; i < room; i++)
        if (old[i].count)
            self->row[s_seek(self, &old[i])] = old[i];
    free(old);
}

static void s_remove(census_t *self, unsigned gap)
{
    unsigned mask = self->room - 1;
    for (unsigned at = (gap + 1) & mask; self->row[at].count; at = (at + 1) & mask)
        if (((at - s_home(self, &self->row[at])) & mask) >= ((at - gap) & mask)) {
            self->row[gap] = self->row[at];
            gap = at;
        }
    self->row[gap].count = 0;
    self->used--;
}

static bool s_enter_address(census_t *self, const address_t *address)
{
    row_t key = s_key(address);
    if (2 * (self->used + 1) > self->room)
        s_grow(self);
    row_t *row = &self->row[s_seek(self, &key)];
    if (row->count >= self->most_of_address)
        return false;
    if (row->count == 0) {
        *row = key;
        self->used++;
    }
    row->count++;
    return true;
}

bool census_enter(census_t *self, const address_t *address, bool exempt)
{
    pthread_mutex_lock(&self->lock);
    bool in = self->len < self->most && (exempt || s_enter_address(self, address));
    self->len += in;
    pthread_mutex_unlock(&self->lock);
    return in;
}

void census_leave(census_t *self, const address_t *address, bool exempt)
{
    pthread_mutex_lock(&self->lock);
    assert(self->len > 0);
    self->len--;
    if (!exempt) {
        row_t key = s_key(address);
        unsigned at = s_seek(self, &key);
        assert(self->row[at].count > 0);
        if (--self->row[at].count == 0) {
            self->row[at].count = 1; /* occupied while its gap is closed */
            s_remove(self, at);
        }
    }
    pthread_mutex_unlock(&self->lock);
}

void census_limit_bytes(census_t *self, uint64_t most, uint64_t most_of_address)
{
    pthread_mutex_lock(&self->lock);
    self->most_bytes = most;
    self->most_bytes_of_address = most_of_address;
    pthread_mutex_unlock(&self->lock);
}

bool census_hold(census_t *self, const address_t *address, bool exempt, size_t before, size_t after)
{
    pthread_mutex_lock(&self->lock);
    row_t key = s_key(address), nobody = {.count = 1};
    row_t *row = exempt ? &nobody : &self->row[s_seek(self, &key)];
    assert(row->count > 0 && self->bytes >= before && (exempt || row->bytes >= before));
    uint64_t of_address = exempt ? 0 : row->bytes - before + after;
    bool in = after <= before || (self->bytes - before + after <= self->most_bytes &&
                                  of_address <= self->most_bytes_of_address);
    if (in) {
        self->bytes = self->bytes - before + after;
        row->bytes = of_address;
    }
    pthread_mutex_unlock(&self->lock);
    return in;
}

uint64_t census_held(census_t *self)
{
    pthread_mutex_lock(&self->lock);
    uint64_t bytes = self->bytes;
    pthread_mutex_unlock(&self->lock);
    return bytes;
}

unsigned census_len(census_t *self)
{
    pthread_mutex_lock(&self->lock);
    unsigned len = self->len;
    pthread_mutex_unlock(&self->lock);
    return len;
}
