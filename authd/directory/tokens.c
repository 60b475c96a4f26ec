#include "authd/directory/tokens.h"

#include "authd/directory/record.h"
#include "authd/directory/table.h"

#include <sodium.h>

void token_hash(slice_t text, uint8_t hash[TOKEN_HASH])
{
    crypto_generichash(hash, TOKEN_HASH, (const uint8_t *)text.data, text.len, NULL, 0);
}

/* Fields in the order in which s_put writes them; what a verdict needs comes first. */
static void s_read_first(record_t *record, token_t *token)
{
    token->id = record_uuid(record, "id");
    token->user = record_uuid(record, "user");
    token->display = record_bytes(record, "display");
    token->rate = record_uint(record, "rate", TOKEN_DEFAULT);
    token->burst = record_uint(record, "burst", TOKEN_DEFAULT);
    token->expires_ms = record_uint(record, "expires", 0);
    token->scope = record_bytes(record, "scope");
}

static void s_read(const uint8_t hash[TOKEN_HASH], slice_t bytes, token_t *token)
{
    record_t record = record_begin(bytes);
    s_read_first(&record, token);
    memcpy(token->hash, hash, TOKEN_HASH);
    token->name = record_bytes(&record, "name");
    token->last4 = record_bytes(&record, "last4");
    token->created_ms = record_uint(&record, "created", 0);
}

static void s_put(view_t *view, const token_t *token)
{
    pack_t *record = table_record(view, 11);
    pack_pair_bin(record, "id", token->id.bytes, UUID_BYTES);
    pack_pair_bin(record, "user", token->user.bytes, UUID_BYTES);
    pack_pair_str(record, "display", token->display);
    pack_pair_uint(record, "rate", token->rate);
    pack_pair_uint(record, "burst", token->burst);
    pack_pair_uint(record, "expires", token->expires_ms);
    pack_pair_str(record, "scope", token->scope);
    pack_pair_str(record, "name", token->name);
    pack_pair_str(record, "last4", token->last4);
    pack_pair_uint(record, "created", token->created_ms);
    pack_pair_bin(record, "hash", token->hash, TOKEN_HASH);
    table_put_record(view, TABLE_tokens, slice(token->hash, TOKEN_HASH), record);
}

static void s_put_use(view_t *view, const token_t *token, const token_use_t *use)
{
    pack_t *record = table_record(view, 5);
    pack_pair_bin(record, "hash", token->hash, TOKEN_HASH);
    pack_pair_uint(record, "last", use->last_ms);
    pack_pair_uint(record, "count", use->count);
    pack_pair_str(record, "address", use->address);
    pack_pair_str(record, "target", use->target);
    table_put_record(view, TABLE_token_usage, table_key(&token->id), record);
}

bool tokens_get(view_t *view, const uint8_t hash[TOKEN_HASH], token_t *token)
{
    slice_t bytes;
    if (!table_get(view, TABLE_tokens, slice(hash, TOKEN_HASH), &bytes))
        return false;
    s_read(hash, bytes, token);
    return true;
}

bool tokens_judge(view_t *view, const uint8_t hash[TOKEN_HASH], token_t *token)
{
    slice_t bytes;
    if (!table_get(view, TABLE_tokens, slice(hash, TOKEN_HASH), &bytes))
        return false;
    record_t record = record_begin(bytes);
    s_read_first(&record, token);
    return true;
}

/* Fields in the order in which s_put_use writes them. */
static bool s_read_use(slice_t bytes, uint8_t hash[TOKEN_HASH], token_use_t *use)
{
    record_t record = record_begin(bytes);
    slice_t found = record_bytes(&record, "hash");
    if (found.len != TOKEN_HASH)
        return false;
    memcpy(hash, found.data, TOKEN_HASH);
    use->last_ms = record_uint(&record, "last", 0);
    use->count = record_uint(&record, "count", 0);
    use->address = record_bytes(&record, "address");
    use->target = record_bytes(&record, "target");
    return true;
}

static bool s_get_use(view_t *view, const uuid_t7 *id, uint8_t hash[TOKEN_HASH], token_use_t *use)
{
    slice_t bytes;
    return table_get(view, TABLE_token_usage, table_key(id), &bytes) &&
           s_read_use(bytes, hash, use);
}

bool tokens_find(view_t *view, const uuid_t7 *id, token_t *token)
{
    /* token_usage has a row a token, and is thereby the index by id. */
    uint8_t hash[TOKEN_HASH];
    token_use_t use;
    return s_get_use(view, id, hash, &use) && tokens_get(view, hash, token);
}

/* Reads the id of the row past AFTER in the user's part of tokens_by_user. */
static bool s_next_id(view_t *view, const uuid_t7 *user, const uuid_t7 *after, uuid_t7 *id)
{
    uint8_t pair[TABLE_PAIR];
    slice_t past = after ? table_pair(pair, user, after) : slice("", 0), key;
    if (!table_next(view, TABLE_tokens_by_user, table_key(user), past, &key, NULL) ||
        key.len != TABLE_PAIR)
        return false;
    memcpy(id->bytes, key.data + UUID_BYTES, UUID_BYTES);
    return true;
}

bool tokens_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, token_t *token)
{
    uuid_t7 id;
    return s_next_id(view, user, after, &id) && tokens_find(view, &id, token);
}

unsigned tokens_count(view_t *view, const uuid_t7 *user)
{
    unsigned count = 0;
    uuid_t7 id;
    for (bool more = s_next_id(view, user, NULL, &id); more; count++)
        more = s_next_id(view, user, &id, &id);
    return count;
}

bool tokens_use(view_t *view, const uuid_t7 *id, token_use_t *use)
{
    uint8_t hash[TOKEN_HASH];
    return s_get_use(view, id, hash, use);
}

tokens_add_t tokens_add(view_t *view, const token_t *token)
{
    uint8_t pair[TABLE_PAIR];
    slice_t taken;
    if (table_get(view, TABLE_tokens, slice(token->hash, TOKEN_HASH), &taken))
        return TOKENS_TAKEN;
    if (tokens_count(view, &token->user) >= TOKENS_ACTIVE)
        return TOKENS_LIMIT;
    s_put(view, token);
    s_put_use(view, token, &(token_use_t){0});
    pack_t *record = table_record(view, 1);
    pack_pair_bin(record, "hash", token->hash, TOKEN_HASH);
    table_put_record(view, TABLE_tokens_by_user, table_pair(pair, &token->user, &token->id),
                     record);
    return TOKENS_ADDED;
}

bool tokens_delete(view_t *view, const uuid_t7 *id)
{
    uint8_t pair[TABLE_PAIR];
    token_t token;
    if (!tokens_find(view, id, &token))
        return false;
    table_delete(view, TABLE_tokens, slice(token.hash, TOKEN_HASH));
    table_delete(view, TABLE_token_usage, table_key(id));
    return table_delete(view, TABLE_tokens_by_user, table_pair(pair, &token.user, id));
}

bool tokens_limit(view_t *view, const uuid_t7 *id, uint64_t rate, uint64_t burst)
{
    token_t token;
    if (!tokens_find(view, id, &token))
        return false;
    token.rate = rate;
    token.burst = burst;
    s_put(view, &token);
    return true;
}

bool tokens_used(view_t *view, const uuid_t7 *id, const token_use_t *use)
{
    token_t token = {.id = *id};
    token_use_t sum = *use, before;
    if (!s_get_use(view, id, token.hash, &before))
        return false;
    sum.count += before.count;
    s_put_use(view, &token, &sum);
    return true;
}
