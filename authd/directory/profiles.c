#include "authd/directory/profiles.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

void profiles_get(view_t *view, const uuid_t7 *id, profile_t *profile)
{
    slice_t bytes;
    *profile =
        (profile_t){.name = slice("", 0), .description = slice("", 0), .picture = slice("", 0)};
    if (!table_get(view, TABLE_profiles, table_key(id), &bytes))
        return;
    fields_t fields = fields_begin(bytes);
    profile->name = fields_bytes(&fields, "name");
    profile->description = fields_bytes(&fields, "description");
    profile->picture = fields_bytes(&fields, "picture");
}

void profiles_put(view_t *view, const uuid_t7 *id, const profile_t *profile)
{
    pack_t *record = table_record(view, 3);
    pack_pair_str(record, "name", profile->name);
    pack_pair_str(record, "description", profile->description);
    pack_pair_str(record, "picture", profile->picture);
    table_put_record(view, TABLE_profiles, table_key(id), record);
}
