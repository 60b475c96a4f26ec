#include "authd/directory/handlers.h"

#include "authd/directory/extensions.h"
#include "authd/directory/fields.h"
#include "authd/directory/places.h"
#include "authd/directory/table.h"
#include "common/base/secret.h"

#include <assert.h>
#include <string.h>

static const char s_event[] = "directory.handler";

static void s_read(slice_t key, slice_t bytes, handler_t *handler)
{
    fields_t fields = fields_begin(bytes);
    *handler = (handler_t){0};
    memcpy(handler->target.bytes, key.data, UUID_BYTES);
    handler->version = fields_uint(&fields, "version", 0);
    handler->kind = (op_owner_t)fields_uint(&fields, "kind", OWNER_BOT);
    handler->name = fields_bytes(&fields, "name");
    handler->access = fields_bytes(&fields, "access");
    handler->url = fields_bytes(&fields, "url");
    handler->concurrency = fields_uint(&fields, "concurrency", HANDLER_CONCURRENCY);
    handler->ordered = fields_uint(&fields, "ordered", 0) == 1;
    handler->bound_s = fields_uint(&fields, "bound", HANDLER_BOUND_S);
    handler->wait_s = fields_uint(&fields, "wait", 0);
    handler->sealed_key = fields_bytes(&fields, "key");
    handler->secrets = sealed_read(fields_bytes(&fields, "secrets"), HANDLER_KEY, handler->secret,
                                   HANDLER_SECRETS);
}

bool handlers_get(view_t *view, const uuid_t7 *target, handler_t *handler)
{
    slice_t bytes, key = table_key(target);
    if (!table_get(view, TABLE_handlers, key, &bytes))
        return false;
    s_read(key, bytes, handler);
    return true;
}

bool handlers_next(view_t *view, const uuid_t7 *after, handler_t *handler)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, TABLE_handlers, slice("", 0), past, &key, &bytes) ||
        key.len != UUID_BYTES)
        return false;
    s_read(key, bytes, handler);
    return true;
}

void handlers_put(view_t *view, const handler_t *handler)
{
    pack_t secrets = {0};
    assert(handler->secrets <= HANDLER_SECRETS);
    sealed_pack(handler->secret, handler->secrets, &secrets);
    pack_t *record = table_record(view, 11);
    pack_pair_uint(record, "version", handler->version);
    pack_pair_uint(record, "kind", handler->kind);
    pack_pair_str(record, "name", handler->name);
    pack_pair_str(record, "access", handler->access);
    pack_pair_str(record, "url", handler->url);
    pack_pair_uint(record, "concurrency", handler->concurrency);
    pack_pair_uint(record, "ordered", handler->ordered);
    pack_pair_uint(record, "bound", handler->bound_s);
    pack_pair_uint(record, "wait", handler->wait_s);
    pack_pair_bin(record, "key", handler->sealed_key.data, handler->sealed_key.len);
    pack_pair_bin(record, "secrets", secrets.data, secrets.len);
    pack_free(&secrets);
    table_put_record(view, TABLE_handlers, table_key(&handler->target), record);
}

void handler_raise(handler_t *handler, uint64_t now_ms)
{
    /* Past what was told before a restore of an older directory, too. */
    handler->version = handler->version + 1 > now_ms ? handler->version + 1 : now_ms;
}

/* Whose the target is, and whether it is archived: its own row says it, so that it holds for what
 * was archived at any time. */
static void s_tell_target(view_t *view, const handler_t *handler, wire_handler_t *wire)
{
    place_t bot;
    app_t app;
    extension_t extension;
    if (handler->kind == OWNER_BOT && places_get(view, PLACE_BOT, &handler->target, &bot)) {
        wire->owner = bot.owner;
        wire->archived = bot.archived_ms != 0;
    }
    if (handler->kind != OWNER_BOT && apps_get(view, handler->access, &app) &&
        extensions_get(view, &app.extension, &extension)) {
        wire->owner = extension.owner;
        wire->archived = extension.archived_ms != 0;
    }
}

void handler_tell_secrets(view_t *view, const sealed_t *secret, unsigned count, uint64_t wall_ms,
                          char room[HANDLER_SECRETS][HANDLER_SECRET], wire_handler_t *wire,
                          const char *event)
{
    for (unsigned i = count; i-- > 0;) {
        uint64_t expires_ms = secret[i].expires_ms;
        if (!sealed_is_live(&secret[i], wall_ms))
            continue;
        slice_t text = sealed_open(view, secret[i].sealed, room[i], sizeof room[i], event);
        if (text.len == 0)
            continue;
        wire->secret[wire->secrets].text = text;
        wire->secret[wire->secrets++].left_ms = expires_ms ? expires_ms - wall_ms : 0;
    }
}

void handler_record(view_t *view, const handler_t *handler, uint64_t wall_ms, pack_t *out)
{
    char key[HANDLER_KEY], secrets[HANDLER_SECRETS][HANDLER_SECRET];
    wire_handler_t wire = {
        .version = handler->version,
        .url = handler->url,
        .name = handler->name,
        .concurrency = handler->concurrency,
        .ordered = handler->ordered,
        .bound_s = handler->bound_s,
        .wait_s = handler->wait_s,
        .key = sealed_open(view, handler->sealed_key, key, sizeof key, s_event),
    };
    s_tell_target(view, handler, &wire);
    handler_tell_secrets(view, handler->secret, handler->secrets, wall_ms, secrets, &wire, s_event);
    wire_handler_encode(out, &wire);
    secret_wipe(secrets, sizeof secrets);
    if (wire.key.len)
        secret_wipe(key, sizeof key);
}
