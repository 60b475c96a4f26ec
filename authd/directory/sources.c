#include "authd/directory/sources.h"

#include "authd/directory/extensions.h"
#include "authd/directory/fields.h"
#include "authd/directory/places.h"
#include "authd/directory/table.h"
#include "common/base/secret.h"
#include "common/source/shown.h"
#include "common/wire/wire.h"

#include <assert.h>
#include <string.h>

static const char s_event[] = "directory.source";

/* Fields in the order in which sources_put writes them. */
static void s_read(slice_t key, slice_t bytes, source_t *source)
{
    fields_t fields = fields_begin(bytes);
    *source = (source_t){0};
    memcpy(source->id.bytes, key.data, UUID_BYTES);
    source->place = fields_uuid(&fields, "place");
    source->target = fields_uuid(&fields, "target");
    source->token = fields_uuid(&fields, "token");
    source->kind = (op_owner_t)fields_uint(&fields, "kind", OWNER_CHANNEL);
    source->version = fields_uint(&fields, "version", 0);
    source->created_ms = fields_uint(&fields, "created", 0);
    source->name = fields_bytes(&fields, "name");
    source->format = fields_bytes(&fields, "format");
    source->scheme = fields_bytes(&fields, "scheme");
    source->declared = fields_bytes(&fields, "declared");
    source->only = fields_bytes(&fields, "only");
    source->except = fields_bytes(&fields, "except");
    source->branch = fields_bytes(&fields, "branch");
    source->required = fields_uint(&fields, "required", 1) == 1;
    source->drops_unknown = fields_uint(&fields, "drops", 0) == 1;
    source->keeps_raw = fields_uint(&fields, "keep", 0) == 1;
    source->sealed_token = fields_bytes(&fields, "verify");
    source->waits_ms = fields_uint(&fields, "waits", 0);
    source->told_ms = fields_uint(&fields, "told", 0);
    source->secrets =
        sealed_read(fields_bytes(&fields, "secrets"), SOURCE_KEY_TEXT, source->secret, SOURCE_KEYS);
}

bool sources_get(view_t *view, const uuid_t7 *id, source_t *source)
{
    slice_t bytes, key = table_key(id);
    if (!table_get(view, TABLE_sources, key, &bytes))
        return false;
    s_read(key, bytes, source);
    return true;
}

bool sources_next(view_t *view, const uuid_t7 *after, source_t *source)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, TABLE_sources, slice("", 0), past, &key, &bytes) || key.len != UUID_BYTES)
        return false;
    s_read(key, bytes, source);
    return true;
}

bool sources_next_of(view_t *view, const uuid_t7 *target, const uuid_t7 *after, source_t *source)
{
    uuid_t7 id;
    return table_next_second(view, TABLE_sources_by_target, target, after, &id) &&
           sources_get(view, &id, source);
}

bool source_place(view_t *view, const source_t *source, source_place_t *place)
{
    place_t found;
    extension_t extension;
    place_kind_t kind = source->kind == OWNER_BOT ? PLACE_BOT : PLACE_CHANNEL;
    if (source->kind == OWNER_EXTENSION) {
        if (!extensions_get(view, &source->place, &extension))
            return false;
        *place = (source_place_t){extension.owner, extension.name, extension.archived_ms != 0};
        return true;
    }
    if (!places_get(view, kind, &source->place, &found))
        return false;
    *place = (source_place_t){found.owner, found.name, found.archived_ms != 0};
    return true;
}

static unsigned s_count(view_t *view, const uuid_t7 *target)
{
    unsigned count = 0;
    source_t source;
    for (bool more = sources_next_of(view, target, NULL, &source); more;
         more = sources_next_of(view, target, &source.id, &source))
        count++;
    return count;
}

bool sources_add(view_t *view, const source_t *source)
{
    if (s_count(view, &source->target) >= SOURCES_MOST)
        return false;
    sources_put(view, source);
    table_put_pair(view, TABLE_sources_by_target, &source->target, &source->id);
    return true;
}

void sources_put(view_t *view, const source_t *source)
{
    pack_t secrets = {0};
    assert(source->secrets <= SOURCE_KEYS);
    sealed_pack(source->secret, source->secrets, &secrets);
    pack_t *record = table_record(view, 20);
    pack_pair_bin(record, "place", source->place.bytes, UUID_BYTES);
    pack_pair_bin(record, "target", source->target.bytes, UUID_BYTES);
    pack_pair_bin(record, "token", source->token.bytes, UUID_BYTES);
    pack_pair_uint(record, "kind", source->kind);
    pack_pair_uint(record, "version", source->version);
    pack_pair_uint(record, "created", source->created_ms);
    pack_pair_str(record, "name", source->name);
    pack_pair_str(record, "format", source->format);
    pack_pair_str(record, "scheme", source->scheme);
    pack_pair_bin(record, "declared", source->declared.data, source->declared.len);
    pack_pair_str(record, "only", source->only);
    pack_pair_str(record, "except", source->except);
    pack_pair_str(record, "branch", source->branch);
    pack_pair_uint(record, "required", source->required);
    pack_pair_uint(record, "drops", source->drops_unknown);
    pack_pair_uint(record, "keep", source->keeps_raw);
    pack_pair_bin(record, "verify", source->sealed_token.data, source->sealed_token.len);
    pack_pair_uint(record, "waits", source->waits_ms);
    pack_pair_uint(record, "told", source->told_ms);
    pack_pair_bin(record, "secrets", secrets.data, secrets.len);
    pack_free(&secrets);
    table_put_record(view, TABLE_sources, table_key(&source->id), record);
}

/* What the worker would need the secrets for is found here where they come in a header, which goes
 * no further. */
static void s_tell(source_record_t *record, slice_t shown)
{
    scheme_texts_t texts;
    scheme_t scheme;
    source_key_t keys[SOURCE_KEYS];
    unsigned count = 0, key;
    char err[256];
    if (!record->secrets || !source_record_scheme(record, &texts, &scheme) ||
        !source_is_shown(&scheme))
        return;
    for (unsigned i = 0; i < record->secrets; i++)
        count += source_key_read(&scheme, record->secret[i], &keys[count], err, sizeof err);
    record->told = source_shown(&scheme, keys, count, shown, &key);
    record->secrets = 0;
    secret_wipe(keys, sizeof keys);
}

static void s_add_record(view_t *view, const source_t *source, const source_asked_t *asked,
                         uint64_t wall_ms, pack_t *out)
{
    char secrets[SOURCE_KEYS][SOURCE_KEY_TEXT], token[SOURCE_KEY_TEXT];
    source_record_t record = {
        .id = source->id,
        .url = asked->url,
        .required = source->required,
        .preset = source->declared.len ? slice("", 0) : source->scheme,
        .declared = source->declared,
        .format = source->format,
        .selection = {source->only, source->except, source->branch, '\n'},
        .drops_unknown = source->drops_unknown,
        .keeps_raw = source->keeps_raw,
        .verify_token = sealed_open(view, source->sealed_token, token, sizeof token, s_event)};
    for (unsigned i = source->secrets; i-- > 0;) {
        const sealed_t *secret = &source->secret[i];
        if (!sealed_is_live(secret, wall_ms))
            continue;
        slice_t text = sealed_open(view, secret->sealed, secrets[i], sizeof secrets[i], s_event);
        if (text.len)
            record.secret[record.secrets++] = text;
    }
    s_tell(&record, asked->shown);
    source_record_add(out, &record);
    secret_wipe(secrets, sizeof secrets);
    secret_wipe(token, sizeof token);
}

/* The target's sources that are for this token alone, or for any; at most SOURCES_MOST. */
static unsigned s_chosen(view_t *view, const uuid_t7 *target, const uuid_t7 *token,
                         source_t chosen[SOURCES_MOST])
{
    unsigned count = 0;
    source_t source;
    bool more = sources_next_of(view, target, NULL, &source);
    for (; more && count < SOURCES_MOST; more = sources_next_of(view, target, &source.id, &source))
        if (uuid_eq(&source.token, token))
            chosen[count++] = source;
    return count;
}

bool sources_record(view_t *view, const uuid_t7 *target, const uuid_t7 *token, slice_t shown,
                    uint64_t wall_ms, pack_t *out, bool *fits)
{
    const source_asked_t asked = {.url = slice("", 0), .shown = shown};
    static const uuid_t7 any;
    source_t chosen[SOURCES_MOST];
    unsigned count = s_chosen(view, target, token, chosen);
    if (count == 0)
        count = s_chosen(view, target, &any, chosen);
    if (count == 0)
        return false;
    size_t before = out->len;
    source_records_begin(out, count);
    for (unsigned i = 0; i < count; i++)
        s_add_record(view, &chosen[i], &asked, wall_ms, out);
    *fits = out->len - before <= WIRE_HANDLER;
    return true;
}

bool source_has_address(const source_t *source)
{
    return source->required && source->scheme.len > 0 && !uuid_is_nil(&source->token);
}

bool sources_record_own(view_t *view, const source_t *source, const source_asked_t *asked,
                        uint64_t wall_ms, pack_t *out)
{
    size_t before = out->len;
    source_records_begin(out, 1);
    s_add_record(view, source, asked, wall_ms, out);
    return out->len - before <= WIRE_HANDLER;
}

bool sources_delete(view_t *view, const uuid_t7 *id)
{
    source_t source;
    uuid_t7 gone = *id;
    if (!sources_get(view, &gone, &source))
        return false;
    table_delete_pair(view, TABLE_sources_by_target, &source.target, &gone);
    table_delete(view, TABLE_sources, table_key(&gone));
    return true;
}
