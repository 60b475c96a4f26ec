#include "authd/judge/direct.h"

#include "common/base/ops.h"

#include <sodium.h>
#include <string.h>

bool direct_find(view_t *view, const wire_request_t *request, user_t *other)
{
    slice_t name = request->target;
    op_deed_t deed = op_find(request->op)->deed;
    uuid_t7 id;
    if (users_find(view, name, other))
        return true;
    return (deed == DOES_READ || deed == DOES_STREAM) &&
           uuid_parse(name.data, name.len, &id) == 0 && users_get(view, &id, other);
}

void direct_chat(const uuid_t7 *one, const uuid_t7 *other, uuid_t7 *chat)
{
    enum { VERSION = 6, VARIANT = 8, FREE_FORM = 0x80 };
    static const char purpose[] = "postern direct";
    bool sorted = memcmp(one->bytes, other->bytes, UUID_BYTES) <= 0;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, UUID_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof purpose - 1);
    crypto_generichash_update(&state, (sorted ? one : other)->bytes, UUID_BYTES);
    crypto_generichash_update(&state, (sorted ? other : one)->bytes, UUID_BYTES);
    crypto_generichash_final(&state, chat->bytes, UUID_BYTES);
    chat->bytes[VERSION] = (uint8_t)((chat->bytes[VERSION] & 0x0f) | FREE_FORM);
    chat->bytes[VARIANT] = (uint8_t)((chat->bytes[VARIANT] & 0x3f) | 0x80);
}
