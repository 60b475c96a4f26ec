#include "authd/directory/sealed.h"

#include "authd/directory/table.h"
#include "common/log/log.h"
#include "common/store/sealing_key.h"

enum { FIELDS = 3 };

unsigned sealed_read(slice_t packed, size_t longest, sealed_t *secret, unsigned most)
{
    unpack_t at = unpack_begin(packed);
    uint32_t items = unpack_array(&at, FIELDS * most);
    unsigned count = at.failed ? 0 : items / FIELDS;
    for (unsigned i = 0; i < count; i++) {
        secret[i].sealed = unpack_bytes(&at, longest + SEALING_OVERHEAD);
        secret[i].made_ms = unpack_uint(&at, UINT64_MAX);
        secret[i].expires_ms = unpack_uint(&at, UINT64_MAX);
    }
    return count;
}

void sealed_pack(const sealed_t *secret, unsigned count, pack_t *out)
{
    pack_array(out, FIELDS * count);
    for (unsigned i = 0; i < count; i++) {
        pack_bin(out, secret[i].sealed.data, secret[i].sealed.len);
        pack_uint(out, secret[i].made_ms);
        pack_uint(out, secret[i].expires_ms);
    }
}

bool sealed_is_live(const sealed_t *secret, uint64_t now_ms)
{
    return secret->expires_ms == 0 || secret->expires_ms > now_ms;
}

void sealed_end(sealed_t *secret, unsigned count, uint64_t until_ms)
{
    for (unsigned i = 0; i < count; i++)
        if (sealed_is_live(&secret[i], until_ms))
            secret[i].expires_ms = until_ms;
}

unsigned sealed_drop_expired(sealed_t *secret, unsigned count, uint64_t now_ms)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++)
        if (sealed_is_live(&secret[i], now_ms))
            secret[kept++] = secret[i];
    return kept;
}

slice_t sealed_open(view_t *view, slice_t sealed, char *plain, size_t most, const char *event)
{
    if (sealed.len < SEALING_OVERHEAD || sealed.len - SEALING_OVERHEAD > most)
        return slice("", 0);
    if (sealing_key_open(table_master_key(view), sealed, plain) == 0)
        return slice(plain, sealed.len - SEALING_OVERHEAD);
    log_error(event, "err=%s", LOG_Q("not encrypted under this master key"));
    return slice("", 0);
}

void sealed_derive(view_t *view, const char *purpose, uint8_t key[SEALED_DERIVED])
{
    sealing_key_derive(table_master_key(view), purpose, key);
}
