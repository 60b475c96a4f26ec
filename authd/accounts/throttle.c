#include "authd/accounts/throttle.h"

#include "common/base/map.h"

#include <assert.h>
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC = 0x5448524f,
    KEY = crypto_shorthash_siphashx24_BYTES,
    TEXT = 256,
    FORGET_MS = 3600 * 1000,
};

typedef enum { COUNT_PAIR, COUNT_NETWORK, COUNT_ACCOUNT, COUNTS } count_kind_t;

static const struct {
    unsigned free;
    uint64_t most_ms;
} s_rules[COUNTS] = {
    [COUNT_PAIR] = {3, 15 * 60 * 1000},
    [COUNT_NETWORK] = {20, 5 * 60 * 1000},
    [COUNT_ACCOUNT] = {30, 60 * 1000},
};

typedef struct {
    UT_hash_handle hh;
    uint8_t key[KEY];
    unsigned failures;
    int64_t next_ms; /* when an attempt may be made */
} entry_t;

struct throttle {
    unsigned magic;
    uint8_t secret[crypto_shorthash_siphashx24_KEYBYTES]; /* nobody can aim at a bucket */
    entry_t *entries;                                     /* by the last charge, the oldest first */
};

throttle_t *throttle_new(void)
{
    throttle_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    randombytes_buf(self->secret, sizeof self->secret);
    return self;
}

void throttle_network(const char *from, char network[THROTTLE_NETWORK])
{
    address_t address;
    if (!address_parse(slice_of(from), &address)) {
        snprintf(network, THROTTLE_NETWORK, "%s", from);
        return;
    }
    address = address_sender(&address);
    address_text(&address, network);
}

static void s_key(const throttle_t *self, count_kind_t kind, slice_t account, const char *network,
                  uint8_t key[KEY])
{
    char text[TEXT + THROTTLE_NETWORK + 2];
    size_t len = 0;
    text[len++] = (char)('0' + kind);
    for (size_t i = 0; kind != COUNT_NETWORK && i < account.len && i < TEXT; i++)
        text[len++] = (char)tolower((unsigned char)account.data[i]);
    text[len++] = '\0';
    for (; kind != COUNT_ACCOUNT && *network; network++)
        text[len++] = *network;
    crypto_shorthash_siphashx24(key, (const uint8_t *)text, len, self->secret);
}

static entry_t *s_find(throttle_t *self, const uint8_t key[KEY])
{
    entry_t *entry;
    HASH_FIND(hh, self->entries, key, KEY, entry);
    return entry;
}

static void s_append(throttle_t *self, entry_t *entry)
{
    HASH_ADD(hh, self->entries, key, KEY, entry);
}

static void s_remove(throttle_t *self, entry_t *entry)
{
    HASH_DEL(self->entries, entry);
    free(entry);
}

void throttle_destroy(throttle_t **self_p)
{
    throttle_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    while (self->entries)
        s_remove(self, self->entries);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

static entry_t *s_add(throttle_t *self, const uint8_t key[KEY])
{
    if (HASH_COUNT(self->entries) == THROTTLE_MOST)
        s_remove(self, self->entries);
    entry_t *entry = calloc(1, sizeof *entry);
    if (!entry)
        abort();
    memcpy(entry->key, key, KEY);
    s_append(self, entry);
    return entry;
}

static bool s_is_stale(const entry_t *entry, int64_t now_ms)
{
    return now_ms - entry->next_ms >= FORGET_MS;
}

/* The wait that failures so many bring. */
static uint64_t s_wait(count_kind_t kind, unsigned failures)
{
    uint64_t wait = 1000;
    if (failures <= s_rules[kind].free)
        return 0;
    for (unsigned i = s_rules[kind].free + 1; i < failures && wait < s_rules[kind].most_ms; i++)
        wait *= 2;
    return wait < s_rules[kind].most_ms ? wait : s_rules[kind].most_ms;
}

static void s_count(throttle_t *self, count_kind_t kind, const uint8_t key[KEY], int64_t now_ms)
{
    entry_t *entry = s_find(self, key);
    if (entry && s_is_stale(entry, now_ms)) {
        s_remove(self, entry);
        entry = NULL;
    }
    if (!entry)
        entry = s_add(self, key);
    entry->next_ms = now_ms + (int64_t)s_wait(kind, ++entry->failures);
    HASH_DEL(self->entries, entry);
    s_append(self, entry);
}

uint64_t throttle_charge(throttle_t *self, slice_t account, const char *network, bool known,
                         int64_t now_ms)
{
    assert(self->magic == MAGIC);
    uint8_t key[COUNTS][KEY];
    int64_t wait = 0;
    for (unsigned kind = 0; kind < COUNTS; kind++) {
        s_key(self, kind, account, network, key[kind]);
        const entry_t *entry = s_find(self, key[kind]);
        bool holds = entry && !(kind == COUNT_ACCOUNT && known);
        if (holds && entry->next_ms - now_ms > wait)
            wait = entry->next_ms - now_ms;
    }
    for (unsigned kind = 0; wait == 0 && kind < COUNTS; kind++)
        s_count(self, kind, key[kind], now_ms);
    return (uint64_t)wait;
}

static void s_take_back(throttle_t *self, slice_t account, const char *network, bool forget_pair)
{
    assert(self->magic == MAGIC);
    for (unsigned kind = 0; kind < COUNTS; kind++) {
        uint8_t key[KEY];
        s_key(self, kind, account, network, key);
        entry_t *entry = s_find(self, key);
        if (!entry)
            continue;
        if (entry->failures <= 1 || (forget_pair && kind == COUNT_PAIR))
            s_remove(self, entry);
        else if (s_wait(kind, --entry->failures) == 0)
            entry->next_ms = 0;
    }
}

void throttle_give_back(throttle_t *self, slice_t account, const char *network)
{
    s_take_back(self, account, network, false);
}

void throttle_succeeded(throttle_t *self, slice_t account, const char *network)
{
    s_take_back(self, account, network, true);
}

unsigned throttle_len(const throttle_t *self)
{
    return HASH_COUNT(self->entries);
}
