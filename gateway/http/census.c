#include "gateway/http/census.h"

#include "common/base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct {
    UT_hash_handle hh;
    address_t sender;
    uint32_t count;
    uint64_t bytes;
} row_t;

struct census {
    pthread_mutex_t lock;
    unsigned most, most_of_address, len;
    uint64_t bytes, most_bytes, most_bytes_of_address;
    row_t *rows; /* a map by sender: those that are connected and not exempt */
};

census_t *census_new(unsigned most, unsigned most_of_address)
{
    census_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    pthread_mutex_init(&self->lock, NULL);
    self->most = most;
    self->most_of_address = most_of_address;
    self->most_bytes = self->most_bytes_of_address = UINT64_MAX;
    return self;
}

static void s_remove(census_t *self, row_t *row)
{
    HASH_DEL(self->rows, row);
    free(row);
}

void census_destroy(census_t **self_p)
{
    census_t *self = *self_p;
    if (!self)
        return;
    while (self->rows)
        s_remove(self, self->rows);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

bool census_same(const address_t *a, const address_t *b)
{
    address_t left = address_sender(a), right = address_sender(b);
    return address_eq(&left, &right);
}

static row_t *s_find(const census_t *self, const address_t *address)
{
    address_t sender = address_sender(address);
    row_t *row;
    HASH_FIND(hh, self->rows, &sender, sizeof sender, row);
    return row;
}

static row_t *s_add(census_t *self, const address_t *address)
{
    row_t *row = calloc(1, sizeof *row);
    if (!row)
        abort();
    row->sender = address_sender(address);
    HASH_ADD(hh, self->rows, sender, sizeof row->sender, row);
    return row;
}

static bool s_enter_address(census_t *self, const address_t *address)
{
    row_t *row = s_find(self, address);
    if ((row ? row->count : 0) >= self->most_of_address)
        return false;
    if (!row)
        row = s_add(self, address);
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
        row_t *row = s_find(self, address);
        assert(row);
        if (--row->count == 0)
            s_remove(self, row);
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
    row_t nobody = {.count = 1}, *row = exempt ? &nobody : s_find(self, address);
    assert(row && self->bytes >= before && (exempt || row->bytes >= before));
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
