#include "authd/directory/kept_formats.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

#include <string.h>

/* Fields in the order in which kept_formats_put writes them. */
static void s_read(slice_t key, slice_t bytes, kept_format_t *format)
{
    fields_t fields = fields_begin(bytes);
    *format = (kept_format_t){0};
    memcpy(format->id.bytes, key.data, UUID_BYTES);
    format->version = fields_uint(&fields, "version", 0);
    format->created_ms = fields_uint(&fields, "created", 0);
    format->changed_ms = fields_uint(&fields, "changed", 0);
    format->name = fields_bytes(&fields, "name");
    format->text = fields_bytes(&fields, "text");
}

bool kept_formats_get(view_t *view, const uuid_t7 *id, kept_format_t *format)
{
    slice_t bytes, key = table_key(id);
    if (!table_get(view, TABLE_formats, key, &bytes))
        return false;
    s_read(key, bytes, format);
    return true;
}

bool kept_formats_next(view_t *view, const uuid_t7 *after, kept_format_t *format)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, TABLE_formats, slice("", 0), past, &key, &bytes) || key.len != UUID_BYTES)
        return false;
    s_read(key, bytes, format);
    return true;
}

bool kept_formats_find(view_t *view, slice_t name, kept_format_t *format)
{
    bool more = kept_formats_next(view, NULL, format);
    while (more && !slice_eq(format->name, name)) {
        uuid_t7 last = format->id;
        more = kept_formats_next(view, &last, format);
    }
    return more;
}

unsigned kept_formats_count(view_t *view)
{
    unsigned count = 0;
    kept_format_t format;
    uuid_t7 last;
    for (bool more = kept_formats_next(view, NULL, &format); more; count++) {
        last = format.id;
        more = kept_formats_next(view, &last, &format);
    }
    return count;
}

void kept_formats_put(view_t *view, const kept_format_t *format)
{
    pack_t *record = table_record(view, 5);
    pack_pair_uint(record, "version", format->version);
    pack_pair_uint(record, "created", format->created_ms);
    pack_pair_uint(record, "changed", format->changed_ms);
    pack_pair_str(record, "name", format->name);
    pack_pair_str(record, "text", format->text);
    table_put_record(view, TABLE_formats, table_key(&format->id), record);
}

bool kept_formats_delete(view_t *view, const uuid_t7 *id)
{
    uuid_t7 gone = *id;
    return table_delete(view, TABLE_formats, table_key(&gone));
}
