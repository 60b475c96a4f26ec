#include "authd/judge/dedupe.h"

#include "common/base/ops.h"

#include <sodium.h>

void dedupe_add(judge_t *judge, wire_request_t *request)
{
    slice_t key;
    wire_principal_t *principal = &request->principal;
    uint8_t op[2] = {(uint8_t)(request->op >> 8), (uint8_t)request->op};
    crypto_generichash_state state;
    op_deed_t deed = op_find(request->op)->deed;
    if ((deed != DOES_POST && deed != DOES_CALL && deed != DOES_FORMAT) ||
        !wire_pairs_find(request->headers, "idempotency-key", &key) || key.len == 0)
        return;
    crypto_generichash_init(&state, NULL, 0, WIRE_DEDUPE);
    crypto_generichash_update(&state, principal->user.bytes, UUID_BYTES);
    crypto_generichash_update(&state, op, sizeof op);
    crypto_generichash_update(&state, principal->target.bytes, UUID_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)key.data, key.len);
    crypto_generichash_final(&state, judge->dedupe, WIRE_DEDUPE);
    principal->dedupe = slice(judge->dedupe, WIRE_DEDUPE);
}
