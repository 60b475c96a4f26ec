#include "common/source/key.h"

#include "common/base/secret.h"
#include "common/source/mac.h"

#include <sodium.h>
#include <stdio.h>

enum { PREFIX = 6, ED25519_KEY = crypto_sign_ed25519_PUBLICKEYBYTES };

static const char *s_base64(slice_t text, source_key_t *key)
{
    const char *end = NULL;
    if (sodium_base642bin(key->bytes, sizeof key->bytes, text.data, text.len, NULL, &key->len, &end,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        end == text.data + text.len)
        return NULL;
    return "the secret is not base64 with its padding";
}

static const char *s_hex(slice_t text, source_key_t *key)
{
    const char *end = NULL;
    if (sodium_hex2bin(key->bytes, sizeof key->bytes, text.data, text.len, NULL, &key->len, &end) ==
            0 &&
        end == text.data + text.len)
        return NULL;
    return "the secret is not an even number of hexadecimal digits";
}

static const char *s_decode(const scheme_t *scheme, slice_t text, source_key_t *key)
{
    bool is_whsec = text.len > PREFIX && memcmp(text.data, "whsec_", PREFIX) == 0;
    if (scheme->key == KEY_HEX)
        return s_hex(text, key);
    if (scheme->key == KEY_BASE64)
        return s_base64(text, key);
    if (scheme->key == KEY_WHSEC)
        return s_base64(is_whsec ? slice(text.data + PREFIX, text.len - PREFIX) : text, key);
    memcpy(key->bytes, text.data, text.len);
    key->len = text.len;
    return NULL;
}

/* Whether the bytes can be a key of the algorithm. */
static const char *s_check(const scheme_t *scheme, const source_key_t *key)
{
    if (!key->len)
        return "the secret is empty: everybody could sign with it";
    if (scheme->alg == ALG_ED25519 && key->len != ED25519_KEY)
        return "a public key of ed25519 has 32 bytes";
    if (scheme->alg == ALG_ECDSA_P256 && !mac_is_p256(slice(key->bytes, key->len)))
        return "it is no public key of the curve P-256 in DER";
    return NULL;
}

bool source_key_read(const scheme_t *scheme, slice_t text, source_key_t *key, char *err,
                     size_t err_size)
{
    const char *reason = NULL;
    source_key_wipe(key);
    if (text.len > SOURCE_KEY_TEXT)
        reason = "the secret is longer than 512 bytes";
    else if (text.len)
        reason = s_decode(scheme, text, key);
    if (!reason)
        reason = s_check(scheme, key);
    if (reason) {
        snprintf(err, err_size, "%s", reason);
        source_key_wipe(key);
    }
    return !reason;
}

void source_key_wipe(source_key_t *key)
{
    secret_wipe(key, sizeof *key);
}
