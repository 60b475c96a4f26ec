#include "common/stream/ask.h"

#include <sodium.h>

enum { ASK_VERSION = 1, FEED_NARROWED = 128 };

static void s_update(crypto_generichash_state *state, slice_t bytes)
{
    uint8_t len[2] = {(uint8_t)bytes.len, (uint8_t)(bytes.len >> 8)};
    crypto_generichash_update(state, len, sizeof len);
    crypto_generichash_update(state, (const uint8_t *)bytes.data, bytes.len);
}

void grant_seal(const grant_t *grant, const uint8_t key[GRANT_KEY], uint8_t seal[GRANT_SEAL])
{
    crypto_generichash_state state;
    uint8_t op[2] = {(uint8_t)grant->op, (uint8_t)(grant->op >> 8)};
    crypto_generichash_init(&state, key, GRANT_KEY, GRANT_SEAL);
    crypto_generichash_update(&state, op, sizeof op);
    crypto_generichash_update(&state, grant->token.bytes, UUID_BYTES);
    crypto_generichash_update(&state, grant->target.bytes, UUID_BYTES);
    s_update(&state, grant->client);
    s_update(&state, grant->name);
    crypto_generichash_final(&state, seal, GRANT_SEAL);
}

bool grant_is_sealed(const grant_t *grant, const uint8_t key[GRANT_KEY])
{
    uint8_t seal[GRANT_SEAL];
    grant_seal(grant, key, seal);
    return sodium_memcmp(seal, grant->seal, GRANT_SEAL) == 0;
}

void grant_write(const grant_t *grant, bytes_t *out)
{
    bytes_number(out, grant->op, 2);
    bytes_uuid(out, &grant->token);
    bytes_uuid(out, &grant->target);
    bytes_put(out, grant->seal, GRANT_SEAL);
    bytes_number(out, grant->client.len, 1);
    bytes_put(out, grant->client.data, grant->client.len);
    bytes_number(out, grant->name.len, 2);
    bytes_put(out, grant->name.data, grant->name.len);
}

bool grant_read(bytes_in_t *in, grant_t *grant)
{
    grant->op = (unsigned)bytes_take_number(in, 2);
    bytes_take_uuid(in, &grant->token);
    bytes_take_uuid(in, &grant->target);
    slice_t seal = bytes_take(in, GRANT_SEAL);
    grant->client = bytes_take(in, bytes_take_number(in, 1));
    grant->name = bytes_take(in, bytes_take_number(in, 2));
    if (in->failed || grant->client.len > GRANT_CLIENT || grant->name.len > GRANT_NAME)
        return false;
    memcpy(grant->seal, seal.data, GRANT_SEAL);
    return true;
}

/* Of a feed the field says no beginning, and older workers do not look at it. */
static unsigned s_from(const ask_t *ask)
{
    return ask->kind == ASK_PAGE ? ask->from : ask->narrowed ? (unsigned)FEED_NARROWED : 0;
}

void span_row_write(const span_row_t *row, bytes_t *out)
{
    grant_write(&row->grant, out);
    bytes_number(out, row->from, 1);
    bytes_number(out, row->at, 8);
    bytes_number(out, row->tag, 4);
    bytes_number(out, row->mark, 1);
}

bool span_row_read(bytes_in_t *in, span_row_t *row)
{
    bool granted = grant_read(in, &row->grant);
    row->from = (page_from_t)bytes_take_number(in, 1);
    row->at = bytes_take_number(in, 8);
    row->tag = (uint32_t)bytes_take_number(in, 4);
    row->mark = (mark_t)bytes_take_number(in, 1);
    return granted && !in->failed && row->from >= PAGE_NOW && row->from <= PAGE_MARK &&
           row->mark < MARK_KINDS && row->at <= INT64_MAX;
}

bool ask_next_grant(const ask_t *ask, bytes_in_t *in, grant_t *grant)
{
    span_row_t row;
    if (ask->kind != ASK_SPAN)
        return grant_read(in, grant);
    bool read = span_row_read(in, &row);
    *grant = row.grant;
    return read;
}

void ask_write(const ask_t *ask, bytes_t *out)
{
    bytes_number(out, ASK_VERSION, 1);
    bytes_number(out, ask->kind, 1);
    bytes_number(out, ask->bare, 1);
    bytes_number(out, s_from(ask), 1);
    bytes_number(out, ask->generation, 4);
    bytes_uuid(out, &ask->journal);
    bytes_number(out, ask->after, 8);
    bytes_number(out, ask->position.sequence, 8);
    bytes_number(out, ask->position.tag, 4);
    bytes_number(out, ask->position.tagged, 1);
    bytes_number(out, ask->count, 8);
    bytes_number(out, (uint64_t)ask->time_ms, 8);
    bytes_uuid(out, &ask->target);
    bytes_number(out, ask->grants, 4);
    bytes_put(out, ask->rows.data, ask->rows.len);
}

/* The grants are whole, and nothing stands behind them. */
static bool s_check_rows(const ask_t *ask)
{
    bytes_in_t in = {ask->rows.data, ask->rows.len, false};
    grant_t grant;
    for (uint32_t i = 0; i < ask->grants; i++)
        if (!ask_next_grant(ask, &in, &grant))
            return false;
    return in.left == 0;
}

static bool s_is_known(const ask_t *ask)
{
    if (ask->kind == ASK_FEED)
        return ask->bare ? ask->grants == 0 : ask->grants > 0;
    if (ask->kind == ASK_SPAN || ask->kind == ASK_DELIVERIES)
        return ask->grants > 0;
    if (ask->kind == ASK_LIST || ask->kind == ASK_HINTS)
        return ask->grants == 1;
    if (ask->kind == ASK_LOG)
        return !ask->bare || ask->grants > 0;
    if (ask->kind == ASK_NAMES)
        return ask->grants > 0 && ask->grants <= 1 + ASK_NAMES_MOST;
    return ask->kind == ASK_PAGE && !ask->bare && ask->grants == 1 && ask->from >= PAGE_NOW &&
           ask->from <= PAGE_TIME;
}

bool ask_read(slice_t body, ask_t *ask)
{
    bytes_in_t in = {body.data, body.len, false};
    uint64_t version = bytes_take_number(&in, 1);
    ask->kind = (ask_kind_t)bytes_take_number(&in, 1);
    ask->bare = bytes_take_number(&in, 1) != 0;
    ask->from = (page_from_t)bytes_take_number(&in, 1);
    ask->narrowed = ask->kind == ASK_FEED && (unsigned)ask->from == FEED_NARROWED;
    ask->generation = (uint32_t)bytes_take_number(&in, 4);
    bytes_take_uuid(&in, &ask->journal);
    ask->after = bytes_take_number(&in, 8);
    ask->position.sequence = bytes_take_number(&in, 8);
    ask->position.tag = (uint32_t)bytes_take_number(&in, 4);
    ask->position.tagged = bytes_take_number(&in, 1) != 0;
    ask->count = bytes_take_number(&in, 8);
    ask->time_ms = (int64_t)bytes_take_number(&in, 8);
    bytes_take_uuid(&in, &ask->target);
    ask->grants = (uint32_t)bytes_take_number(&in, 4);
    ask->rows = slice(in.at, in.left);
    return !in.failed && version == ASK_VERSION && ask->grants <= ASK_GRANTS && s_is_known(ask) &&
           s_check_rows(ask);
}
