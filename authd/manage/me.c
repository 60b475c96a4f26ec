/* What a caller is told of itself: who it is, what it may do, and how much of it. */
#include "authd/directory/logins.h"
#include "authd/directory/mtokens.h"
#include "authd/directory/places.h"
#include "authd/directory/tokens.h"
#include "authd/manage/known.h"
#include "authd/manage/page.h"
#include "authd/manage/rights.h"
#include "authd/manage/session_begin.h"
#include "authd/manage/token_args.h"

/* What the role may do, by operation; what is not there it may not. */
static json_t *s_rights(user_role_t role)
{
    json_t *all = json_object();
    for (size_t i = 0; i < op_table_len; i++) {
        const op_t *op = &op_table[i];
        right_level_t level = rights_level(op->number, role);
        if (op->credentials == CRED_ADMIN && level != MAY_NO)
            json_object_set_new(all, op->name, json_string(right_level_name(level)));
    }
    return all;
}

/* objects: null where there is no limit. */
static json_t *s_limits(const task_t *task, const user_t *user)
{
    uint64_t objects = task->actor->role == USER_MEMBER ? task->limits->member_objects : 0;
    return json_pack("{s:i, s:i, s:i, s:i, s:o, s:i, s:i, s:i, s:i, s:i}", "tokens",
                     token_most(task, user), "tokens_kept", TOKENS_KEPT, "management_tokens",
                     MTOKENS_MOST, "sessions", SESSIONS_MOST, "objects",
                     objects ? json_integer((json_int_t)objects) : json_null(), "page", PAGE_MOST,
                     "token_targets", TERMS_TARGETS, "token_networks", TERMS_NETWORKS,
                     "password_least", PASSWORD_LEAST, "password_most", PASSWORD_MOST);
}

static json_t *s_session(task_t *task)
{
    session_t session;
    if (uuid_is_nil(&task->actor->session) ||
        !sessions_get(task->view, &task->actor->session, &session))
        return json_null();
    return session_json(&session, task->accounts->idle_ms);
}

static json_t *s_json(task_t *task, const user_t *user)
{
    login_t login;
    json_t *all = task_json_user(user);
    logins_get(task->view, &user->id, &login);
    json_object_set_new(all, "totp", json_boolean(login.totp.len > 0));
    json_object_set_new(all, "active_tokens",
                        json_integer(tokens_active(task->view, &user->id, task->now_ms)));
    json_object_set_new(all, "session", s_session(task));
    json_object_set_new(all, "limits", s_limits(task, user));
    return all;
}

/* Whoever opened the control socket is no user. */
static error_code_t s_me(task_t *task)
{
    user_t user;
    if (users_get(task->view, &task->actor->user, &user))
        task->result = s_json(task, &user);
    else
        task->result = json_pack("{s:s, s:s}", "name", task->actor->who, "role",
                                 user_role_names[task->actor->role]);
    json_object_set_new(task->result, "rights", s_rights(task->actor->role));
    return ERROR_none;
}

const task_row_t manage_me[] = {
    {OP_me_show, s_me, {{0}}},
    {0},
};
