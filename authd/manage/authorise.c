#include "authd/manage/authorise.h"

#include "authd/directory/extensions.h"
#include "authd/directory/mtokens.h"
#include "authd/directory/outlets.h"
#include "authd/directory/places.h"
#include "authd/directory/sessions.h"
#include "authd/directory/tokens.h"
#include "authd/manage/known.h"
#include "authd/manage/rights.h"
#include "authd/manage/source_target.h"

static relation_t s_of_id(const task_t *task, const uuid_t7 *id)
{
    user_t user;
    if (uuid_eq(id, &task->actor->user))
        return RELATION_OWN;
    if (!users_get(task->view, id, &user) || user.deleted_ms)
        return RELATION_OTHER;
    if (user.service)
        return RELATION_SERVICE;
    return user.role < task->actor->role ? RELATION_LOWER : RELATION_OTHER;
}

static relation_t s_of_user(const task_t *task, slice_t id_or_email)
{
    user_t user;
    known_find(task->view, id_or_email, &user);
    return s_of_id(task, &user.id);
}

static relation_t s_of_token(const task_t *task)
{
    uuid_t7 id;
    token_t token;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !tokens_find(task->view, &id, &token))
        return RELATION_OTHER;
    return s_of_id(task, &token.user);
}

static relation_t s_of_session(const task_t *task)
{
    uuid_t7 id;
    session_t session;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !sessions_get(task->view, &id, &session))
        return RELATION_OTHER;
    return s_of_id(task, &session.user);
}

static relation_t s_of_management(const task_t *task)
{
    uuid_t7 id;
    mtoken_t token;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !mtokens_get(task->view, &id, &token))
        return RELATION_OTHER;
    return s_of_id(task, &token.user);
}

static relation_t s_of_place(const task_t *task, place_kind_t kind)
{
    place_t place;
    if (!places_find(task->view, kind, task->target, &place))
        return RELATION_OTHER;
    relation_t relation = s_of_id(task, &place.owner);
    if (relation != RELATION_OWN && place_has(task->view, kind, &place.id, &task->actor->user))
        return RELATION_AMONG;
    return relation;
}

static relation_t s_of_extension(const task_t *task)
{
    extension_t extension;
    if (!extensions_find(task->view, task->target, &extension))
        return RELATION_OTHER;
    return s_of_id(task, &extension.owner);
}

static relation_t s_of_source(task_t *task)
{
    source_t source;
    source_place_t place;
    bool found =
        source_target(task, &source) == ERROR_none && source_place(task->view, &source, &place);
    task->gone = false; /* that it is not there, only those are told who may do it */
    return found ? s_of_id(task, &place.owner) : RELATION_OTHER;
}

static relation_t s_of_outlet(const task_t *task)
{
    uuid_t7 id;
    outlet_t outlet;
    place_t channel;
    bool found = uuid_parse(task->target.data, task->target.len, &id) == 0 &&
                 outlets_get(task->view, &id, &outlet) && !outlet.gone &&
                 outlet_channel(task->view, &outlet, &channel);
    return found ? s_of_id(task, &channel.owner) : RELATION_OTHER;
}

static relation_t s_relation(task_t *task, object_t object)
{
    switch (object) {
    case OBJECT_NOTHING:
        return RELATION_OTHER;
    case OBJECT_OWNER:
        return s_of_user(task, task_text(task, "owner"));
    case OBJECT_USER:
        return s_of_user(task, task->target);
    case OBJECT_TOKEN:
        return s_of_token(task);
    case OBJECT_SESSION:
        return s_of_session(task);
    case OBJECT_CHANNEL:
        return s_of_place(task, PLACE_CHANNEL);
    case OBJECT_BOT:
        return s_of_place(task, PLACE_BOT);
    case OBJECT_EXTENSION:
        return s_of_extension(task);
    case OBJECT_MANAGEMENT:
        return s_of_management(task);
    case OBJECT_SOURCE:
        return s_of_source(task);
    case OBJECT_OUTLET:
        return s_of_outlet(task);
    }
    return RELATION_OTHER;
}

/* The limits of tokens are for those who look after the whole. */
static bool s_sets_limit(const task_t *task)
{
    return json_object_get(task->args, "rate") || json_object_get(task->args, "burst");
}

/* A role may be given up to one's own; an owner by the control socket is nobody's lesser. */
static bool s_grants_too_much(const task_t *task)
{
    user_role_t role;
    return user_role_of(task_text(task, "role"), &role) && !rights_grant(task->actor->role, role);
}

/* The lowest role that may do OP with anybody's. */
static user_role_t s_least_role(const op_t *op)
{
    user_role_t role = USER_MEMBER;
    while (role < USER_OWNER && rights_level(op->number, role) != MAY_ANY)
        role++;
    return role;
}

error_code_t authorise(task_t *task, const op_t *op)
{
    user_role_t role = task->actor->role;
    object_t object = rights_object(op->number);
    relation_t relation = RELATION_OTHER;
    if (rights_level(op->number, role) == MAY_ANY) {
        if (!s_grants_too_much(task))
            return ERROR_none;
    } else if (object == OBJECT_NOTHING && rights_level(op->number, role) == MAY_OWN) {
        task->only = &task->actor->user;
        return ERROR_none;
    } else {
        relation = s_relation(task, object);
        if (rights_allow(op->number, role, relation) && !s_grants_too_much(task) &&
            (!s_sets_limit(task) || rights_allow(OP_token_limit, role, relation)))
            return ERROR_none;
    }
    task_detail(task, "role", json_string(user_role_names[s_least_role(op)]));
    return task_fail(task, ERROR_not_allowed,
                     "The role %s may not do this here, or there is no such object.",
                     user_role_names[role]);
}
