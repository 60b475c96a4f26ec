#include "authd/manage/rsa_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

enum { BITS_MIN = 2048, BITS_MAX = 8192 };

/* Otherwise OpenSSL asks on the terminal. */
static int s_no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text, (void)size, (void)writing, (void)arg;
    return -1;
}

bool rsa_key_check(slice_t pem, char *err, size_t err_size)
{
    const char *reason = NULL;
    BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (!in)
        abort();
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, s_no_passphrase, NULL);
    BIO_free(in);
    ERR_clear_error();
    if (!key)
        reason = "must be a private key in PEM without a passphrase";
    else if (!EVP_PKEY_is_a(key, "RSA"))
        reason = "must be an RSA key";
    else if (EVP_PKEY_get_bits(key) < BITS_MIN || EVP_PKEY_get_bits(key) > BITS_MAX)
        reason = "must have 2048 to 8192 bits";
    EVP_PKEY_free(key);
    if (reason)
        snprintf(err, err_size, "%s", reason);
    return !reason;
}
