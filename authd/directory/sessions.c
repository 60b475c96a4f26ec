#include "authd/directory/sessions.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"

static bool s_read(slice_t key, slice_t bytes, session_t *session)
{
    fields_t fields = fields_begin(bytes);
    uuid_t7 id;
    if (key.len != UUID_BYTES)
        return false;
    memcpy(id.bytes, key.data, UUID_BYTES);
    *session = (session_t){.id = id};
    session->user = fields_uuid(&fields, "user");
    slice_t hash = fields_bytes(&fields, "hash");
    session->created_ms = fields_uint(&fields, "created", 0);
    session->used_ms = fields_uint(&fields, "used", 0);
    session->ends_ms = fields_uint(&fields, "ends", 0);
    session->from = fields_bytes(&fields, "from");
    if (hash.len != SESSION_HASH)
        return false;
    memcpy(session->hash, hash.data, SESSION_HASH);
    return true;
}

static void s_put(view_t *view, const session_t *session)
{
    pack_t *record = table_record(view, 6);
    pack_pair_bin(record, "user", session->user.bytes, UUID_BYTES);
    pack_pair_bin(record, "hash", session->hash, SESSION_HASH);
    pack_pair_uint(record, "created", session->created_ms);
    pack_pair_uint(record, "used", session->used_ms);
    pack_pair_uint(record, "ends", session->ends_ms);
    pack_pair_str(record, "from", session->from);
    table_put_record(view, TABLE_sessions, table_key(&session->id), record);
}

bool sessions_get(view_t *view, const uuid_t7 *id, session_t *session)
{
    uuid_t7 of = *id;
    slice_t bytes, key = table_key(&of);
    *session = (session_t){.from = slice("", 0)};
    return table_get(view, TABLE_sessions, key, &bytes) && s_read(key, bytes, session);
}

bool sessions_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, session_t *session)
{
    uuid_t7 id;
    return table_next_second(view, TABLE_sessions_by_user, user, after, &id) &&
           sessions_get(view, &id, session);
}

bool sessions_after(view_t *view, const uuid_t7 *after, session_t *session)
{
    slice_t key, bytes, past = after ? table_key(after) : slice("", 0);
    return table_next(view, TABLE_sessions, slice("", 0), past, &key, &bytes) &&
           s_read(key, bytes, session);
}

bool session_is_live(const session_t *session, uint64_t idle_ms, uint64_t now_ms)
{
    return now_ms < session->ends_ms && now_ms < session->used_ms + idle_ms;
}

/* Makes room for one more of USER's. */
static void s_make_room(view_t *view, const uuid_t7 *user)
{
    for (;;) {
        unsigned all = 0;
        session_t session, oldest = {.used_ms = UINT64_MAX};
        for (bool more = sessions_next(view, user, NULL, &session); more;
             more = sessions_next(view, user, &session.id, &session)) {
            all++;
            if (session.used_ms < oldest.used_ms)
                oldest = session;
        }
        if (all < SESSIONS_MOST)
            return;
        uuid_t7 id = oldest.id;
        sessions_delete(view, &id);
    }
}

void sessions_add(view_t *view, const session_t *session)
{
    uint8_t pair[TABLE_PAIR];
    s_make_room(view, &session->user);
    s_put(view, session);
    table_put_record(view, TABLE_sessions_by_user, table_pair(pair, &session->user, &session->id),
                     table_record(view, 0));
}

bool sessions_use(view_t *view, const uuid_t7 *id, uint64_t now_ms)
{
    session_t session;
    if (!sessions_get(view, id, &session))
        return false;
    session.used_ms = now_ms;
    s_put(view, &session);
    return true;
}

bool sessions_delete(view_t *view, const uuid_t7 *id)
{
    uint8_t pair[TABLE_PAIR];
    session_t session;
    if (!sessions_get(view, id, &session))
        return false;
    uuid_t7 user = session.user;
    table_delete(view, TABLE_sessions, table_key(id));
    return table_delete(view, TABLE_sessions_by_user, table_pair(pair, &user, id));
}

unsigned sessions_delete_all(view_t *view, const uuid_t7 *user)
{
    unsigned all = 0;
    session_t session;
    while (sessions_next(view, user, NULL, &session)) {
        uuid_t7 id = session.id;
        if (!sessions_delete(view, &id))
            break;
        all++;
    }
    return all;
}
