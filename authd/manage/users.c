/* Operations on users and service accounts. */
#include "authd/directory/logins.h"
#include "authd/directory/places.h"
#include "authd/directory/tokens.h"
#include "authd/manage/filter.h"
#include "authd/manage/token_args.h"
#include "authd/manage/token_json.h"
#include "common/base/clock.h"

#include <string.h>

/* 1 to 80 of a-z, 0-9, -, _ and .: no @, so that it is no email address, and no id; nor "me", which
 * is whoever asks. */
static bool s_is_account(slice_t name)
{
    uuid_t7 id;
    bool good = name.len >= 1 && name.len <= 80 && uuid_parse(name.data, name.len, &id) != 0 &&
                !slice_is(name, "me");
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    }
    return good;
}

/* The argument "role"; what USER has when it is not given. */
static error_code_t s_role(task_t *task, user_t *user)
{
    slice_t role = task_text(task, "role");
    if (role.len && !user_role_of(role, &user->role))
        return task_field(task, ERROR_invalid_param, "role", "must be member, admin or owner.");
    if (role.len && user->service && user->role != USER_MEMBER)
        return task_field(task, ERROR_invalid_param, "role", "a service account is a member.");
    return ERROR_none;
}

static error_code_t s_add(task_t *task, user_t *user)
{
    uuid_new(&user->id);
    user->created_ms = task->now_ms;
    if (users_add(task->view, user) != 0)
        return task_because(task,
                            task_field(task, ERROR_conflict, user->service ? "account" : "email",
                                       "another user has this %s.",
                                       user->service ? "name" : "address"),
                            REASON_taken);
    task_object(task, &user->id, user->email);
    task->result = task_json_user(user);
    return ERROR_none;
}

static error_code_t s_create(task_t *task)
{
    slice_t email = task_text(task, "email"), name = task_text(task, "name");
    if (!task_is_email(email))
        return task_field(task, ERROR_invalid_param, "email", "is not an email address.");
    if (name.len == 0)
        name = slice(email.data, strcspn(email.data, "@"));
    user_t user = {.name = name, .email = email};
    error_code_t code = s_role(task, &user);
    return code == ERROR_none ? s_add(task, &user) : code;
}

static error_code_t s_service_create(task_t *task)
{
    slice_t account = task_text(task, "account"), name = task_text(task, "name");
    if (!s_is_account(account))
        return task_field(task, ERROR_invalid_param, "account",
                          "must be 1 to 80 of a-z, 0-9, - _ and ., and not me.");
    user_t user = {.name = name.len ? name : account, .email = account, .service = true};
    return s_add(task, &user);
}

/* The next that may be shown: all, or oneself alone. */
static bool s_next(task_t *task, const uuid_t7 *after, user_t *user)
{
    if (!task->only)
        return users_next(task->view, after, user);
    bool behind = !after || memcmp(after->bytes, task->only->bytes, UUID_BYTES) < 0;
    return behind && users_get(task->view, task->only, user);
}

/* state: "active" (without it), "deactivated" or "all". */
static error_code_t s_states(task_t *task, bool *active, bool *deactivated)
{
    slice_t state = task_text(task, "state");
    bool all = slice_is(state, "all"), gone = slice_is(state, "deactivated");
    *active = !gone;
    *deactivated = all || gone;
    if (state.len == 0 || all || gone || slice_is(state, "active"))
        return ERROR_none;
    return task_because(
        task, task_field(task, ERROR_invalid_param, "state", "must be active, deactivated or all."),
        REASON_shape);
}

/* A row of a list: with what tells whether an account is used, and how well it is kept. */
static json_t *s_listed(task_t *task, const user_t *user)
{
    login_t login;
    uuid_t7 id = user->id;
    json_t *all = task_json_user(user);
    logins_get(task->view, &id, &login);
    json_object_set_new(all, "last_login", task_json_time(login.last_ms));
    json_object_set_new(all, "totp", json_boolean(login.totp.len > 0));
    json_object_set_new(all, "active_tokens",
                        json_integer(tokens_active(task->view, &id, task->now_ms)));
    return all;
}

static page_key_t s_key(task_t *task, const page_t *page, const user_t *user)
{
    login_t login = {.last_ms = 0};
    page_key_t key = page_key_of_user(page, user);
    if (page->by == PAGE_BY_LAST_LOGIN)
        logins_get(task->view, &user->id, &login);
    key.used_ms = login.last_ms;
    return key;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    user_t user;
    bool active, deactivated;
    error_code_t code = s_states(task, &active, &deactivated);
    if (code == ERROR_none)
        code = page_begin(&page, task, task->of ? "accounts" : "users",
                          PAGE_BY_NAME |
                              (task->of ? PAGE_BY_ACCOUNT : PAGE_BY_EMAIL | PAGE_BY_LAST_LOGIN));
    if (code != ERROR_none)
        return code;
    do
        for (bool more = s_next(task, page_after(&page), &user); more;
             more = s_next(task, &user.id, &user)) {
            page_key_t key = s_key(task, &page, &user);
            bool shown = user.service == (bool)task->of &&
                         (user.deleted_ms ? deactivated : active) &&
                         (task_q(task, user.name) || task_q(task, user.email));
            if (shown ? page_wants(&page, &user.id, &key) &&
                            !page_add(&page, &user.id, s_listed(task, &user))
                      : !page_skip(&page, &user.id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_show(task_t *task)
{
    user_t user;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        task->result = task_json_user(&user);
    return code;
}

/* Somebody must be left who may do everything. */
static error_code_t s_check_last_owner(task_t *task, const user_t *user)
{
    if (user->role == USER_OWNER && users_owners(task->view) == 1)
        return task_because(
            task,
            task_fail(task, ERROR_conflict,
                      "This is the last owner: give another user the role owner first."),
            REASON_last_owner);
    return ERROR_none;
}

static error_code_t s_edit(task_t *task)
{
    user_t user;
    slice_t name = task_text(task, "name");
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code != ERROR_none)
        return code;
    user_t edited = user;
    code = s_role(task, &edited);
    if (code == ERROR_none && edited.role != user.role)
        code = s_check_last_owner(task, &user);
    if (code != ERROR_none)
        return code;
    if (name.len)
        edited.name = name;
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    task->before = task_json_user(&user);
    users_edit(task->view, &edited);
    if (name.len)
        tokens_rename(task->view, &id, name);
    users_get(task->view, &id, &user);
    task->result = task_json_user(&user);
    return ERROR_none;
}

/* The user's tokens that have not ended, with their use; *used: the one that was used last. */
static json_t *s_live_tokens(task_t *task, const uuid_t7 *user, token_use_t *used)
{
    json_t *rows = json_array();
    token_t token;
    *used = (token_use_t){.last_ms = 0};
    for (bool more = tokens_next(task->view, user, NULL, &token); more;
         more = tokens_next(task->view, user, &token.id, &token)) {
        token_use_t use = {.last_ms = 0};
        if (token_has_ended(&token, task->now_ms))
            continue;
        tokens_use(task->view, &token.id, &use);
        json_t *row = token_json(task->view, &token, task->rate, task->burst, task->now_ms);
        token_json_use(row, &use, task->now_ms);
        token_json_shorten(row);
        json_array_append_new(rows, row);
        if (use.last_ms > used->last_ms)
            *used = use;
    }
    return rows;
}

static error_code_t s_confirm(task_t *task, size_t live, const token_use_t *used)
{
    char at[CLOCK_TEXT];
    if (task_bool(task, "confirm", false) || used->last_ms == 0 ||
        task->now_ms >= used->last_ms + TOKEN_USED_LATELY_MS)
        return ERROR_none;
    clock_text((int64_t)used->last_ms, at);
    token_use_details(task, used);
    task_detail(task, "live", json_integer((json_int_t)live));
    return task_fail(
        task, ERROR_confirm_needed,
        "The user has %zu live tokens; one was used at %s from %.*s on %.*s: its sender "
        "would get 401. Repeat with move_to or confirm.",
        live, at, SLICE_ARG(used->address), SLICE_ARG(used->target));
}

/* Gives the live tokens to a service account, and the account the user's place among the people of
 * channels and bots: else what sends with them would get 403. */
static error_code_t s_move_tokens(task_t *task, const uuid_t7 *from, const user_t *account)
{
    token_t token;
    char name[USER_NAME_MOST];
    uuid_t7 to = account->id, ids[TOKENS_SERVICE_MOST + TOKENS_KEPT];
    unsigned most = token_most(task, account), room = sizeof ids / sizeof *ids;
    unsigned len = 0;
    size_t name_len = account->name.len;
    memcpy(name, account->name.data, name_len);
    for (bool more = tokens_next(task->view, from, NULL, &token); more && len < room;
         more = tokens_next(task->view, from, &token.id, &token))
        if (!token_has_ended(&token, task->now_ms))
            ids[len++] = token.id;
    for (unsigned i = 0; i < len; i++)
        tokens_move(task->view, &ids[i], &to, slice(name, name_len));
    if (tokens_active(task->view, &to, task->now_ms) > most)
        return task_field(task, ERROR_token_limit, "move_to",
                          "the account has not room for the user's tokens: at most %u "
                          "active ones.",
                          most);
    places_join(task->view, PLACE_CHANNEL, from, &to, task->now_ms);
    places_join(task->view, PLACE_BOT, from, &to, task->now_ms);
    return ERROR_none;
}

/* The account that the tokens are for; none: they are stopped. */
static error_code_t s_dispose(task_t *task, const uuid_t7 *user, size_t live,
                              const token_use_t *used)
{
    user_t account;
    slice_t name = task_text(task, "move_to");
    if (name.len == 0)
        return s_confirm(task, live, used);
    error_code_t code = task_user(task, name, "move_to", &account);
    if (code == ERROR_none && (!account.service || uuid_eq(&account.id, user)))
        return task_field(task, ERROR_invalid_param, "move_to", "is not another service account.");
    if (code != ERROR_none)
        return code;
    json_object_set_new(task->result, "moved_to", task_json_user(&account));
    return s_move_tokens(task, user, &account);
}

static error_code_t s_delete(task_t *task)
{
    user_t user;
    token_use_t used;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        code = s_check_last_owner(task, &user);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    json_t *live = s_live_tokens(task, &id, &used);
    task->result = task_json_user(&user);
    json_object_set_new(task->result, "tokens", live);
    json_object_set_new(task->result, "moved_to", json_null());
    code = s_dispose(task, &id, json_array_size(live), &used);
    if (code == ERROR_none)
        users_deactivate(task->view, &id, task->now_ms);
    return code;
}

const task_row_t manage_users[] = {
    {OP_user_create,
     s_create,
     {{"name", FIELD_TEXT, false, 1, USER_NAME_MOST},
      {"email", FIELD_TEXT, true, 3, USER_EMAIL_MOST},
      {"role", FIELD_TEXT, false, 1, 16}}},
    {OP_user_list, s_list, {PAGE_Q, {"state", FIELD_TEXT, false, 1, 16}}},
    {OP_user_show, s_show, {{0}}},
    {OP_user_edit,
     s_edit,
     {{"name", FIELD_TEXT, false, 1, USER_NAME_MOST}, {"role", FIELD_TEXT, false, 1, 16}}},
    {OP_user_delete,
     s_delete,
     {{"move_to", FIELD_TEXT, false, 1, TASK_REFERENCE}, {"confirm", FIELD_BOOL, false, 0, 0}}},
    {0},
};

const task_row_t manage_services[] = {
    {OP_service_create,
     s_service_create,
     {{"account", FIELD_TEXT, true, 1, TASK_REFERENCE},
      {"name", FIELD_TEXT, false, 1, USER_NAME_MOST}}},
    {OP_service_list, s_list, {PAGE_Q, {"state", FIELD_TEXT, false, 1, 16}}},
    {0},
};
