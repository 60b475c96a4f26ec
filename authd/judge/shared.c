#include "authd/judge/shared.h"

#include <sodium.h>
#include <string.h>

enum {
    VERSION = 1,
    MAC = crypto_generichash_BYTES_MIN,
    ENDS = 6,
    BEFORE = 1 + UUID_BYTES + ENDS,
    BYTES = BEFORE + MAC,
    PREFIX = 4,
};
static const char s_prefix[] = "psr_";
_Static_assert(SHARED_TEXT ==
                   PREFIX +
                       sodium_base64_ENCODED_LEN(BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
               "its length");

static void s_mac(const uint8_t key[SHARED_KEY], const uint8_t bytes[BEFORE],
                  const slice_t *targets, uint8_t mac[MAC])
{
    crypto_generichash_state state;
    uint8_t named = targets != NULL;
    crypto_generichash_init(&state, key, SHARED_KEY, MAC);
    crypto_generichash_update(&state, bytes, BEFORE);
    crypto_generichash_update(&state, &named, 1);
    if (targets)
        crypto_generichash_update(&state, (const uint8_t *)targets->data, targets->len);
    crypto_generichash_final(&state, mac, MAC);
}

void shared_make(const uint8_t key[SHARED_KEY], const shared_t *shared, const slice_t *targets,
                 char text[SHARED_TEXT])
{
    uint8_t bytes[BYTES] = {VERSION};
    uint64_t ends_s = shared->ends_ms / 1000;
    memcpy(bytes + 1, shared->token.bytes, UUID_BYTES);
    for (unsigned i = 0; i < ENDS; i++)
        bytes[1 + UUID_BYTES + i] = (uint8_t)(ends_s >> 8 * i);
    s_mac(key, bytes, targets, bytes + BEFORE);
    memcpy(text, s_prefix, PREFIX);
    sodium_bin2base64(text + PREFIX, SHARED_TEXT - PREFIX, bytes, BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool shared_read(const uint8_t key[SHARED_KEY], slice_t text, const slice_t *targets,
                 shared_t *shared)
{
    uint8_t bytes[BYTES], mac[MAC];
    size_t len = 0;
    const char *end = NULL;
    if (text.len != SHARED_TEXT - 1 || memcmp(text.data, s_prefix, PREFIX) != 0 ||
        sodium_base642bin(bytes, BYTES, text.data + PREFIX, text.len - PREFIX, NULL, &len, &end,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len != BYTES || end != text.data + text.len || bytes[0] != VERSION)
        return false;
    s_mac(key, bytes, targets, mac);
    if (sodium_memcmp(mac, bytes + BEFORE, MAC) != 0)
        return false;
    *shared = (shared_t){.ends_ms = 0};
    memcpy(shared->token.bytes, bytes + 1, UUID_BYTES);
    for (unsigned i = ENDS; i > 0; i--)
        shared->ends_ms = shared->ends_ms << 8 | bytes[UUID_BYTES + i];
    shared->ends_ms *= 1000;
    return true;
}
