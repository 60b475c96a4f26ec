#include "workers/caller/signature.h"

#include "common/source/mac.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_BITS_MIN = 2048, KEY_BITS_MAX = 8192, PEM_MAX = 65536 };

struct signature_key {
    EVP_PKEY *key;
};

size_t signature_sign(const whsec_t *secrets, size_t count, slice_t id, int64_t timestamp_s,
                      slice_t body, char text[SIGNATURE_TEXT])
{
    char middle[32];
    size_t len = 0;
    assert(count >= 1 && count <= SIGNATURE_SECRETS);
    assert(id.len && !memchr(id.data, '.', id.len));
    int middle_len = snprintf(middle, sizeof middle, ".%" PRId64 ".", timestamp_s);
    const slice_t parts[] = {id, slice(middle, (size_t)middle_len), body};
    for (size_t i = 0; i < count; i++) {
        uint8_t mac[MAC_MAX];
        size_t mac_len =
            mac_hmac(ALG_HMAC_SHA256, slice(secrets[i].bytes, secrets[i].len), parts, 3, mac);
        len += (size_t)snprintf(text + len, SIGNATURE_TEXT - len, "%sv1,", i ? " " : "");
        sodium_bin2base64(text + len, SIGNATURE_TEXT - len, mac, mac_len,
                          sodium_base64_VARIANT_ORIGINAL);
        len += strlen(text + len);
    }
    return len;
}

/* Without it OpenSSL would ask on the terminal. */
static int s_no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text, (void)size, (void)writing, (void)arg;
    return -1;
}

signature_key_t *signature_key_new(slice_t pem, char *err, size_t err_size)
{
    const char *reason = NULL;
    EVP_PKEY *key = NULL;
    if (pem.len > 0 && pem.len <= PEM_MAX) {
        BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
        if (!in)
            abort();
        key = PEM_read_bio_PrivateKey(in, NULL, s_no_passphrase, NULL);
        BIO_free(in);
        ERR_clear_error();
    }
    if (!key)
        reason = "it is not a private key in PEM, or one with a passphrase; make one by openssl "
                 "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";
    else if (!EVP_PKEY_is_a(key, "RSA"))
        reason = "the key is not an RSA key";
    else if (EVP_PKEY_get_bits(key) < KEY_BITS_MIN || EVP_PKEY_get_bits(key) > KEY_BITS_MAX)
        reason = "the RSA key has not 2048 to 8192 bits";
    if (reason) {
        snprintf(err, err_size, "%s", reason);
        EVP_PKEY_free(key);
        return NULL;
    }
    signature_key_t *self = malloc(sizeof *self);
    if (!self)
        abort();
    self->key = key;
    return self;
}

void signature_key_destroy(signature_key_t **self_p)
{
    if (*self_p) {
        EVP_PKEY_free((*self_p)->key);
        free(*self_p);
        *self_p = NULL;
    }
}

size_t signature_key_sign(const signature_key_t *self, slice_t body, char text[SIGNATURE_RSA_TEXT])
{
    uint8_t signature[KEY_BITS_MAX / 8];
    size_t len = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, self->key) == 1 &&
                EVP_DigestSign(context, signature, &len, (const uint8_t *)body.data, body.len) == 1;
    EVP_MD_CTX_free(context);
    /* The key was checked when it was read, so what remains is memory. */
    if (!done)
        abort();
    return (size_t)EVP_EncodeBlock((uint8_t *)text, signature, (int)len);
}
