#include "authd/directory/outlets.h"

#include "authd/directory/fields.h"
#include "authd/directory/handlers.h"
#include "authd/directory/table.h"
#include "common/base/secret.h"

#include <assert.h>
#include <string.h>

static const char s_event[] = "directory.outlet";

/* Fields in the order in which outlets_put writes them. */
static void s_read(slice_t key, slice_t bytes, outlet_t *outlet)
{
    fields_t fields = fields_begin(bytes);
    *outlet = (outlet_t){0};
    memcpy(outlet->id.bytes, key.data, UUID_BYTES);
    outlet->channel = fields_uuid(&fields, "channel");
    outlet->version = fields_uint(&fields, "version", 0);
    outlet->created_ms = fields_uint(&fields, "created", 0);
    outlet->gone = fields_uint(&fields, "gone", 0) == 1;
    outlet->paused = fields_uint(&fields, "paused", 0) == 1;
    outlet->kind = fields_bytes(&fields, "kind");
    outlet->name = fields_bytes(&fields, "name");
    outlet->shown = fields_bytes(&fields, "shown");
    outlet->to = fields_bytes(&fields, "to");
    outlet->sealed_url = fields_bytes(&fields, "url");
    outlet->sealed_token = fields_bytes(&fields, "token");
    outlet->bound_s = fields_uint(&fields, "bound", HANDLER_BOUND_S);
    outlet->secrets = sealed_read(fields_bytes(&fields, "secrets"), HANDLER_SECRET, outlet->secret,
                                  HANDLER_SECRETS);
}

bool outlets_get(view_t *view, const uuid_t7 *id, outlet_t *outlet)
{
    slice_t bytes, key = table_key(id);
    if (!table_get(view, TABLE_outlets, key, &bytes))
        return false;
    s_read(key, bytes, outlet);
    return true;
}

bool outlets_next(view_t *view, const uuid_t7 *after, outlet_t *outlet)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, TABLE_outlets, slice("", 0), past, &key, &bytes) || key.len != UUID_BYTES)
        return false;
    s_read(key, bytes, outlet);
    return true;
}

bool outlets_next_of(view_t *view, const uuid_t7 *channel, const uuid_t7 *after, outlet_t *outlet)
{
    uuid_t7 id;
    return table_next_second(view, TABLE_outlets_by_channel, channel, after, &id) &&
           outlets_get(view, &id, outlet);
}

unsigned outlets_count(view_t *view, const uuid_t7 *channel)
{
    unsigned count = 0;
    outlet_t outlet;
    for (bool more = outlets_next_of(view, channel, NULL, &outlet); more;
         more = outlets_next_of(view, channel, &outlet.id, &outlet))
        count++;
    return count;
}

bool outlet_channel(view_t *view, const outlet_t *outlet, place_t *channel)
{
    return places_get(view, PLACE_CHANNEL, &outlet->channel, channel);
}

bool outlets_add(view_t *view, const outlet_t *outlet)
{
    if (outlets_count(view, &outlet->channel) >= OUTLETS_MOST)
        return false;
    outlets_put(view, outlet);
    table_put_pair(view, TABLE_outlets_by_channel, &outlet->channel, &outlet->id);
    return true;
}

void outlets_put(view_t *view, const outlet_t *outlet)
{
    pack_t secrets = {0};
    assert(outlet->secrets <= HANDLER_SECRETS);
    sealed_pack(outlet->secret, outlet->secrets, &secrets);
    pack_t *record = table_record(view, 13);
    pack_pair_bin(record, "channel", outlet->channel.bytes, UUID_BYTES);
    pack_pair_uint(record, "version", outlet->version);
    pack_pair_uint(record, "created", outlet->created_ms);
    pack_pair_uint(record, "gone", outlet->gone);
    pack_pair_uint(record, "paused", outlet->paused);
    pack_pair_str(record, "kind", outlet->kind);
    pack_pair_str(record, "name", outlet->name);
    pack_pair_str(record, "shown", outlet->shown);
    pack_pair_str(record, "to", outlet->to);
    pack_pair_bin(record, "url", outlet->sealed_url.data, outlet->sealed_url.len);
    pack_pair_bin(record, "token", outlet->sealed_token.data, outlet->sealed_token.len);
    pack_pair_uint(record, "bound", outlet->bound_s);
    pack_pair_bin(record, "secrets", secrets.data, secrets.len);
    pack_free(&secrets);
    table_put_record(view, TABLE_outlets, table_key(&outlet->id), record);
}

void outlets_end(view_t *view, outlet_t *outlet)
{
    outlet->gone = true;
    outlet->secrets = 0;
    outlet->shown = outlet->to = outlet->sealed_url = outlet->sealed_token = slice("", 0);
    table_delete_pair(view, TABLE_outlets_by_channel, &outlet->channel, &outlet->id);
    outlets_put(view, outlet);
}

void outlet_raise(outlet_t *outlet, uint64_t now_ms)
{
    /* Past what was told before a restore of an older directory, too. */
    outlet->version = outlet->version + 1 > now_ms ? outlet->version + 1 : now_ms;
}

static void s_tell_channel(view_t *view, const outlet_t *outlet, wire_handler_t *wire)
{
    place_t channel;
    if (!outlet_channel(view, outlet, &channel))
        return;
    wire->owner = channel.owner;
    wire->archived = channel.archived_ms != 0;
    wire->name =
        slice(channel.name.data, channel.name.len < HANDLER_NAME ? channel.name.len : HANDLER_NAME);
}

void outlet_record(view_t *view, const outlet_t *outlet, uint64_t wall_ms, pack_t *out)
{
    char url[HANDLER_URL], token[HANDLER_SETTING], secrets[HANDLER_SECRETS][HANDLER_SECRET];
    wire_handler_t wire = {
        .version = outlet->version,
        .url = sealed_open(view, outlet->sealed_url, url, sizeof url, s_event),
        .concurrency = 1,
        .ordered = true,
        .bound_s = outlet->bound_s,
        .outlet = outlet->kind,
        .to = outlet->to,
        .token = sealed_open(view, outlet->sealed_token, token, sizeof token, s_event),
    };
    s_tell_channel(view, outlet, &wire);
    handler_tell_secrets(view, outlet->secret, outlet->secrets, wall_ms, secrets, &wire, s_event);
    wire_handler_encode(out, &wire);
    secret_wipe(secrets, sizeof secrets);
    secret_wipe(token, sizeof token);
    secret_wipe(url, sizeof url);
}
