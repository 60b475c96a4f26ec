#include "authd/judge/verdict.h"

#include "authd/directory/tokens.h"

void verdict_expect(view_t *view, const wire_request_t *requests, unsigned count,
                    uint8_t hashes[][TOKEN_HASH])
{
    for (unsigned i = 0; i < count; i++) {
        if (!verdict_is_well_formed(requests[i].token))
            continue;
        token_hash(requests[i].token.data, requests[i].token.len, hashes[i]);
        tokens_expect(view, hashes[i], false);
    }
    for (unsigned i = 0; i < count; i++)
        if (verdict_is_well_formed(requests[i].token))
            tokens_expect(view, hashes[i], true);
}
