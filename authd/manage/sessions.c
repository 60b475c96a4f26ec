/* Logging in and out, and the sessions of users. */
#include "authd/directory/sessions.h"
#include "authd/accounts/totp.h"
#include "authd/manage/attempt.h"
#include "authd/manage/page.h"
#include "authd/manage/session_begin.h"
#include "common/base/secret.h"
#include "common/monitor/monitor.h"

#include <stdlib.h>
#include <string.h>

json_t *session_json(const session_t *session, uint64_t idle_ms)
{
    uint64_t idle = session->used_ms + idle_ms;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", task_json_id(&session->id), "user",
                     task_json_id(&session->user), "created", task_json_time(session->created_ms),
                     "used", task_json_time(session->used_ms), "expires",
                     task_json_time(idle < session->ends_ms ? idle : session->ends_ms), "from",
                     task_json_text(session->from));
}

/* A person by its email address: who may log in. LOGIN is empty where it is nobody. */
static bool s_person(task_t *task, user_t *user, login_t *login)
{
    slice_t email = task_text(task, "email");
    if (!task_is_email(email) || !users_find(task->view, email, user) || user->service)
        return false;
    logins_get(task->view, &user->id, login);
    uuid_text(&user->id, task->who);
    return true;
}

/* A stranger's attempt takes the same way as a wrong password. */
static error_code_t s_login_prepare(task_t *task)
{
    user_t user;
    login_t login;
    error_code_t code = session_check_cookie(task);
    if (code != ERROR_none)
        return code;
    bool there = s_person(task, &user, &login);
    return attempt_begin(task, task_text(task, "email"), there ? &login : NULL,
                         task_text(task, "password"));
}

/* A recovery code that is left: takes it out of LOGIN's, which are then in CODES. */
static bool s_use_recovery(login_t *login, slice_t code, uint8_t codes[LOGIN_CODES * LOGIN_CODE])
{
    uint8_t hash[LOGIN_CODE];
    size_t len = 0;
    bool found = false;
    if (recovery_hash(code, hash) != 0 || login->codes.len > LOGIN_CODES * LOGIN_CODE)
        return false;
    for (size_t at = 0; at + LOGIN_CODE <= login->codes.len; at += LOGIN_CODE) {
        const char *one = login->codes.data + at;
        if (secret_eq(one, LOGIN_CODE, hash, LOGIN_CODE)) {
            found = true;
            continue;
        }
        memcpy(codes + len, one, LOGIN_CODE);
        len += LOGIN_CODE;
    }
    login->codes = slice(codes, len);
    return found;
}

/* The second factor, where the account has one. */
static error_code_t s_second(task_t *task, login_t *login, uint8_t codes[LOGIN_CODES * LOGIN_CODE])
{
    slice_t code = task_text(task, "code");
    if (login->totp.len == 0)
        return ERROR_none;
    if (code.len == 0)
        return ERROR_code_required;
    return s_use_recovery(login, code, codes) ? ERROR_none : attempt_code(task, login, code);
}

/* As a cookie no script of the page sees the session; what the page needs for changes it does. */
static void s_show_secret(task_t *task, const ticket_t *ticket, json_t *shown)
{
    char text[TICKET_TEXT], csrf[TICKET_CSRF];
    ticket_csrf(ticket, csrf);
    json_object_set_new(shown, "csrf", json_string(csrf));
    secret_wipe(csrf, sizeof csrf);
    if (task_bool(task, "cookie", false)) {
        task->cookie = malloc(sizeof *task->cookie);
        if (!task->cookie)
            abort();
        task->cookie->ticket = *ticket;
        task->cookie->seconds = task->accounts->session_ms / 1000;
        return;
    }
    ticket_text(ticket, TICKET_SESSION, text);
    json_object_set_new(shown, "session", json_string(text));
    secret_wipe(text, sizeof text);
}

static void s_note_login(task_t *task, const uuid_t7 *user)
{
    login_t login;
    logins_get(task->view, user, &login);
    login.last_ms = task->now_ms;
    logins_put(task->view, &login);
}

json_t *session_begin(task_t *task, const uuid_t7 *user)
{
    ticket_t ticket;
    accounts_t *accounts = task->accounts;
    ticket_make(&ticket);
    session_t session = {.id = ticket.id,
                         .user = *user,
                         .created_ms = task->now_ms,
                         .used_ms = task->now_ms,
                         .ends_ms = task->now_ms + accounts->session_ms,
                         .from = slice_of(task->actor->from)};
    ticket_hash(&ticket, session.hash);
    sessions_add(task->view, &session);
    s_note_login(task, user);
    if (!task->object[0])
        task_object(task, &session.id, slice("", 0));
    json_t *shown = session_json(&session, accounts->idle_ms);
    s_show_secret(task, &ticket, shown);
    ticket_wipe(&ticket);
    return shown;
}

error_code_t session_check_cookie(task_t *task)
{
    if (!task_bool(task, "cookie", false) || task->cookies)
        return ERROR_none;
    return task_field(task, ERROR_invalid_param, "cookie",
                      "only an answer over HTTP can set one. Leave it out.");
}

static error_code_t s_login(task_t *task)
{
    user_t user;
    login_t login;
    char networks[LOGIN_NETWORKS_TEXT];
    uint8_t codes[LOGIN_CODES * LOGIN_CODE];
    if (!s_person(task, &user, &login))
        return ERROR_invalid_login;
    error_code_t code = attempt_matched(task, &login);
    if (code == ERROR_none)
        code = s_second(task, &login, codes);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    json_t *shown = task_json_user(&user);
    if (hash_job_made(task->job)[0])
        login.password = slice_of(hash_job_made(task->job));
    login.networks = login_learn(&login, task->network, networks);
    logins_put(task->view, &login);
    task->result = session_begin(task, &id);
    json_object_set_new(task->result, "user", shown);
    json_object_set_new(task->result, "codes_left",
                        login.totp.len ? json_integer((json_int_t)(login.codes.len / LOGIN_CODE))
                                       : json_null());
    return ERROR_none;
}

static void s_login_ended(task_t *task, error_code_t code)
{
    metric_add_at(METRIC_logins_total, code, 1);
    attempt_ended(task, code);
}

static error_code_t s_who(task_t *task, accounts_who_t *who)
{
    return accounts_find(task->accounts->idle_ms, task->view, task_text(task, "session"),
                         task->now_ms, who) == 0
               ? ERROR_none
               : task_because(task, ERROR_invalid_session, REASON_ended);
}

static error_code_t s_logout(task_t *task)
{
    accounts_who_t who;
    session_t session;
    error_code_t code = s_who(task, &who);
    if (code != ERROR_none)
        return code;
    sessions_get(task->view, &who.ticket.id, &session);
    task_object(task, &who.ticket.id, slice("", 0));
    memcpy(task->who, who.who, sizeof task->who);
    task->result = session_json(&session, task->accounts->idle_ms);
    sessions_delete(task->view, &who.ticket.id);
    ticket_wipe(&who.ticket);
    return ERROR_none;
}

/* The session with its user (the whole) and its CSRF token. */
static json_t *s_json_shown(task_t *task, const accounts_who_t *who)
{
    session_t session;
    user_t user;
    char csrf[TICKET_CSRF];
    sessions_get(task->view, &who->ticket.id, &session);
    users_get(task->view, &who->user, &user);
    ticket_csrf(&who->ticket, csrf);
    json_t *all = session_json(&session, task->accounts->idle_ms);
    json_object_set_new(all, "user", task_json_user(&user));
    json_object_set_new(all, "csrf", json_string(csrf));
    secret_wipe(csrf, sizeof csrf);
    return all;
}

static error_code_t s_show(task_t *task)
{
    accounts_who_t who;
    error_code_t code = s_who(task, &who);
    if (code != ERROR_none)
        return code;
    task->result = s_json_shown(task, &who);
    ticket_wipe(&who.ticket);
    return ERROR_none;
}

/* For a page that asks before it shows its login: nobody is no error. */
static error_code_t s_now(task_t *task)
{
    accounts_who_t who;
    if (s_who(task, &who) != ERROR_none) {
        task->result = json_pack("{s:n}", "session");
        return ERROR_none;
    }
    task->result = json_pack("{s:o}", "session", s_json_shown(task, &who));
    ticket_wipe(&who.ticket);
    return ERROR_none;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    user_t user;
    session_t session;
    uint64_t idle_ms = task->accounts->idle_ms;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        code = page_begin(&page, task, "sessions", PAGE_BY_LAST_USED);
    if (code != ERROR_none)
        return code;
    page.plain = true;
    do
        for (bool more = sessions_next(task->view, &user.id, page_after(&page), &session); more;
             more = sessions_next(task->view, &user.id, &session.id, &session)) {
            page_key_t key = {.used_ms = session.used_ms};
            if (session_is_live(&session, idle_ms, task->now_ms)
                    ? page_wants(&page, &session.id, &key) &&
                          !page_add(&page, &session.id, session_json(&session, idle_ms))
                    : !page_skip(&page, &session.id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_revoke(task_t *task)
{
    uuid_t7 id;
    session_t session;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !sessions_get(task->view, &id, &session))
        return task_gone(task, ERROR_not_found, "There is no session with this id.");
    task_object(task, &id, slice("", 0));
    task->result = session_json(&session, task->accounts->idle_ms);
    sessions_delete(task->view, &id);
    return ERROR_none;
}

static error_code_t s_end_all(task_t *task)
{
    user_t user;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    task->result = task_json_user(&user);
    json_object_set_new(task->result, "sessions_ended",
                        json_integer(sessions_delete_all(task->view, &id)));
    return ERROR_none;
}

const task_row_t manage_sessions[] = {
    {OP_login,
     s_login,
     {{"email", FIELD_TEXT, true, 1, USER_EMAIL_MOST},
      {"password", FIELD_TEXT, true, 1, PASSWORD_MOST},
      {"code", FIELD_TEXT, false, 1, 64},
      {"cookie", FIELD_BOOL, false, 0, 0}}},
    {OP_logout, s_logout, {{"session", FIELD_TEXT, true, 1, TASK_REFERENCE}}},
    {OP_session_show, s_show, {{"session", FIELD_TEXT, true, 1, TASK_REFERENCE}}},
    {OP_session_now, s_now, {{"session", FIELD_TEXT, false, 1, TASK_REFERENCE}}},
    {OP_session_list, s_list, {PAGE_FIELDS}},
    {OP_session_revoke, s_revoke, {{0}}},
    {OP_session_end, s_end_all, {{0}}},
    {0},
};

const task_stage_t stages_sessions[] = {
    {OP_login, s_login_prepare, s_login_ended},
    {0},
};
