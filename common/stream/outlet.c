#include "common/stream/outlet.h"

#include <sodium.h>

enum { STANDING_VERSION = 1 };

void outlet_standing_write(const outlet_standing_t *standing, bytes_t *out)
{
    bytes_number(out, STANDING_VERSION, 1);
    bytes_number(out, standing->any, 1);
    bytes_number(out, standing->position.sequence, 8);
    bytes_number(out, standing->position.tag, 4);
    bytes_number(out, standing->position.tagged, 1);
    bytes_number(out, (uint64_t)standing->time_ms, 8);
    bytes_number(out, standing->pending, 4);
}

bool outlet_standing_read(slice_t body, outlet_standing_t *standing)
{
    bytes_in_t in = {body.data, body.len, false};
    uint64_t version = bytes_take_number(&in, 1);
    standing->any = bytes_take_number(&in, 1) != 0;
    standing->position.sequence = bytes_take_number(&in, 8);
    standing->position.tag = (uint32_t)bytes_take_number(&in, 4);
    standing->position.tagged = bytes_take_number(&in, 1) != 0;
    standing->time_ms = (int64_t)bytes_take_number(&in, 8);
    standing->pending = (uint32_t)bytes_take_number(&in, 4);
    return !in.failed && in.left == 0 && version == STANDING_VERSION;
}

void outlet_key(const uuid_t7 *outlet, const position_t *position, uint8_t key[OUTLET_KEY])
{
    bytes_t bytes = {0};
    bytes_put(&bytes, "outlet", 6);
    bytes_uuid(&bytes, outlet);
    bytes_number(&bytes, position->sequence, 8);
    bytes_number(&bytes, position->tag, 4);
    crypto_generichash(key, OUTLET_KEY, (const uint8_t *)bytes.data, bytes.len, NULL, 0);
    bytes_free(&bytes);
}
