#include "authd/directory/mtokens.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

#include <assert.h>
#include <string.h>

/* Fields in the order in which s_put writes them. */
static void s_read(const uuid_t7 *id, slice_t bytes, mtoken_t *token)
{
    fields_t fields = fields_begin(bytes);
    token->id = *id;
    token->user = fields_uuid(&fields, "user");
    token->expires_ms = fields_uint(&fields, "expires", 0);
    token->created_ms = fields_uint(&fields, "created", 0);
    token->used_ms = fields_uint(&fields, "used", 0);
    token->name = fields_bytes(&fields, "name");
    token->last4 = fields_bytes(&fields, "last4");
    slice_t hash = fields_bytes(&fields, "hash");
    memset(token->hash, 0, TOKEN_HASH);
    if (hash.len == TOKEN_HASH)
        memcpy(token->hash, hash.data, TOKEN_HASH);
}

static void s_put(view_t *view, const mtoken_t *token)
{
    pack_t *record = table_record(view, 7);
    pack_pair_bin(record, "user", token->user.bytes, UUID_BYTES);
    pack_pair_uint(record, "expires", token->expires_ms);
    pack_pair_uint(record, "created", token->created_ms);
    pack_pair_uint(record, "used", token->used_ms);
    pack_pair_str(record, "name", token->name);
    pack_pair_str(record, "last4", token->last4);
    pack_pair_bin(record, "hash", token->hash, TOKEN_HASH);
    table_put_record(view, TABLE_management_tokens, table_key(&token->id), record);
}

bool mtokens_get(view_t *view, const uuid_t7 *id, mtoken_t *token)
{
    slice_t bytes;
    if (!table_get(view, TABLE_management_tokens, table_key(id), &bytes))
        return false;
    s_read(id, bytes, token);
    return true;
}

bool mtokens_find(view_t *view, const uint8_t hash[TOKEN_HASH], mtoken_t *token)
{
    slice_t bytes;
    uuid_t7 id;
    if (!table_get(view, TABLE_management_hashes, slice(hash, TOKEN_HASH), &bytes) ||
        bytes.len != UUID_BYTES)
        return false;
    memcpy(id.bytes, bytes.data, UUID_BYTES);
    return mtokens_get(view, &id, token) && secret_eq(token->hash, TOKEN_HASH, hash, TOKEN_HASH);
}

bool mtokens_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, mtoken_t *token)
{
    uuid_t7 id;
    return table_next_second(view, TABLE_management_by_user, user, after, &id) &&
           mtokens_get(view, &id, token);
}

bool mtoken_has_ended(const mtoken_t *token, uint64_t now_ms)
{
    return token->expires_ms && now_ms >= token->expires_ms;
}

/* False when all that the user may have are in use. */
static bool s_make_room(view_t *view, const uuid_t7 *user, uint64_t now_ms)
{
    mtoken_t token;
    uuid_t7 ended;
    unsigned all = 0;
    bool found = false;
    for (bool more = mtokens_next(view, user, NULL, &token); more;
         more = mtokens_next(view, user, &token.id, &token)) {
        all++;
        if (!found && mtoken_has_ended(&token, now_ms)) {
            ended = token.id;
            found = true;
        }
    }
    return all < MTOKENS_MOST || (found && mtokens_delete(view, &ended));
}

bool mtokens_add(view_t *view, const mtoken_t *token, uint64_t now_ms)
{
    uint8_t pair[TABLE_PAIR];
    if (!s_make_room(view, &token->user, now_ms))
        return false;
    s_put(view, token);
    table_put(view, TABLE_management_hashes, slice(token->hash, TOKEN_HASH), table_key(&token->id));
    table_put(view, TABLE_management_by_user, table_pair(pair, &token->user, &token->id),
              table_key(&token->id));
    return true;
}

bool mtokens_delete(view_t *view, const uuid_t7 *id)
{
    uint8_t pair[TABLE_PAIR];
    mtoken_t token;
    uuid_t7 gone = *id;
    if (!mtokens_get(view, &gone, &token))
        return false;
    table_delete(view, TABLE_management_hashes, slice(token.hash, TOKEN_HASH));
    table_delete(view, TABLE_management_by_user, table_pair(pair, &token.user, &gone));
    table_delete(view, TABLE_management_tokens, table_key(&gone));
    return true;
}

void mtokens_delete_all(view_t *view, const uuid_t7 *user)
{
    mtoken_t token;
    while (mtokens_next(view, user, NULL, &token) && mtokens_delete(view, &token.id))
        ;
}

void mtokens_used(view_t *view, const uuid_t7 *id, uint64_t used_ms)
{
    mtoken_t token;
    char name[MTOKEN_NAME_MOST], last4[MTOKEN_LAST];
    if (!mtokens_get(view, id, &token))
        return;
    /* The record is written anew, and what the view shows of it ends with that. */
    assert(token.name.len <= sizeof name && token.last4.len <= sizeof last4);
    memcpy(name, token.name.data, token.name.len);
    memcpy(last4, token.last4.data, token.last4.len);
    token.name = slice(name, token.name.len);
    token.last4 = slice(last4, token.last4.len);
    token.used_ms = used_ms;
    s_put(view, &token);
}
