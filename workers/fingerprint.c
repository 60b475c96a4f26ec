#include "workers/fingerprint.h"

#include "common/wire/wire.h"

#include <sodium.h>
#include <stdlib.h>

typedef struct {
    slice_t name;
    slice_t encoded; /* the pair */
} pair_t;

static size_t s_read(slice_t params, pair_t pairs[WIRE_PAIRS])
{
    slice_t value;
    size_t len = 0;
    wire_pairs_t each = wire_pairs_begin(params);
    for (const char *from = params.data;
         len < WIRE_PAIRS && wire_pairs_next(&each, &pairs[len].name, &value);
         from = each.cursor.at) {
        pairs[len].encoded = slice(from, (size_t)(each.cursor.at - from));
        len++;
    }
    return len;
}

/* By name, and of one name as they came. */
static int s_compare(const void *left, const void *right)
{
    const pair_t *a = left, *b = right;
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = memcmp(a->name.data, b->name.data, len);
    if (order == 0 && a->name.len != b->name.len)
        order = a->name.len < b->name.len ? -1 : 1;
    return order ? order : a->name.data < b->name.data ? -1 : 1;
}

static bool s_is_in_order(const pair_t *pairs, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (s_compare(&pairs[i - 1], &pairs[i]) > 0)
            return false;
    return true;
}

static void s_add_len(crypto_generichash_state *state, uint64_t len)
{
    crypto_generichash_update(state, (const unsigned char *)&len, sizeof len);
}

static void s_add(crypto_generichash_state *state, slice_t bytes)
{
    crypto_generichash_update(state, (const unsigned char *)bytes.data, bytes.len);
}

static void s_hash(const pair_t *pairs, size_t len, slice_t params, slice_t body,
                   uint8_t hash[JOURNAL_HASH])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, JOURNAL_HASH);
    s_add_len(&state, params.len);
    for (size_t i = 0; i < len; i++)
        s_add(&state, pairs[i].encoded);
    s_add_len(&state, body.len);
    s_add(&state, body);
    crypto_generichash_final(&state, hash, JOURNAL_HASH);
}

void fingerprint(slice_t params, slice_t body, uint8_t hash[JOURNAL_HASH])
{
    pair_t pairs[WIRE_PAIRS];
    size_t len = s_read(params, pairs);
    if (!s_is_in_order(pairs, len))
        qsort(pairs, len, sizeof *pairs, s_compare);
    s_hash(pairs, len, params, body, hash);
}

bool fingerprint_as_came(slice_t params, slice_t body, uint8_t hash[JOURNAL_HASH])
{
    pair_t pairs[WIRE_PAIRS];
    size_t len = s_read(params, pairs);
    if (s_is_in_order(pairs, len))
        return false;
    s_hash(pairs, len, params, body, hash);
    return true;
}
