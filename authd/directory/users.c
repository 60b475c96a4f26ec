#include "authd/directory/users.h"

#include "authd/directory/fields.h"
#include "authd/directory/logins.h"
#include "authd/directory/mtokens.h"
#include "authd/directory/sessions.h"
#include "authd/directory/table.h"
#include "authd/directory/tokens.h"

#include <ctype.h>

const char *const user_role_names[USER_ROLES] = {"member", "admin", "owner"};

bool user_role_of(slice_t name, user_role_t *role)
{
    for (unsigned i = 0; i < USER_ROLES; i++)
        if (slice_is(name, user_role_names[i])) {
            *role = (user_role_t)i;
            return true;
        }
    return false;
}

/* The key of users_by_email; empty when TEXT cannot be an address. */
static slice_t s_email_key(slice_t text, char key[USER_EMAIL_MOST])
{
    if (text.len > USER_EMAIL_MOST)
        return slice("", 0);
    for (size_t i = 0; i < text.len; i++)
        key[i] = (char)tolower((unsigned char)text.data[i]);
    return slice(key, text.len);
}

static void s_read(const uuid_t7 *id, slice_t bytes, user_t *user)
{
    fields_t fields = fields_begin(bytes);
    user->id = *id;
    user->name = fields_bytes(&fields, "name");
    user->deleted_ms = fields_uint(&fields, "deleted", 0);
    user->email = fields_bytes(&fields, "email");
    user->created_ms = fields_uint(&fields, "created", 0);
    uint64_t role = fields_uint(&fields, "role", USER_MEMBER);
    user->role = role < USER_ROLES ? (user_role_t)role : USER_MEMBER;
    user->service = fields_uint(&fields, "service", 0) != 0;
}

static void s_put(view_t *view, const user_t *user)
{
    pack_t *record = table_record(view, 6);
    pack_pair_str(record, "name", user->name);
    pack_pair_uint(record, "deleted", user->deleted_ms);
    pack_pair_str(record, "email", user->email);
    pack_pair_uint(record, "created", user->created_ms);
    pack_pair_uint(record, "role", user->role);
    pack_pair_uint(record, "service", user->service);
    table_put_record(view, TABLE_users, table_key(&user->id), record);
}

bool users_get(view_t *view, const uuid_t7 *id, user_t *user)
{
    slice_t bytes;
    bool found = table_get(view, TABLE_users, table_key(id), &bytes);
    if (found)
        s_read(id, bytes, user);
    else
        *user = (user_t){.name = slice("", 0), .email = slice("", 0)};
    return found;
}

bool users_find(view_t *view, slice_t id_or_email, user_t *user)
{
    char key[USER_EMAIL_MOST];
    uuid_t7 id;
    slice_t bytes;
    if (uuid_parse(id_or_email.data, id_or_email.len, &id) != 0) {
        if (!table_get(view, TABLE_users_by_email, s_email_key(id_or_email, key), &bytes))
            return false;
        fields_t fields = fields_begin(bytes);
        id = fields_uuid(&fields, "id");
    }
    return users_get(view, &id, user) && user->deleted_ms == 0;
}

bool users_next(view_t *view, const uuid_t7 *after, user_t *user)
{
    slice_t key, bytes;
    slice_t past = after ? table_key(after) : slice("", 0);
    if (!table_next(view, TABLE_users, slice("", 0), past, &key, &bytes) || key.len != UUID_BYTES)
        return false;
    uuid_t7 id;
    memcpy(id.bytes, key.data, UUID_BYTES);
    s_read(&id, bytes, user);
    return true;
}

int users_add(view_t *view, const user_t *user)
{
    char text[USER_EMAIL_MOST];
    slice_t key = s_email_key(user->email, text), taken;
    if (table_get(view, TABLE_users_by_email, key, &taken))
        return -1;
    pack_t *record = table_record(view, 1);
    pack_pair_bin(record, "id", user->id.bytes, UUID_BYTES);
    table_put_record(view, TABLE_users_by_email, key, record);
    s_put(view, user);
    return 0;
}

void users_edit(view_t *view, const user_t *user)
{
    s_put(view, user);
}

unsigned users_owners(view_t *view)
{
    unsigned owners = 0;
    user_t user;
    for (bool more = users_next(view, NULL, &user); more; more = users_next(view, &user.id, &user))
        owners += user.deleted_ms == 0 && user.role == USER_OWNER;
    return owners;
}

void users_deactivate(view_t *view, const uuid_t7 *id, uint64_t now_ms)
{
    char text[USER_EMAIL_MOST];
    user_t user;
    token_t token;
    if (!users_get(view, id, &user) || user.deleted_ms != 0)
        return;
    slice_t key = s_email_key(user.email, text);
    user.deleted_ms = now_ms;
    s_put(view, &user);
    table_delete(view, TABLE_users_by_email, key);
    while (tokens_next(view, id, NULL, &token) && tokens_delete(view, &token.id))
        ;
    sessions_delete_all(view, id);
    logins_delete(view, id);
    mtokens_delete_all(view, id);
}
