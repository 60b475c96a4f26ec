#include "authd/directory/elsewhere.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

#include <endian.h>
#include <string.h>

enum { RECORD_MOST = 4096 };

static const uuid_t7 s_nil = {{0}};
static const uuid_t7 s_ones = {
    {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};

/* Ones, and COUNT ids behind them. */
static slice_t s_key(uint8_t key[4 * UUID_BYTES], const uuid_t7 *const *ids, size_t count)
{
    memcpy(key, s_ones.bytes, UUID_BYTES);
    for (size_t i = 0; i < count; i++)
        memcpy(key + (i + 1) * UUID_BYTES, ids[i]->bytes, UUID_BYTES);
    return slice(key, (count + 1) * UUID_BYTES);
}

bool elsewhere_origin(view_t *view, uuid_t7 *origin)
{
    uint8_t key[4 * UUID_BYTES];
    slice_t bytes;
    if (!table_get(view, TABLE_token_targets, s_key(key, (const uuid_t7 *[]){&s_nil}, 1), &bytes) ||
        bytes.len != UUID_BYTES)
        return false;
    memcpy(origin->bytes, bytes.data, UUID_BYTES);
    return true;
}

uuid_t7 elsewhere_begin(view_t *view)
{
    uint8_t key[4 * UUID_BYTES];
    uuid_t7 origin;
    uuid_new(&origin);
    table_put(view, TABLE_token_targets, s_key(key, (const uuid_t7 *[]){&s_nil}, 1),
              table_key(&origin));
    return origin;
}

uint64_t elsewhere_number(view_t *view, const uuid_t7 *origin)
{
    uint8_t key[4 * UUID_BYTES];
    slice_t bytes;
    uint64_t number = 0;
    if (table_get(view, TABLE_token_targets, s_key(key, (const uuid_t7 *[]){&s_nil, origin}, 2),
                  &bytes) &&
        bytes.len == sizeof number)
        memcpy(&number, bytes.data, sizeof number);
    return be64toh(number);
}

void elsewhere_put_number(view_t *view, const uuid_t7 *origin, uint64_t number)
{
    uint8_t key[4 * UUID_BYTES];
    uint64_t bytes = htobe64(number);
    table_put(view, TABLE_token_targets, s_key(key, (const uuid_t7 *[]){&s_nil, origin}, 2),
              slice(&bytes, sizeof bytes));
}

bool elsewhere_own(view_t *view, const counted_t *of, slice_t *record)
{
    uint8_t pair[TABLE_PAIR];
    if (uuid_is_nil(&of->target))
        return table_get(view, TABLE_token_usage, table_key(&of->token), record);
    return table_get(view, TABLE_token_targets, table_pair(pair, &of->token, &of->target), record);
}

/* The next token that was used. */
static bool s_next_used(view_t *view, const uuid_t7 *after, uuid_t7 *token)
{
    slice_t key, record, past = uuid_is_nil(after) ? slice("", 0) : table_key(after);
    uuid_t7 at;
    while (table_next(view, TABLE_token_usage, slice("", 0), past, &key, &record)) {
        if (key.len != UUID_BYTES)
            return false;
        memcpy(at.bytes, key.data, UUID_BYTES);
        fields_t fields = fields_begin(record);
        fields_bytes(&fields, "hash");
        *token = at;
        if (fields_uint(&fields, "last", 0) > 0)
            return true;
        past = table_key(&at);
    }
    return false;
}

bool elsewhere_next_own(view_t *view, const counted_t *after, counted_t *of)
{
    uuid_t7 token = after->token, next;
    bool from_first = uuid_is_nil(&after->target);
    if (!uuid_is_nil(&token) && table_next_second(view, TABLE_token_targets, &token,
                                                  from_first ? NULL : &after->target, &next)) {
        *of = (counted_t){token, next};
        return true;
    }
    *of = (counted_t){.target = s_nil};
    return s_next_used(view, &token, &of->token);
}

void elsewhere_put(view_t *view, const uuid_t7 *origin, const counted_t *of, slice_t record)
{
    uint8_t key[4 * UUID_BYTES];
    slice_t own;
    const uuid_t7 *const ids[] = {&of->token, origin, &of->target};
    if (record.len <= RECORD_MOST &&
        table_get(view, TABLE_token_usage, table_key(&of->token), &own))
        table_put(view, TABLE_token_targets, s_key(key, ids, 3), record);
}

bool elsewhere_next(view_t *view, const uuid_t7 *token, elsewhere_place_t *place, uuid_t7 *target,
                    slice_t *record)
{
    uint8_t first[4 * UUID_BYTES];
    slice_t key, prefix = s_key(first, (const uuid_t7 *[]){token}, 1);
    slice_t after = slice(place->key, place->len);
    if (!table_next(view, TABLE_token_targets, prefix, after, &key, record) ||
        key.len != sizeof place->key)
        return false;
    memcpy(place->key, key.data, key.len);
    place->len = key.len;
    memcpy(target->bytes, place->key + 3 * UUID_BYTES, UUID_BYTES);
    return true;
}

void elsewhere_delete(view_t *view, const uuid_t7 *token)
{
    uuid_t7 target;
    slice_t record;
    for (elsewhere_place_t place = {0}; elsewhere_next(view, token, &place, &target, &record);)
        table_delete(view, TABLE_token_targets, slice(place.key, place.len));
}
