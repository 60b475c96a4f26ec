#include "authd/directory/places.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

#include <assert.h>

enum { NAME_MOST = 80 /* longest name of any kind */ };

static const struct {
    table_t table, by_name, people, by_person, by_owner;
    size_t name_most;
} s_kinds[] = {
    [PLACE_CHANNEL] = {TABLE_channels, TABLE_channels_by_name, TABLE_channel_members,
                       TABLE_channels_by_member, TABLE_channels_by_owner, 80},
    [PLACE_BOT] = {TABLE_bots, TABLE_bots_by_name, TABLE_bot_subscribers, TABLE_bots_by_subscriber,
                   TABLE_bots_by_owner, 50},
};

size_t place_name_most(place_kind_t kind)
{
    return s_kinds[kind].name_most;
}

bool place_is_name(place_kind_t kind, slice_t name)
{
    if (name.len == 0 || name.len > s_kinds[kind].name_most)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

static void s_read(place_kind_t kind, slice_t bytes, place_t *place)
{
    fields_t fields = fields_begin(bytes);
    place->id = fields_uuid(&fields, "id");
    place->name = fields_bytes(&fields, "name");
    place->owner = fields_uuid(&fields, "owner");
    place->archived_ms = fields_uint(&fields, "archived", 0);
    place->created_ms = fields_uint(&fields, "created", 0);
    place->methods = kind == PLACE_BOT ? (unsigned)fields_uint(&fields, "methods", 0) : 0;
    place->reason = place->archived_ms ? fields_bytes(&fields, "reason") : slice("", 0);
}

/* The record stands under the id and under the name, so that a verdict reads one row. */
static void s_put(view_t *view, place_kind_t kind, const place_t *place)
{
    char name[NAME_MOST];
    assert(place->name.len <= sizeof name);
    memcpy(name, place->name.data, place->name.len);
    slice_t key = slice(name, place->name.len);
    pack_t *record = table_record(view, kind == PLACE_BOT ? 7 : 6);
    pack_pair_bin(record, "id", place->id.bytes, UUID_BYTES);
    pack_pair_str(record, "name", place->name);
    pack_pair_bin(record, "owner", place->owner.bytes, UUID_BYTES);
    pack_pair_uint(record, "archived", place->archived_ms);
    pack_pair_uint(record, "created", place->created_ms);
    if (kind == PLACE_BOT)
        pack_pair_uint(record, "methods", place->methods);
    pack_pair_str(record, "reason", place->reason);
    table_put_record(view, s_kinds[kind].table, table_key(&place->id), record);
    table_put_record(view, s_kinds[kind].by_name, key, record);
}

static bool s_get(view_t *view, place_kind_t kind, table_t table, slice_t key, place_t *place)
{
    slice_t bytes;
    if (!table_get(view, table, key, &bytes))
        return false;
    s_read(kind, bytes, place);
    return true;
}

bool places_get(view_t *view, place_kind_t kind, const uuid_t7 *id, place_t *place)
{
    return s_get(view, kind, s_kinds[kind].table, table_key(id), place);
}

bool places_named(view_t *view, place_kind_t kind, slice_t name, place_t *place)
{
    return s_get(view, kind, s_kinds[kind].by_name, name, place);
}

bool places_find(view_t *view, place_kind_t kind, slice_t name_or_id, place_t *place)
{
    uuid_t7 id;
    if (places_named(view, kind, name_or_id, place))
        return true;
    return uuid_parse(name_or_id.data, name_or_id.len, &id) == 0 &&
           places_get(view, kind, &id, place);
}

bool places_next(view_t *view, place_kind_t kind, const uuid_t7 *after, place_t *place)
{
    slice_t bytes, past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, s_kinds[kind].table, slice("", 0), past, NULL, &bytes))
        return false;
    s_read(kind, bytes, place);
    return true;
}

bool places_next_of(view_t *view, place_kind_t kind, const uuid_t7 *person, const uuid_t7 *after,
                    uuid_t7 *place)
{
    return table_next_second(view, s_kinds[kind].by_person, person, after, place);
}

bool places_next_seen(view_t *view, place_kind_t kind, const uuid_t7 *user, const uuid_t7 *after,
                      place_t *place)
{
    uuid_t7 in, own;
    bool is_in = places_next_of(view, kind, user, after, &in);
    bool owns = table_next_second(view, s_kinds[kind].by_owner, user, after, &own);
    bool own_first = owns && (!is_in || memcmp(own.bytes, in.bytes, UUID_BYTES) < 0);
    return (owns || is_in) && places_get(view, kind, own_first ? &own : &in, place);
}

unsigned places_owned(view_t *view, place_kind_t kind, const uuid_t7 *owner, unsigned most)
{
    uuid_t7 id;
    unsigned n = 0;
    for (bool more = table_next_second(view, s_kinds[kind].by_owner, owner, NULL, &id);
         more && n < most; more = table_next_second(view, s_kinds[kind].by_owner, owner, &id, &id))
        n++;
    return n;
}

int places_add(view_t *view, place_kind_t kind, const place_t *place)
{
    slice_t taken;
    if (table_get(view, s_kinds[kind].by_name, place->name, &taken))
        return -1;
    s_put(view, kind, place);
    table_put_pair(view, s_kinds[kind].by_owner, &place->owner, &place->id);
    return 0;
}

int places_edit(view_t *view, place_kind_t kind, const place_t *place)
{
    place_t before, taken;
    if (!places_get(view, kind, &place->id, &before))
        return -1;
    if (!slice_eq(before.name, place->name)) {
        if (places_named(view, kind, place->name, &taken))
            return -1;
        char name[NAME_MOST];
        slice_t key = slice(name, before.name.len);
        memcpy(name, before.name.data, before.name.len);
        table_delete(view, s_kinds[kind].by_name, key);
    }
    s_put(view, kind, place);
    table_delete_pair(view, s_kinds[kind].by_owner, &before.owner, &place->id);
    table_put_pair(view, s_kinds[kind].by_owner, &place->owner, &place->id);
    return 0;
}

void places_archive(view_t *view, place_kind_t kind, const uuid_t7 *id, uint64_t now_ms,
                    slice_t reason)
{
    place_t place;
    if (places_get(view, kind, id, &place) && place.archived_ms == 0) {
        place.archived_ms = now_ms;
        place.reason = reason;
        s_put(view, kind, &place);
    }
}

bool place_has(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *user)
{
    uint8_t pair[TABLE_PAIR];
    slice_t found;
    return table_get(view, s_kinds[kind].people, table_pair(pair, place, user), &found);
}

bool place_add(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *user,
               uint64_t now_ms)
{
    uint8_t pair[TABLE_PAIR];
    if (place_has(view, kind, place, user))
        return false;
    pack_t *record = table_record(view, 1);
    pack_pair_uint(record, "added", now_ms);
    table_put_record(view, s_kinds[kind].people, table_pair(pair, place, user), record);
    table_put_pair(view, s_kinds[kind].by_person, user, place);
    return true;
}

bool place_remove(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *user)
{
    table_delete_pair(view, s_kinds[kind].by_person, user, place);
    return table_delete_pair(view, s_kinds[kind].people, place, user);
}

bool place_next(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *after,
                uuid_t7 *user)
{
    return table_next_second(view, s_kinds[kind].people, place, after, user);
}

void places_join(view_t *view, place_kind_t kind, const uuid_t7 *from, const uuid_t7 *to,
                 uint64_t now_ms)
{
    uuid_t7 place;
    for (bool more = places_next_of(view, kind, from, NULL, &place); more;
         more = places_next_of(view, kind, from, &place, &place))
        place_add(view, kind, &place, to, now_ms);
}

void places_index(view_t *view, place_kind_t kind)
{
    place_t place;
    slice_t key, after = slice("", 0);
    uuid_t7 ids[2];
    table_clear(view, s_kinds[kind].by_owner);
    table_clear(view, s_kinds[kind].by_person);
    for (bool more = places_next(view, kind, NULL, &place); more;
         more = places_next(view, kind, &place.id, &place))
        table_put_pair(view, s_kinds[kind].by_owner, &place.owner, &place.id);
    while (table_next(view, s_kinds[kind].people, slice("", 0), after, &key, NULL) &&
           key.len == sizeof ids) {
        memcpy(ids, key.data, sizeof ids);
        table_put_pair(view, s_kinds[kind].by_person, &ids[1], &ids[0]);
        after = slice(ids, sizeof ids);
    }
}
