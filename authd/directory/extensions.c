#include "authd/directory/extensions.h"

#include "authd/directory/fields.h"
#include "authd/directory/places.h"
#include "authd/directory/table.h"
#include "common/base/secret.h"
#include "common/log/log.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_NUMBER = 5001 };
static const uint64_t s_sandbox_base = UINT64_C(1) << 61;
static const char s_sandbox_prefix[] = "sbx-";

bool extension_is_name(slice_t name)
{
    bool digits = true;
    for (size_t i = 0; i < name.len && digits; i++)
        digits = name.data[i] >= '0' && name.data[i] <= '9';
    return place_is_name(PLACE_CHANNEL, name) && !digits;
}

static void s_read(const uuid_t7 *id, slice_t bytes, extension_t *extension)
{
    fields_t fields = fields_begin(bytes);
    extension->id = *id;
    extension->name = fields_bytes(&fields, "name");
    extension->owner = fields_uuid(&fields, "owner");
    extension->archived_ms = fields_uint(&fields, "archived", 0);
    extension->number = fields_uint(&fields, "number", 0);
    extension->created_ms = fields_uint(&fields, "created", 0);
    extension->methods = (unsigned)fields_uint(&fields, "methods", 0);
    extension->reason = extension->archived_ms ? fields_bytes(&fields, "reason") : slice("", 0);
}

static void s_put(view_t *view, const extension_t *extension)
{
    pack_t *record = table_record(view, 7);
    pack_pair_str(record, "name", extension->name);
    pack_pair_bin(record, "owner", extension->owner.bytes, UUID_BYTES);
    pack_pair_uint(record, "archived", extension->archived_ms);
    pack_pair_uint(record, "number", extension->number);
    pack_pair_uint(record, "created", extension->created_ms);
    pack_pair_uint(record, "methods", extension->methods);
    pack_pair_str(record, "reason", extension->reason);
    table_put_record(view, TABLE_extensions, table_key(&extension->id), record);
}

bool extensions_get(view_t *view, const uuid_t7 *id, extension_t *extension)
{
    slice_t bytes;
    bool found = table_get(view, TABLE_extensions, table_key(id), &bytes);
    if (found)
        s_read(id, bytes, extension);
    else
        *extension = (extension_t){.name = slice("", 0), .reason = slice("", 0)};
    return found;
}

bool extensions_next(view_t *view, const uuid_t7 *after, extension_t *extension)
{
    slice_t key, bytes;
    slice_t past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, TABLE_extensions, slice("", 0), past, &key, &bytes) ||
        key.len != UUID_BYTES)
        return false;
    uuid_t7 id;
    memcpy(id.bytes, key.data, UUID_BYTES);
    s_read(&id, bytes, extension);
    return true;
}

bool extensions_next_of(view_t *view, const uuid_t7 *owner, const uuid_t7 *after, uuid_t7 *id)
{
    return table_next_second(view, TABLE_extensions_by_owner, owner, after, id);
}

unsigned extensions_owned(view_t *view, const uuid_t7 *owner, unsigned most)
{
    uuid_t7 id;
    unsigned n = 0;
    for (bool more = extensions_next_of(view, owner, NULL, &id); more && n < most;
         more = extensions_next_of(view, owner, &id, &id))
        n++;
    return n;
}

void extensions_index(view_t *view)
{
    extension_t extension;
    table_clear(view, TABLE_extensions_by_owner);
    for (bool more = extensions_next(view, NULL, &extension); more;
         more = extensions_next(view, &extension.id, &extension))
        table_put_pair(view, TABLE_extensions_by_owner, &extension.owner, &extension.id);
}

/* Extensions are few and their names are for the operator alone: a scan needs no index to keep. */
static bool s_named(view_t *view, slice_t name, extension_t *extension)
{
    bool more = extensions_next(view, NULL, extension);
    while (more && !slice_eq(extension->name, name)) {
        uuid_t7 at = extension->id;
        more = extensions_next(view, &at, extension);
    }
    return more;
}

bool extensions_find(view_t *view, slice_t name_or_id, extension_t *extension)
{
    uuid_t7 id;
    app_t app;
    if (s_named(view, name_or_id, extension))
        return true;
    if (apps_get(view, name_or_id, &app))
        return extensions_get(view, &app.extension, extension);
    return uuid_parse(name_or_id.data, name_or_id.len, &id) == 0 &&
           extensions_get(view, &id, extension);
}

static uint64_t s_draw_number(view_t *view)
{
    slice_t key = slice_of("next_app"), bytes;
    uint64_t number = FIRST_NUMBER;
    if (table_get(view, TABLE_facts, key, &bytes))
        number = unpack_find_uint(bytes, "number", FIRST_NUMBER);
    pack_t *record = table_record(view, 1);
    pack_pair_uint(record, "number", number + 1);
    table_put_record(view, TABLE_facts, key, record);
    return number;
}

void extension_app_id(const extension_t *extension, wire_environment_t environment,
                      char text[APP_ID_TEXT])
{
    uint64_t base = environment == ENVIRONMENT_SANDBOX ? s_sandbox_base : 0;
    snprintf(text, APP_ID_TEXT, "%" PRIu64, base + extension->number);
}

/* base64 of "<app-id>-<uuid>" with a random version 4 UUID, behind "sbx-" for the sandbox. */
static size_t s_make_key(const char *app_id, wire_environment_t environment, char key[APPKEY_MOST])
{
    char plain[APP_ID_TEXT + UUID_TEXT], id[UUID_TEXT];
    uuid_t7 random;
    randombytes_buf(random.bytes, UUID_BYTES);
    random.bytes[6] = (uint8_t)((random.bytes[6] & 0x0f) | 0x40);
    random.bytes[8] = (uint8_t)((random.bytes[8] & 0x3f) | 0x80);
    uuid_text(&random, id);
    int len = snprintf(plain, sizeof plain, "%s-%s", app_id, id);
    char *at = environment == ENVIRONMENT_SANDBOX ? stpcpy(key, s_sandbox_prefix) : key;
    sodium_bin2base64(at, APPKEY_MOST - (size_t)(at - key), (const uint8_t *)plain, (size_t)len,
                      sodium_base64_VARIANT_ORIGINAL);
    secret_wipe(plain, sizeof plain);
    secret_wipe(id, sizeof id);
    secret_wipe(&random, sizeof random);
    return strlen(key);
}

/* Writes the app with a new key. */
static void s_put_app(view_t *view, const char *app_id, const app_t *app)
{
    char key[APPKEY_MOST];
    uint8_t sealed[APPKEY_MOST + SEALING_OVERHEAD];
    size_t len = s_make_key(app_id, app->environment, key);
    sealing_key_seal(table_master_key(view), slice(key, len), sealed);
    secret_wipe(key, sizeof key);
    pack_t *record = table_record(view, 6);
    pack_pair_bin(record, "target", app->target.bytes, UUID_BYTES);
    pack_pair_bin(record, "extension", app->extension.bytes, UUID_BYTES);
    pack_pair_uint(record, "environment", app->environment);
    pack_pair_bin(record, "appkey", sealed, len + SEALING_OVERHEAD);
    pack_pair_bin(record, "former", app->former.data, app->former.len);
    pack_pair_uint(record, "ends", app->ends_ms);
    table_put_record(view, TABLE_apps, slice_of(app_id), record);
}

static void s_add_app(view_t *view, const extension_t *extension, wire_environment_t environment)
{
    char app_id[APP_ID_TEXT];
    app_t app = {.extension = extension->id, .environment = environment, .former = slice("", 0)};
    extension_app_id(extension, environment, app_id);
    uuid_new(&app.target);
    s_put_app(view, app_id, &app);
}

int extensions_add(view_t *view, extension_t *extension)
{
    extension_t taken;
    if (s_named(view, extension->name, &taken))
        return -1;
    extension->number = s_draw_number(view);
    s_put(view, extension);
    table_put_pair(view, TABLE_extensions_by_owner, &extension->owner, &extension->id);
    s_add_app(view, extension, ENVIRONMENT_SANDBOX);
    s_add_app(view, extension, ENVIRONMENT_MARKETPLACE);
    return 0;
}

int extensions_edit(view_t *view, const extension_t *extension)
{
    extension_t taken, before;
    if (!extensions_get(view, &extension->id, &before) ||
        (s_named(view, extension->name, &taken) && !uuid_eq(&taken.id, &extension->id)))
        return -1;
    s_put(view, extension);
    table_delete_pair(view, TABLE_extensions_by_owner, &before.owner, &extension->id);
    table_put_pair(view, TABLE_extensions_by_owner, &extension->owner, &extension->id);
    return 0;
}

void extensions_archive(view_t *view, const uuid_t7 *id, uint64_t now_ms, slice_t reason)
{
    extension_t extension;
    if (extensions_get(view, id, &extension) && extension.archived_ms == 0) {
        extension.archived_ms = now_ms;
        extension.reason = reason;
        s_put(view, &extension);
    }
}

bool apps_get(view_t *view, slice_t app_id, app_t *app)
{
    slice_t bytes;
    if (!table_get(view, TABLE_apps, app_id, &bytes))
        return false;
    fields_t fields = fields_begin(bytes);
    app->target = fields_uuid(&fields, "target");
    app->extension = fields_uuid(&fields, "extension");
    app->environment = (wire_environment_t)fields_uint(&fields, "environment", ENVIRONMENT_NONE);
    app->sealed = fields_bytes(&fields, "appkey");
    app->former = fields_bytes(&fields, "former");
    app->ends_ms = fields_uint(&fields, "ends", 0);
    return true;
}

static size_t s_open(view_t *view, slice_t sealed, char text[APPKEY_MOST])
{
    size_t len = sealed.len - SEALING_OVERHEAD;
    if (sealed.len < SEALING_OVERHEAD || len >= APPKEY_MOST ||
        sealing_key_open(table_master_key(view), sealed, text) != 0) {
        log_error("directory.appkey", "err=%s", LOG_Q("not encrypted under this master key"));
        len = 0;
    }
    text[len] = '\0';
    return len;
}

size_t app_key(view_t *view, const app_t *app, char text[APPKEY_MOST])
{
    return s_open(view, app->sealed, text);
}

void app_rotate(view_t *view, slice_t app_id, uint64_t ends_ms)
{
    char text[APP_ID_TEXT];
    app_t app;
    if (!apps_get(view, app_id, &app))
        return;
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(app_id));
    app.former = app.sealed;
    app.ends_ms = ends_ms;
    s_put_app(view, text, &app);
}

static bool s_is(view_t *view, slice_t sealed, slice_t given)
{
    char key[APPKEY_MOST];
    size_t len = s_open(view, sealed, key);
    bool same = len > 0 && secret_eq(key, len, given.data, given.len);
    secret_wipe(key, sizeof key);
    return same;
}

bool app_key_is(view_t *view, const app_t *app, slice_t given, uint64_t now_ms)
{
    bool same = s_is(view, app->sealed, given);
    return same || (app->former.len && now_ms < app->ends_ms && s_is(view, app->former, given));
}
