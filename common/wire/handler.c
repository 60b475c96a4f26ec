#include "common/wire/handler.h"

#include <assert.h>
#include <string.h>

void wire_handler_encode(pack_t *out, const wire_handler_t *handler)
{
    assert(handler->secrets <= HANDLER_SECRETS);
    pack_map(out, handler->outlet.len ? 14 : 11);
    pack_pair_uint(out, "version", handler->version);
    pack_pair_str(out, "url", handler->url);
    pack_pair_str(out, "name", handler->name);
    pack_pair_uint(out, "concurrency", handler->concurrency);
    pack_pair_uint(out, "ordered", handler->ordered);
    pack_pair_uint(out, "bound", handler->bound_s);
    pack_pair_uint(out, "wait", handler->wait_s);
    pack_pair_uint(out, "archived", handler->archived);
    pack_pair_bin(out, "owner", handler->owner.bytes, UUID_BYTES);
    pack_pair_str(out, "key", handler->key);
    if (handler->outlet.len) {
        pack_pair_str(out, "outlet", handler->outlet);
        pack_pair_str(out, "to", handler->to);
        pack_pair_str(out, "token", handler->token);
    }
    pack_str(out, slice_of("secrets"));
    pack_array(out, 2 * handler->secrets);
    for (unsigned i = 0; i < handler->secrets; i++) {
        pack_str(out, handler->secret[i].text);
        pack_uint(out, handler->secret[i].left_ms);
    }
}

static slice_t s_text(slice_t encoded, const char *key, size_t most, bool *failed)
{
    unpack_t at = unpack_find(encoded, slice_of(key));
    slice_t text = unpack_str(&at, most);
    *failed |= at.failed;
    return at.failed ? slice("", 0) : text;
}

static uint64_t s_number(slice_t encoded, const char *key, uint64_t most, bool *failed)
{
    unpack_t at = unpack_find(encoded, slice_of(key));
    uint64_t number = unpack_uint(&at, most);
    *failed |= at.failed;
    return number;
}

/* What an authd of before it existed does not tell is 0. */
static uint64_t s_later(slice_t encoded, const char *key, uint64_t most)
{
    unpack_t at = unpack_find(encoded, slice_of(key));
    uint64_t number = unpack_uint(&at, UINT64_MAX);
    return at.failed ? 0 : number < most ? number : most;
}

static slice_t s_later_text(slice_t encoded, const char *key, size_t most)
{
    bool failed = false;
    return s_text(encoded, key, most, &failed);
}

static uuid_t7 s_owner(slice_t encoded)
{
    uuid_t7 owner = {{0}};
    unpack_t at = unpack_find(encoded, slice_of("owner"));
    const void *bytes = at.failed ? NULL : unpack_bin(&at, UUID_BYTES);
    if (bytes)
        memcpy(owner.bytes, bytes, UUID_BYTES);
    return owner;
}

static void s_secrets(wire_handler_t *handler, slice_t encoded, bool *failed)
{
    unpack_t at = unpack_find(encoded, slice_of("secrets"));
    uint32_t items = unpack_array(&at, 2 * HANDLER_SECRETS);
    *failed |= items % 2 != 0;
    handler->secrets = at.failed ? 0 : items / 2;
    for (unsigned i = 0; i < handler->secrets; i++) {
        handler->secret[i].text = unpack_str(&at, HANDLER_SECRET);
        handler->secret[i].left_ms = unpack_uint(&at, UINT64_MAX);
    }
    *failed |= at.failed;
}

int wire_handler_decode(wire_handler_t *handler, slice_t encoded)
{
    bool failed = false;
    *handler = (wire_handler_t){0};
    handler->version = s_number(encoded, "version", UINT64_MAX, &failed);
    handler->url = s_text(encoded, "url", HANDLER_URL, &failed);
    handler->name = s_text(encoded, "name", HANDLER_NAME, &failed);
    handler->concurrency = s_number(encoded, "concurrency", HANDLER_CONCURRENCY_MOST, &failed);
    handler->ordered = s_number(encoded, "ordered", 1, &failed) == 1;
    handler->bound_s = s_number(encoded, "bound", UINT32_MAX, &failed);
    handler->wait_s = s_later(encoded, "wait", HANDLER_WAIT_S);
    handler->archived = s_later(encoded, "archived", 1) == 1;
    handler->owner = s_owner(encoded);
    handler->key = s_text(encoded, "key", HANDLER_KEY, &failed);
    handler->outlet = s_later_text(encoded, "outlet", HANDLER_OUTLET);
    handler->to = s_later_text(encoded, "to", HANDLER_SETTING);
    handler->token = s_later_text(encoded, "token", HANDLER_SETTING);
    s_secrets(handler, encoded, &failed);
    return failed || handler->version == 0 || handler->concurrency == 0 ? -1 : 0;
}
