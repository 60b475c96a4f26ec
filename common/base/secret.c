#include "common/base/secret.h"

#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <zlib.h>

enum { PREFIX_LEN = 4, RANDOM_LEN = 30, CRC_LEN = 6 };
static const char s_alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void secret_wipe(void *data, size_t len)
{
    sodium_memzero(data, len);
}

bool secret_eq(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || sodium_memcmp(a, b, a_len) == 0);
}

static void s_checksum(const char *random, char crc_text[CRC_LEN])
{
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)random, RANDOM_LEN);
    for (int i = CRC_LEN - 1; i >= 0; i--, crc /= 62)
        crc_text[i] = s_alphabet[crc % 62];
}

static void s_make(const char *prefix, char text[TOKEN_LEN + 1])
{
    memcpy(text, prefix, PREFIX_LEN);
    for (unsigned i = 0; i < RANDOM_LEN; i++)
        text[PREFIX_LEN + i] = s_alphabet[randombytes_uniform(62)];
    s_checksum(text + PREFIX_LEN, text + PREFIX_LEN + RANDOM_LEN);
    text[TOKEN_LEN] = '\0';
}

void token_make(char text[TOKEN_LEN + 1])
{
    s_make("pst_", text);
}

void token_make_management(char text[TOKEN_LEN + 1])
{
    s_make("psm_", text);
}

static bool s_is_base62(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return true;
}

static bool s_is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x21 || text[i] > 0x7e)
            return false;
    return true;
}

/* What stands behind the prefix of a token of ours. */
static bool s_is_whole(const char *text, size_t len)
{
    char crc[CRC_LEN];
    if (len != TOKEN_LEN || !s_is_base62(text + PREFIX_LEN, len - PREFIX_LEN))
        return false;
    s_checksum(text + PREFIX_LEN, crc);
    return memcmp(crc, text + PREFIX_LEN + RANDOM_LEN, CRC_LEN) == 0;
}

bool token_is_management(const char *text, size_t len)
{
    return len == TOKEN_LEN && memcmp(text, "psm_", PREFIX_LEN) == 0 && s_is_whole(text, len);
}

token_shape_t token_shape(const char *text, size_t len)
{
    if (len < TOKEN_MIN || len > TOKEN_MAX || !s_is_printable(text, len) ||
        memcmp(text, "psm_", PREFIX_LEN) == 0)
        return TOKEN_MALFORMED;
    if (memcmp(text, "pst_", PREFIX_LEN) != 0)
        return TOKEN_FOREIGN;
    return s_is_whole(text, len) ? TOKEN_OURS : TOKEN_MALFORMED;
}

void token_hash(const char *text, size_t len, uint8_t hash[TOKEN_HASH])
{
    crypto_generichash(hash, TOKEN_HASH, (const uint8_t *)text, len, NULL, 0);
}

void secret_protect_process(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak checker attaches to its own process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
