#include "authd/directory/token_targets.h"

#include "authd/directory/elsewhere.h"
#include "authd/directory/fields.h"
#include "authd/directory/table.h"

#include <sodium.h>

/* One without a kind is that of a version before. */
uuid_t7 token_target_key(slice_t kind, slice_t target)
{
    uuid_t7 key;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, UUID_BYTES);
    if (kind.len > 0) {
        crypto_generichash_update(&state, (const uint8_t *)kind.data, kind.len);
        crypto_generichash_update(&state, (const uint8_t *)"", 1);
    }
    crypto_generichash_update(&state, (const uint8_t *)target.data, target.len);
    crypto_generichash_final(&state, key.bytes, UUID_BYTES);
    return key;
}

/* Fields in the order in which s_put writes them. */
static void s_read(slice_t bytes, const uuid_t7 *key, token_target_t *target)
{
    fields_t fields = fields_begin(bytes);
    target->key = *key;
    target->last_ms = fields_uint(&fields, "last", 0);
    target->count = fields_uint(&fields, "count", 0);
    target->address = fields_bytes(&fields, "address");
    target->target = fields_bytes(&fields, "target");
    target->kind = fields_bytes(&fields, "kind");
    calls_read(&target->calls, &fields);
}

static bool s_get(view_t *view, const uuid_t7 *token, const uuid_t7 *key, token_target_t *target)
{
    uint8_t pair[TABLE_PAIR];
    slice_t bytes;
    *target =
        (token_target_t){.kind = slice("", 0), .target = slice("", 0), .address = slice("", 0)};
    if (!table_get(view, TABLE_token_targets, table_pair(pair, token, key), &bytes))
        return false;
    s_read(bytes, key, target);
    return true;
}

static void s_put(view_t *view, const uuid_t7 *token, const token_target_t *target)
{
    uint8_t pair[TABLE_PAIR];
    pack_t *record = table_record(view, 5 + CALLS_PAIRS);
    pack_pair_uint(record, "last", target->last_ms);
    pack_pair_uint(record, "count", target->count);
    pack_pair_str(record, "address", target->address);
    pack_pair_str(record, "target", target->target);
    pack_pair_str(record, "kind", target->kind);
    calls_write(&target->calls, record);
    table_put_record(view, TABLE_token_targets, table_pair(pair, token, &target->key), record);
}

/* The next of those that are counted here. */
static bool s_next(view_t *view, const uuid_t7 *token, const uuid_t7 *after, token_target_t *target)
{
    uuid_t7 key;
    return table_next_second(view, TABLE_token_targets, token, after, &key) &&
           s_get(view, token, &key, target);
}

/* Room for one more. */
static void s_make_room(view_t *view, const uuid_t7 *token)
{
    token_target_t each;
    uuid_t7 oldest = {{0}};
    uint64_t last_ms = UINT64_MAX;
    unsigned count = 0;
    for (bool more = s_next(view, token, NULL, &each); more;
         more = s_next(view, token, &each.key, &each)) {
        count++;
        if (each.last_ms < last_ms) {
            last_ms = each.last_ms;
            oldest = each.key;
        }
    }
    if (count >= TOKEN_TARGETS)
        table_delete_pair(view, TABLE_token_targets, token, &oldest);
}

void token_targets_used(view_t *view, const uuid_t7 *token, const token_use_t *use)
{
    token_target_t before;
    uuid_t7 key = token_target_key(use->kind, use->target);
    token_target_t after = {.key = key,
                            .kind = use->kind,
                            .target = use->target,
                            .address = use->address,
                            .last_ms = use->last_ms,
                            .count = use->count};
    if (s_get(view, token, &key, &before)) {
        after.count += before.count;
        after.calls = before.calls;
    } else {
        s_make_room(view, token);
    }
    calls_add(&after.calls, use->last_ms, use->count);
    s_put(view, token, &after);
}

static void s_merge(token_target_t *to, const token_target_t *other)
{
    to->count += other->count;
    calls_merge(&to->calls, &other->calls);
    if (other->last_ms <= to->last_ms)
        return;
    to->last_ms = other->last_ms;
    to->address = other->address;
}

/* To its like among the COUNT that there are, or as one more; where there is no room for that, in
 * the place of the one that was used longest ago. */
static unsigned s_add(token_target_t all[TOKEN_TARGETS], unsigned count, const token_target_t *more)
{
    token_target_t *oldest = all;
    for (unsigned i = 0; i < count; i++) {
        if (uuid_eq(&all[i].key, &more->key)) {
            s_merge(&all[i], more);
            return count;
        }
        if (all[i].last_ms < oldest->last_ms)
            oldest = &all[i];
    }
    if (count < TOKEN_TARGETS)
        all[count++] = *more;
    else if (oldest->last_ms < more->last_ms)
        *oldest = *more;
    return count;
}

unsigned token_targets_all(view_t *view, const uuid_t7 *token, token_target_t all[TOKEN_TARGETS])
{
    token_target_t each;
    uuid_t7 key;
    slice_t record;
    elsewhere_place_t place = {0};
    unsigned count = 0;
    for (bool more = s_next(view, token, NULL, &each); more;
         more = s_next(view, token, &each.key, &each))
        count = s_add(all, count, &each);
    while (elsewhere_next(view, token, &place, &key, &record)) {
        if (uuid_is_nil(&key))
            continue;
        s_read(record, &key, &each);
        count = s_add(all, count, &each);
    }
    return count;
}

bool token_targets_has(view_t *view, const uuid_t7 *token, slice_t target)
{
    token_target_t all[TOKEN_TARGETS];
    unsigned count = token_targets_all(view, token, all);
    for (unsigned i = 0; i < count; i++)
        if (slice_eq(all[i].target, target))
            return true;
    return false;
}

void token_targets_delete(view_t *view, const uuid_t7 *token)
{
    uuid_t7 key;
    while (table_next_second(view, TABLE_token_targets, token, NULL, &key) &&
           table_delete_pair(view, TABLE_token_targets, token, &key))
        ;
    elsewhere_delete(view, token);
}
