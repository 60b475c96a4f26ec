#include "workers/post/fingerprint.h"

#include "workers/post/pairs.h"

#include <sodium.h>

static bool s_is_in_order(const pairs_t *pairs)
{
    for (unsigned i = 0; i < pairs->len; i++)
        if (pairs->by_name[i] != i)
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

static void s_hash(const pairs_t *pairs, bool sorted, slice_t body, uint8_t hash[JOURNAL_HASH])
{
    crypto_generichash_state state;
    size_t len = 0;
    for (unsigned i = 0; i < pairs->len; i++)
        len += pairs->pair[i].encoded.len;
    crypto_generichash_init(&state, NULL, 0, JOURNAL_HASH);
    s_add_len(&state, len);
    for (unsigned i = 0; i < pairs->len; i++)
        s_add(&state, pairs->pair[sorted ? pairs->by_name[i] : i].encoded);
    s_add_len(&state, body.len);
    s_add(&state, body);
    crypto_generichash_final(&state, hash, JOURNAL_HASH);
}

void fingerprint(slice_t params, slice_t body, uint8_t hash[JOURNAL_HASH],
                 uint8_t as_came[JOURNAL_HASH])
{
    pairs_t pairs;
    pairs_read(&pairs, params);
    s_hash(&pairs, true, body, hash);
    if (s_is_in_order(&pairs))
        memcpy(as_came, hash, JOURNAL_HASH);
    else
        s_hash(&pairs, false, body, as_came);
}
