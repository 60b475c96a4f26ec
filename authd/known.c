#include "authd/known.h"

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"

static bool s_share(view_t *view, place_kind_t kind, const uuid_t7 *a, const uuid_t7 *b)
{
    place_t place;
    for (bool more = places_next(view, kind, NULL, &place); more;
         more = places_next(view, kind, &place.id, &place))
        if (place_has(view, kind, &place.id, a) && place_has(view, kind, &place.id, b))
            return true;
    return false;
}

static bool s_is_known(const task_t *task, const uuid_t7 *user)
{
    const uuid_t7 *actor = &task->actor->user;
    return task->actor->role != USER_MEMBER || uuid_eq(actor, user) ||
           s_share(task->view, PLACE_CHANNEL, actor, user) ||
           s_share(task->view, PLACE_BOT, actor, user);
}

error_code_t known_user(task_t *task, slice_t id_or_email, const char *what, user_t *user)
{
    uuid_t7 id;
    if (task->actor->role != USER_MEMBER)
        return task_user(task, id_or_email, what, user);
    if (users_find(task->view, id_or_email, user) &&
        (uuid_parse(id_or_email.data, id_or_email.len, &id) == 0 || s_is_known(task, &user->id)))
        return ERROR_none;
    return task_fail(task, ERROR_unknown_user,
                     "%s: there is no active user with this id, nor one with this email address "
                     "with whom you share a channel or a bot. Name others by id, or ask an admin.",
                     what);
}

error_code_t known_quota(task_t *task, const uuid_t7 *owner)
{
    uint64_t most = task->limits->member_objects;
    if (task->actor->role != USER_MEMBER || most == 0)
        return ERROR_none;
    unsigned owned = places_owned(task->view, PLACE_CHANNEL, owner, (unsigned)most) +
                     places_owned(task->view, PLACE_BOT, owner, (unsigned)most) +
                     extensions_owned(task->view, owner, (unsigned)most);
    return owned < most ? ERROR_none : ERROR_quota_reached;
}
