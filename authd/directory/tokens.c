#include "authd/directory/tokens.h"

#include "authd/directory/elsewhere.h"
#include "authd/directory/fields.h"
#include "authd/directory/table.h"
#include "authd/directory/token_targets.h"

/* Fields in the order in which s_put writes them; what a verdict needs comes first. */
static void s_read_first(fields_t *fields, token_t *token)
{
    token->id = fields_uuid(fields, "id");
    token->user = fields_uuid(fields, "user");
    token->display = fields_bytes(fields, "display");
    token->rate = fields_uint(fields, "rate", TOKEN_DEFAULT);
    token->burst = fields_uint(fields, "burst", TOKEN_DEFAULT);
    token->expires_ms = fields_uint(fields, "expires", 0);
    token->terms = fields_bytes(fields, "scope");
}

static void s_read(const uint8_t hash[TOKEN_HASH], slice_t bytes, token_t *token)
{
    fields_t fields = fields_begin(bytes);
    s_read_first(&fields, token);
    memcpy(token->hash, hash, TOKEN_HASH);
    token->name = fields_bytes(&fields, "name");
    token->last4 = fields_bytes(&fields, "last4");
    token->created_ms = fields_uint(&fields, "created", 0);
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
    pack_pair_bin(record, "scope", token->terms.data, token->terms.len);
    pack_pair_str(record, "name", token->name);
    pack_pair_str(record, "last4", token->last4);
    pack_pair_uint(record, "created", token->created_ms);
    pack_pair_bin(record, "hash", token->hash, TOKEN_HASH);
    table_put_record(view, TABLE_tokens, slice(token->hash, TOKEN_HASH), record);
}

static pack_t *s_write_use(view_t *view, const token_t *token, const token_use_t *use)
{
    bool used = use->last_ms != 0;
    pack_t *record = table_record(view, 5 + (used ? CALLS_PAIRS : 0));
    pack_pair_bin(record, "hash", token->hash, TOKEN_HASH);
    pack_pair_uint(record, "last", use->last_ms);
    pack_pair_uint(record, "count", use->count);
    pack_pair_str(record, "address", use->address);
    pack_pair_str(record, "target", use->target);
    if (used)
        calls_write(&use->calls, record);
    return record;
}

static void s_put_use(view_t *view, const token_t *token, const token_use_t *use)
{
    table_put_record(view, TABLE_token_usage, table_key(&token->id), s_write_use(view, token, use));
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
    fields_t fields = fields_begin(bytes);
    s_read_first(&fields, token);
    return true;
}

void tokens_expect(view_t *view, const uint8_t hash[TOKEN_HASH], bool lies)
{
    table_expect(view, TABLE_tokens, slice(hash, TOKEN_HASH), lies);
}

/* Fields in the order in which s_put_use writes them. */
static bool s_read_use(slice_t bytes, uint8_t hash[TOKEN_HASH], token_use_t *use)
{
    fields_t fields = fields_begin(bytes);
    slice_t found = fields_bytes(&fields, "hash");
    if (found.len != TOKEN_HASH)
        return false;
    memcpy(hash, found.data, TOKEN_HASH);
    use->last_ms = fields_uint(&fields, "last", 0);
    use->count = fields_uint(&fields, "count", 0);
    use->address = fields_bytes(&fields, "address");
    use->target = fields_bytes(&fields, "target");
    use->calls = (calls_t){0};
    if (use->last_ms)
        calls_read(&use->calls, &fields);
    return true;
}

slice_t tokens_unused(view_t *view, slice_t record)
{
    token_t token;
    token_use_t use;
    if (!s_read_use(record, token.hash, &use))
        return record;
    const pack_t *unused = s_write_use(view, &token, &(token_use_t){0});
    return slice(unused->data, unused->len);
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
    bool found = s_get_use(view, id, hash, &use) && tokens_get(view, hash, token);
    if (!found)
        *token = (token_t){.display = slice("", 0),
                           .terms = slice("", 0),
                           .name = slice("", 0),
                           .last4 = slice("", 0)};
    return found;
}

bool tokens_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, token_t *token)
{
    uuid_t7 id;
    return table_next_second(view, TABLE_tokens_by_user, user, after, &id) &&
           tokens_find(view, &id, token);
}

bool token_has_ended(const token_t *token, uint64_t now_ms)
{
    return token->expires_ms && now_ms >= token->expires_ms;
}

bool token_is_active(const token_t *token, uint64_t now_ms)
{
    return !token_has_ended(token, now_ms) && terms_read(token->terms).replaced_ms == 0;
}

unsigned tokens_active(view_t *view, const uuid_t7 *user, uint64_t now_ms)
{
    unsigned active = 0;
    token_t token;
    for (bool more = tokens_next(view, user, NULL, &token); more;
         more = tokens_next(view, user, &token.id, &token))
        active += token_is_active(&token, now_ms);
    return active;
}

/* The last use is the one of the two that came last. */
static void s_merge(token_use_t *use, const token_use_t *other)
{
    use->count += other->count;
    calls_merge(&use->calls, &other->calls);
    if (other->last_ms <= use->last_ms)
        return;
    use->last_ms = other->last_ms;
    use->address = other->address;
    use->target = other->target;
}

bool tokens_use(view_t *view, const uuid_t7 *id, token_use_t *use)
{
    uint8_t hash[TOKEN_HASH];
    uuid_t7 target;
    slice_t record;
    token_use_t other;
    elsewhere_place_t place = {0};
    if (!s_get_use(view, id, hash, use))
        return false;
    while (elsewhere_next(view, id, &place, &target, &record))
        if (uuid_is_nil(&target) && s_read_use(record, hash, &other))
            s_merge(use, &other);
    return true;
}

bool token_ends_by(const token_t *token, uint64_t now_ms, uint64_t by_ms)
{
    return token->expires_ms && token->expires_ms <= by_ms && token_is_active(token, now_ms);
}

bool tokens_next_of_all(view_t *view, const uuid_t7 *after, token_t *token)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    uuid_t7 id;
    while (table_next(view, TABLE_token_usage, slice("", 0), past, &key, &bytes) &&
           key.len == UUID_BYTES) {
        memcpy(id.bytes, key.data, UUID_BYTES);
        if (tokens_find(view, &id, token))
            return true;
        past = table_key(&id);
    }
    return false;
}

/* The user's token that ended first, if any has; says how many there are. */
static bool s_first_ended(view_t *view, const uuid_t7 *user, uint64_t now_ms, token_t *first,
                          unsigned *all)
{
    token_t token;
    bool found = false;
    *all = 0;
    for (bool more = tokens_next(view, user, NULL, &token); more;
         more = tokens_next(view, user, &token.id, &token)) {
        ++*all;
        if (token_has_ended(&token, now_ms) && (!found || token.expires_ms < first->expires_ms)) {
            *first = token;
            found = true;
        }
    }
    return found;
}

/* What is kept of ended tokens is bounded in time and number. False when there is no room. */
static bool s_make_room(view_t *view, const uuid_t7 *user, unsigned most, uint64_t now_ms)
{
    token_t first = {.expires_ms = 0};
    unsigned all;
    while (s_first_ended(view, user, now_ms, &first, &all) &&
           (all >= most || now_ms - first.expires_ms >= TOKEN_KEPT_MS)) {
        uuid_t7 id = first.id;
        tokens_delete(view, &id);
    }
    return all < most;
}

static void s_put_pair(view_t *view, const token_t *token)
{
    uint8_t pair[TABLE_PAIR];
    pack_t *record = table_record(view, 1);
    pack_pair_bin(record, "hash", token->hash, TOKEN_HASH);
    table_put_record(view, TABLE_tokens_by_user, table_pair(pair, &token->user, &token->id),
                     record);
}

tokens_add_t tokens_add(view_t *view, const token_t *token, unsigned most, uint64_t now_ms)
{
    slice_t taken;
    if (table_get(view, TABLE_tokens, slice(token->hash, TOKEN_HASH), &taken))
        return TOKENS_TAKEN;
    if (tokens_active(view, &token->user, now_ms) >= most ||
        !s_make_room(view, &token->user, most + TOKENS_KEPT, now_ms))
        return TOKENS_LIMIT;
    s_put(view, token);
    s_put_use(view, token, &(token_use_t){0});
    s_put_pair(view, token);
    return TOKENS_ADDED;
}

tokens_add_t tokens_replace(view_t *view, const token_t *old, const token_t *token, unsigned most,
                            uint64_t ends_ms, uint64_t now_ms)
{
    pack_t encoded = {0};
    token_t replaced = *old;
    terms_t terms = terms_read(old->terms);
    terms.replaced_ms = now_ms;
    terms.successor = token->id;
    terms_write(&terms, &encoded);
    replaced.terms = slice(encoded.data, encoded.len);
    if (replaced.expires_ms == 0 || replaced.expires_ms > ends_ms)
        replaced.expires_ms = ends_ms;
    tokens_edit(view, &replaced);
    pack_free(&encoded);
    return tokens_add(view, token, most, now_ms);
}

bool tokens_delete(view_t *view, const uuid_t7 *id)
{
    uint8_t pair[TABLE_PAIR];
    token_t token;
    if (!tokens_find(view, id, &token))
        return false;
    table_delete(view, TABLE_tokens, slice(token.hash, TOKEN_HASH));
    table_delete(view, TABLE_token_usage, table_key(id));
    token_targets_delete(view, id);
    return table_delete(view, TABLE_tokens_by_user, table_pair(pair, &token.user, id));
}

void tokens_edit(view_t *view, const token_t *token)
{
    s_put(view, token);
}

void tokens_rename(view_t *view, const uuid_t7 *user, slice_t display)
{
    token_t token;
    for (bool more = tokens_next(view, user, NULL, &token); more;
         more = tokens_next(view, user, &token.id, &token)) {
        token.display = display;
        s_put(view, &token);
    }
}

void tokens_move(view_t *view, const uuid_t7 *id, const uuid_t7 *user, slice_t display)
{
    uint8_t pair[TABLE_PAIR];
    token_t token;
    if (!tokens_find(view, id, &token))
        return;
    uuid_t7 before = token.user;
    token.user = *user;
    token.display = display;
    s_put(view, &token);
    table_delete(view, TABLE_tokens_by_user, table_pair(pair, &before, id));
    s_put_pair(view, &token);
}

bool tokens_used(view_t *view, const uuid_t7 *id, const token_use_t *use)
{
    token_t token = {.id = *id};
    token_use_t sum = *use, before;
    if (!s_get_use(view, id, token.hash, &before))
        return false;
    token_targets_used(view, id, use);
    if (!s_get_use(view, id, token.hash, &before)) /* its slices ended with that change */
        return false;
    if (before.last_ms > use->last_ms) { /* of another target, within the same second */
        sum.last_ms = before.last_ms;
        sum.address = before.address;
        sum.target = before.target;
    }
    sum.count += before.count;
    sum.calls = before.calls;
    calls_add(&sum.calls, use->last_ms, use->count);
    s_put_use(view, &token, &sum);
    return true;
}
