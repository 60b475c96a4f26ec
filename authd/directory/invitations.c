#include "authd/directory/invitations.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

static bool s_read(slice_t key, slice_t bytes, invitation_t *invitation)
{
    fields_t fields = fields_begin(bytes);
    uuid_t7 id;
    if (key.len != UUID_BYTES)
        return false;
    memcpy(id.bytes, key.data, UUID_BYTES);
    *invitation = (invitation_t){.id = id};
    slice_t hash = fields_bytes(&fields, "hash");
    invitation->user = fields_uuid(&fields, "user");
    invitation->by = fields_uuid(&fields, "by");
    uint64_t role = fields_uint(&fields, "role", USER_MEMBER);
    invitation->role = role < USER_ROLES ? (user_role_t)role : USER_MEMBER;
    invitation->email = fields_bytes(&fields, "email");
    invitation->name = fields_bytes(&fields, "name");
    invitation->signs_in = fields_uint(&fields, "signs_in", 0) != 0;
    invitation->created_ms = fields_uint(&fields, "created", 0);
    invitation->ends_ms = fields_uint(&fields, "ends", 0);
    if (hash.len != INVITATION_HASH)
        return false;
    memcpy(invitation->hash, hash.data, INVITATION_HASH);
    return true;
}

bool invitations_get(view_t *view, const uuid_t7 *id, invitation_t *invitation)
{
    slice_t bytes, key = table_key(id);
    return table_get(view, TABLE_invitations, key, &bytes) && s_read(key, bytes, invitation);
}

bool invitations_next(view_t *view, const uuid_t7 *after, invitation_t *invitation)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    return table_next(view, TABLE_invitations, slice("", 0), past, &key, &bytes) &&
           s_read(key, bytes, invitation);
}

void invitations_add(view_t *view, const invitation_t *invitation)
{
    pack_t *record = table_record(view, 9);
    pack_pair_bin(record, "hash", invitation->hash, INVITATION_HASH);
    pack_pair_bin(record, "user", invitation->user.bytes, UUID_BYTES);
    pack_pair_bin(record, "by", invitation->by.bytes, UUID_BYTES);
    pack_pair_uint(record, "role", invitation->role);
    pack_pair_str(record, "email", invitation->email);
    pack_pair_str(record, "name", invitation->name);
    pack_pair_uint(record, "signs_in", invitation->signs_in);
    pack_pair_uint(record, "created", invitation->created_ms);
    pack_pair_uint(record, "ends", invitation->ends_ms);
    table_put_record(view, TABLE_invitations, table_key(&invitation->id), record);
}

bool invitations_delete(view_t *view, const uuid_t7 *id)
{
    return table_delete(view, TABLE_invitations, table_key(id));
}
