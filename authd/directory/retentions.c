#include "authd/directory/retentions.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

#include <string.h>

static void s_read(slice_t key, slice_t bytes, kept_retention_t *kept)
{
    fields_t fields = fields_begin(bytes);
    memcpy(kept->target.bytes, key.data, UUID_BYTES);
    kept->kind = (op_owner_t)fields_uint(&fields, "kind", OWNER_CHANNEL);
    kept->version = fields_uint(&fields, "version", 0);
    kept->days = fields_uint(&fields, "days", 0);
    kept->messages = fields_uint(&fields, "messages", 0);
    kept->bytes = fields_uint(&fields, "bytes", 0);
}

bool retentions_get(view_t *view, const uuid_t7 *target, kept_retention_t *kept)
{
    slice_t bytes, key = table_key(target);
    *kept = (kept_retention_t){.target = *target};
    if (!table_get(view, TABLE_retentions, key, &bytes))
        return false;
    s_read(key, bytes, kept);
    return true;
}

bool retentions_next(view_t *view, const uuid_t7 *after, kept_retention_t *kept)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, TABLE_retentions, slice("", 0), past, &key, &bytes) ||
        key.len != UUID_BYTES)
        return false;
    s_read(key, bytes, kept);
    return true;
}

void retentions_put(view_t *view, kept_retention_t *kept, uint64_t now_ms)
{
    kept->version = now_ms > kept->version ? now_ms : kept->version + 1;
    pack_t *record = table_record(view, 5);
    pack_pair_uint(record, "kind", kept->kind);
    pack_pair_uint(record, "version", kept->version);
    pack_pair_uint(record, "days", kept->days);
    pack_pair_uint(record, "messages", kept->messages);
    pack_pair_uint(record, "bytes", kept->bytes);
    table_put_record(view, TABLE_retentions, table_key(&kept->target), record);
}
