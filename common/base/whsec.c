#include "common/base/whsec.h"

#include "common/base/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MADE = 32, PREFIX_LEN = 6 };
static const char s_prefix[] = "whsec_";

void whsec_make(whsec_t *secret)
{
    if (sodium_init() < 0)
        abort();
    secret->len = MADE;
    randombytes_buf(secret->bytes, MADE);
}

bool whsec_parse(slice_t text, whsec_t *secret, char *err, size_t err_size)
{
    /* One byte more than is allowed, so that too long is told from not base64. */
    uint8_t bytes[WHSEC_MAX + 8];
    const char *end = NULL;
    size_t len = 0;
    const char *reason = NULL;
    whsec_wipe(secret);
    if (text.len < PREFIX_LEN || memcmp(text.data, s_prefix, PREFIX_LEN) != 0)
        reason = "a secret begins with whsec_";
    else if (text.len >= WHSEC_TEXT)
        reason = "the secret is longer than 64 bytes";
    else if (sodium_base642bin(bytes, sizeof bytes, text.data + PREFIX_LEN, text.len - PREFIX_LEN,
                               NULL, &len, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
             end != text.data + text.len)
        reason = "what follows whsec_ is not base64 with its padding";
    else if (len < WHSEC_MIN)
        reason = "the secret is shorter than 24 bytes";
    else if (len > WHSEC_MAX)
        reason = "the secret is longer than 64 bytes";
    if (reason) {
        snprintf(err, err_size, "%s", reason);
    } else {
        memcpy(secret->bytes, bytes, len);
        secret->len = len;
    }
    secret_wipe(bytes, sizeof bytes);
    return !reason;
}

size_t whsec_text(const whsec_t *secret, char text[WHSEC_TEXT])
{
    assert(secret->len >= WHSEC_MIN && secret->len <= WHSEC_MAX);
    memcpy(text, s_prefix, PREFIX_LEN);
    sodium_bin2base64(text + PREFIX_LEN, WHSEC_TEXT - PREFIX_LEN, secret->bytes, secret->len,
                      sodium_base64_VARIANT_ORIGINAL);
    return strlen(text);
}

void whsec_wipe(whsec_t *secret)
{
    secret_wipe(secret, sizeof *secret);
}
