#include "common/source/shown.h"

#include "common/base/secret.h"
#include "common/wire/pairs.h"

bool source_is_shown(const scheme_t *scheme)
{
    return scheme->alg == ALG_EQUAL && scheme->at == AT_HEADER;
}

unsigned source_key_of(slice_t value, slice_t item, const source_key_t *keys, size_t count)
{
    unsigned key = 0;
    if (item.len && value.len >= item.len && memcmp(value.data, item.data, item.len) == 0)
        value = slice(value.data + item.len, value.len - item.len);
    for (unsigned k = 0; k < count; k++)
        if (secret_eq(value.data, value.len, keys[k].bytes, keys[k].len) && !key)
            key = k + 1;
    return key;
}

source_told_t source_shown(const scheme_t *scheme, const source_key_t *keys, size_t count,
                           slice_t headers, unsigned *key)
{
    source_told_t told = TOLD_MISSING;
    slice_t name, value;
    wire_pairs_t each = wire_pairs_begin(headers);
    *key = 0;
    while (wire_pairs_next(&each, &name, &value)) {
        if (!slice_eq(name, scheme->header))
            continue;
        *key = source_key_of(slice_trim(value, OWS), scheme->item, keys, count);
        if (told != TOLD_WRONG)
            told = *key ? TOLD_RIGHT : TOLD_WRONG;
    }
    return told;
}
