#include "authd/directory/audit.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

enum { KEY = 8 };

static slice_t s_key(uint64_t number, uint8_t key[KEY])
{
    for (int i = KEY - 1; i >= 0; i--, number >>= 8)
        key[i] = (uint8_t)number;
    return slice(key, KEY);
}

static uint64_t s_number(slice_t key)
{
    uint64_t number = 0;
    for (size_t i = 0; i < key.len && i < KEY; i++)
        number = number << 8 | (uint8_t)key.data[i];
    return number;
}

uint64_t audit_last(view_t *view)
{
    slice_t last;
    return table_last(view, TABLE_audit, &last) ? s_number(last) : 0;
}

void audit_add(view_t *view, const audit_t *row)
{
    uint8_t key[KEY];
    uint64_t number = audit_last(view) + 1;
    bool keyed = !uuid_is_nil(&row->key);
    pack_t *record = table_record(view, keyed ? 8 : 7);
    pack_pair_uint(record, "time", row->time_ms);
    pack_pair_str(record, "who", row->who);
    pack_pair_str(record, "op", row->op);
    pack_pair_str(record, "object", row->object);
    pack_pair_str(record, "from", row->from);
    pack_pair_str(record, "changes", row->changes);
    pack_pair_bin(record, "request", row->request.bytes, UUID_BYTES);
    if (keyed)
        pack_pair_bin(record, "key", row->key.bytes, UUID_BYTES);
    table_put_record(view, TABLE_audit, s_key(number, key), record);
}

bool audit_next(view_t *view, uint64_t number, audit_t *row)
{
    uint8_t past[KEY];
    slice_t key, bytes;
    slice_t after = number ? s_key(number, past) : slice("", 0);
    if (!table_next(view, TABLE_audit, slice("", 0), after, &key, &bytes))
        return false;
    fields_t fields = fields_begin(bytes);
    row->number = s_number(key);
    row->time_ms = fields_uint(&fields, "time", 0);
    row->who = fields_bytes(&fields, "who");
    row->op = fields_bytes(&fields, "op");
    row->object = fields_bytes(&fields, "object");
    row->from = fields_bytes(&fields, "from");
    row->changes = fields_bytes(&fields, "changes");
    row->request = fields_uuid(&fields, "request");
    row->key = fields_uuid(&fields, "key");
    return true;
}

bool audit_has(view_t *view, const uuid_t7 *request, uint64_t rows)
{
    audit_t row = {.number = audit_last(view)};
    row.number = row.number > rows ? row.number - rows : 0;
    while (audit_next(view, row.number, &row))
        if (uuid_eq(&row.request, request))
            return true;
    return false;
}
