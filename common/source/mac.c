#include "common/source/mac.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

/* Fetched once: that costs more than the HMAC of a small body. */
static EVP_MAC *s_hmac;
static pthread_once_t s_once = PTHREAD_ONCE_INIT;

static void s_fetch(void)
{
    s_hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!s_hmac || sodium_init() < 0)
        abort();
}

size_t mac_hmac(scheme_alg_t alg, slice_t key, const slice_t *parts, size_t count,
                uint8_t mac[MAC_MAX])
{
    static const char *const digests[] = {"SHA1", "SHA256", "SHA512"};
    size_t len = 0;
    assert(alg <= ALG_HMAC_SHA512 && key.len);
    pthread_once(&s_once, s_fetch);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digests[alg], 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(s_hmac);
    /* The key was checked when it was read, so what remains is memory. */
    if (!context || !EVP_MAC_init(context, (const uint8_t *)key.data, key.len, params))
        abort();
    for (size_t i = 0; i < count; i++)
        if (parts[i].len && !EVP_MAC_update(context, (const uint8_t *)parts[i].data, parts[i].len))
            abort();
    if (!EVP_MAC_final(context, mac, &len, MAC_MAX))
        abort();
    EVP_MAC_CTX_free(context);
    return len;
}

void mac_sha256(slice_t data, uint8_t digest[MAC_SHA256])
{
    if (!EVP_Digest(data.data, data.len, digest, NULL, EVP_sha256(), NULL))
        abort();
}

static EVP_PKEY *s_p256(slice_t der)
{
    const uint8_t *at = (const uint8_t *)der.data;
    char group[32] = "";
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.len);
    bool is_p256 = key && at == (const uint8_t *)der.data + der.len && EVP_PKEY_is_a(key, "EC") &&
                   EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
                   strcmp(group, "prime256v1") == 0;
    ERR_clear_error();
    if (is_p256)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

bool mac_is_p256(slice_t key)
{
    EVP_PKEY *read = s_p256(key);
    EVP_PKEY_free(read);
    return read != NULL;
}

bool mac_p256(slice_t key, const slice_t *parts, size_t count, slice_t signature)
{
    EVP_PKEY *public_key = s_p256(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = public_key && context &&
                EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, public_key) == 1;
    for (size_t i = 0; good && i < count; i++)
        good = EVP_DigestVerifyUpdate(context, parts[i].data, parts[i].len) == 1;
    good =
        good && EVP_DigestVerifyFinal(context, (const uint8_t *)signature.data, signature.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    ERR_clear_error();
    return good;
}

bool mac_ed25519(slice_t key, const slice_t *parts, size_t count, slice_t signature)
{
    size_t len = 0, at = 0;
    pthread_once(&s_once, s_fetch);
    if (key.len != crypto_sign_ed25519_PUBLICKEYBYTES || signature.len != crypto_sign_ed25519_BYTES)
        return false;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    /* It hashes the message twice, so the message has to be in one piece. */
    uint8_t *whole = malloc(len + 1);
    if (!whole)
        abort();
    for (size_t i = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(whole + at, parts[i].data, parts[i].len);
    bool good = crypto_sign_ed25519_verify_detached((const uint8_t *)signature.data, whole, len,
                                                    (const uint8_t *)key.data) == 0;
    free(whole);
    return good;
}
