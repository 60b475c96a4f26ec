#include "gateway/ring/refusals.h"

#include "common/base/address.h"
#include "common/base/limiter.h"
#include "common/base/ops.h"
#include "gateway/ring/reply.h"

#include <sodium.h>
#include <stdlib.h>

enum { RATE = 1 };

struct refusals {
    uint8_t secret[crypto_generichash_KEYBYTES]; /* nobody can aim at another's bucket */
    limiter_t *limiter;
};

refusals_t *refusals_new(void)
{
    refusals_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    randombytes_buf(self->secret, sizeof self->secret);
    self->limiter = limiter_new();
    return self;
}

void refusals_destroy(refusals_t **self_p)
{
    if (!*self_p)
        return;
    limiter_destroy(&(*self_p)->limiter);
    free(*self_p);
    *self_p = NULL;
}

/* Of the sender at the address. */
static uuid_t7 s_key(const refusals_t *self, const wire_request_t *request)
{
    uuid_t7 key;
    address_t from = {{0}};
    crypto_generichash_state state;
    if (address_parse(request->client, &from))
        from = address_sender(&from);
    crypto_generichash_init(&state, self->secret, sizeof self->secret, UUID_BYTES);
    crypto_generichash_update(&state, from.bytes, sizeof from.bytes);
    crypto_generichash_update(&state, (const uint8_t *)request->target.data, request->target.len);
    crypto_generichash_final(&state, key.bytes, UUID_BYTES);
    return key;
}

uint32_t refusals_wait(const refusals_t *self, const wire_request_t *request, int64_t now_us)
{
    limiter_state_t state;
    if (request->op != OP_source_incoming || limiter_len(self->limiter) == 0)
        return 0;
    uuid_t7 key = s_key(self, request);
    return limiter_has(self->limiter, &key, RATE, REFUSALS_FREE, now_us, &state)
               ? 0
               : (uint32_t)state.reset_s;
}

void refusals_note(refusals_t *self, const wire_request_t *request, unsigned error, int64_t now_us)
{
    limiter_state_t state;
    if (request->op != OP_source_incoming || error != ERROR_invalid_signature)
        return;
    uuid_t7 key = s_key(self, request);
    limiter_charge(self->limiter, &key, RATE, REFUSALS_FREE, now_us, &state);
}

void refusals_reply(h2o_req_t *req, const uuid_t7 *id, uint32_t wait_s)
{
    static const char text[] = "Too many requests to this address were not signed right. Is the "
                               "source's secret the sender's?";
    zmq_msg_t body;
    wire_reply_t reply = {.id = *id};
    wire_reply_refuse(&reply, ERROR_rate_limited);
    reply.retry_after_s = wait_s;
    reply.has_body = true;
    wire_body_init(&body, slice(text, sizeof text - 1));
    reply_wire(req, &reply, &body, COOKIE_NONE);
    zmq_msg_close(&body);
}
