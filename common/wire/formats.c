#include "common/wire/formats.h"

#include <sodium.h>
#include <string.h>

void wire_formats_version(slice_t pairs, char version[WIRE_FORMATS_VERSION])
{
    uint8_t hash[(WIRE_FORMATS_VERSION - 1) / 2];
    if (pairs.len == 0) {
        memcpy(version, "0", 2);
        return;
    }
    crypto_generichash(hash, sizeof hash, (const uint8_t *)pairs.data, pairs.len, NULL, 0);
    sodium_bin2hex(version, WIRE_FORMATS_VERSION, hash, sizeof hash);
}
