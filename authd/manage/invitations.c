/* Invitations: a link that is shown once and sets a password, for a new user or for one who is
 * there and has lost it; or that signs in who is there, once. */
#include "authd/directory/invitations.h"
#include "authd/directory/sessions.h"
#include "authd/manage/attempt.h"
#include "authd/manage/page.h"
#include "authd/manage/rights.h"
#include "authd/manage/session_begin.h"

#include "common/base/secret.h"

#include <stdio.h>
#include <string.h>

enum {
    ENDS_LEAST_S = 60,
    ENDS_MOST_S = 30 * 86400,
    ENDS_S = 7 * 86400,
    SIGN_IN_MOST_S = 3600,
    SIGN_IN_S = 900,
    LINK = 512
};

static json_t *s_json(const task_t *task, const invitation_t *invitation)
{
    bool known = !uuid_is_nil(&invitation->user), by = !uuid_is_nil(&invitation->by);
    return json_pack("{s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "id",
                     task_json_id(&invitation->id), "email", task_json_text(invitation->email),
                     "role", user_role_names[invitation->role], "signs_in", invitation->signs_in,
                     "user", known ? task_json_id(&invitation->user) : json_null(), "by",
                     by ? task_json_id(&invitation->by) : json_null(), "by_name",
                     by ? task_json_name(task, &invitation->by) : json_null(), "created",
                     task_json_time(invitation->created_ms), "expires",
                     task_json_time(invitation->ends_ms));
}

/* A link gives whoever has it the account: so it is made only for those whose role is below one's
 * own, unless one is an owner. */
static error_code_t s_for_user(task_t *task, const user_t *user, invitation_t *invitation)
{
    slice_t role = task_text(task, "role");
    if (task->actor->role != USER_OWNER && user->role >= task->actor->role)
        return task_fail(task, ERROR_not_allowed,
                         "The user's role is not below your own: ask an owner.");
    if (role.len && !slice_is(role, user_role_names[user->role]))
        return task_because(task,
                            task_field(task, ERROR_conflict, "role",
                                       "the user is there, with the role %s. An edit changes it.",
                                       user_role_names[user->role]),
                            REASON_another_role);
    invitation->user = user->id;
    invitation->role = user->role;
    return ERROR_none;
}

/* Whoever opens the control socket can set a password and remove a second factor: so a link past
 * both gives away nothing more. */
static error_code_t s_signing_in(task_t *task, const invitation_t *invitation)
{
    if (!attempt_is_control(task))
        return task_fail(task, ERROR_not_allowed,
                         "A link that signs in is made over the control socket alone: posternctl "
                         "login-link EMAIL.");
    if (uuid_is_nil(&invitation->user))
        return task_gone(task, ERROR_unknown_user, "email: no user has this address.");
    if (task_uint(task, "expires_in", 0) > SIGN_IN_MOST_S)
        return task_field(task, ERROR_invalid_param, "expires_in",
                          "is %u at most for a link that signs in.", SIGN_IN_MOST_S);
    return ERROR_none;
}

/* TEXT behind the #, so that no server and no log on the way sees it. */
static void s_show_link(task_t *task, const invitation_t *invitation, const char *text)
{
    char link[LINK];
    snprintf(link, sizeof link, "%s/#%s=%s", task->accounts->url,
             invitation->signs_in ? "sign-in" : "invitation", text);
    json_object_set_new(task->result, "link", json_string(link));
    json_object_set_new(task->result, "invitation", json_string(text));
    secret_wipe(link, sizeof link);
}

/* Of its ticket the directory keeps a hash, and the answer shows the text. */
static void s_add(task_t *task, invitation_t *invitation)
{
    ticket_t ticket;
    char text[TICKET_TEXT];
    ticket_make(&ticket);
    invitation->id = ticket.id;
    ticket_hash(&ticket, invitation->hash);
    ticket_text(&ticket, TICKET_INVITATION, text);
    ticket_wipe(&ticket);
    invitations_add(task->view, invitation);
    task_object(task, &invitation->id, invitation->email);
    task->result = s_json(task, invitation);
    s_show_link(task, invitation, text);
    secret_wipe(text, sizeof text);
}

static error_code_t s_invite(task_t *task)
{
    user_t user;
    slice_t email = task_text(task, "email"), role = task_text(task, "role");
    bool signs_in = task_bool(task, "sign_in", false);
    uint64_t ends_s = task_uint(task, "expires_in", signs_in ? SIGN_IN_S : ENDS_S);
    invitation_t invitation = {.by = task->actor->user,
                               .email = email,
                               .name = task_text(task, "name"),
                               .signs_in = signs_in,
                               .created_ms = task->now_ms,
                               .ends_ms = task->now_ms + ends_s * 1000};
    if (!task_is_email(email))
        return task_field(task, ERROR_invalid_param, "email", "is not an email address.");
    if (role.len && !user_role_of(role, &invitation.role))
        return task_field(task, ERROR_invalid_param, "role", "must be member, admin or owner.");
    if (users_find(task->view, email, &user)) {
        error_code_t code = s_for_user(task, &user, &invitation);
        if (code != ERROR_none)
            return code;
    }
    if (signs_in) {
        error_code_t code = s_signing_in(task, &invitation);
        if (code != ERROR_none)
            return code;
    }
    s_add(task, &invitation);
    return ERROR_none;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    invitation_t invitation;
    error_code_t code = page_begin(&page, task, "invitations", PAGE_BY_EMAIL);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = invitations_next(task->view, page_after(&page), &invitation); more;
             more = invitations_next(task->view, &invitation.id, &invitation)) {
            page_key_t key = {invitation.email, 0};
            if (task->now_ms < invitation.ends_ms
                    ? page_wants(&page, &invitation.id, &key) &&
                          !page_add(&page, &invitation.id, s_json(task, &invitation))
                    : !page_skip(&page, &invitation.id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_revoke(task_t *task)
{
    uuid_t7 id;
    invitation_t invitation;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !invitations_get(task->view, &id, &invitation))
        return task_gone(task, ERROR_not_found, "There is no invitation with this id.");
    task_object(task, &id, invitation.email);
    task->result = s_json(task, &invitation);
    invitations_delete(task->view, &id);
    return ERROR_none;
}

/* Whether what the invitation was made for is still so: its maker may give the role, the address is
 * still nobody's, or the user still has the role. */
static bool s_holds(task_t *task, const invitation_t *invitation, user_t *user)
{
    user_t by;
    if (!uuid_is_nil(&invitation->by) &&
        (!users_get(task->view, &invitation->by, &by) || by.deleted_ms ||
         rights_level(OP_user_invite, by.role) == MAY_NO ||
         !rights_grant(by.role, invitation->role)))
        return false;
    bool there = users_find(task->view, invitation->email, user);
    if (uuid_is_nil(&invitation->user))
        return !there;
    return there && uuid_eq(&user->id, &invitation->user) && user->role == invitation->role;
}

/* The invitation that the body holds; the same answer for each that is none. */
static error_code_t s_find(task_t *task, invitation_t *invitation, user_t *user)
{
    ticket_t ticket;
    bool found = ticket_parse(task_text(task, "invitation"), TICKET_INVITATION, &ticket) == 0 &&
                 invitations_get(task->view, &ticket.id, invitation) &&
                 ticket_is(&ticket, invitation->hash) && task->now_ms < invitation->ends_ms &&
                 s_holds(task, invitation, user);
    ticket_wipe(&ticket);
    return found ? ERROR_none
                 : task_fail(task, ERROR_not_found,
                             "The invitation is unknown, used, revoked or has ended: ask for "
                             "another.");
}

static slice_t s_name(const task_t *task, const invitation_t *invitation)
{
    slice_t name = task_text(task, "name");
    if (name.len == 0)
        name = invitation->name;
    return name.len ? name : slice(invitation->email.data, strcspn(invitation->email.data, "@"));
}

/* Whoever holds one names it by its id; guesses of others are counted by their network. */
static error_code_t s_charge(task_t *task)
{
    ticket_t ticket;
    char id[UUID_TEXT] = "invitation";
    if (ticket_parse(task_text(task, "invitation"), TICKET_INVITATION, &ticket) == 0)
        uuid_text(&ticket.id, id);
    ticket_wipe(&ticket);
    return attempt_charge(task, slice_of(id), false);
}

static void s_ended(task_t *task, error_code_t code)
{
    attempt_ended(task, code == ERROR_not_found ? ERROR_invalid_login : code);
}

/* What a link that signs in needs: a browser, and no password. */
static error_code_t s_prepare_entry(task_t *task)
{
    if (task_text(task, "password").len)
        return task_field(task, ERROR_invalid_param, "password",
                          "is for a link that sets one. This one signs in.");
    return task_bool(task, "cookie", false)
               ? ERROR_none
               : task_field(task, ERROR_invalid_param, "cookie",
                            "must be true: this link signs in a browser.");
}

static error_code_t s_prepare(task_t *task)
{
    user_t user;
    invitation_t invitation;
    password_words_t words;
    error_code_t code = session_check_cookie(task);
    if (code == ERROR_none)
        code = s_charge(task);
    if (code == ERROR_none)
        code = s_find(task, &invitation, &user);
    if (code != ERROR_none)
        return code;
    if (invitation.signs_in)
        return s_prepare_entry(task);
    if (task_text(task, "password").len == 0)
        return task_missing(task, "password");
    bool known = !uuid_is_nil(&invitation.user);
    password_words(&words, invitation.email, known ? user.name : s_name(task, &invitation));
    attempt_job(task, invitation.email);
    hash_job_make(task->job, task_text(task, "password"), &words);
    return ERROR_none;
}

/* Makes the user where the address was nobody's, and finds it. */
static error_code_t s_user(task_t *task, const invitation_t *invitation, user_t *user)
{
    char email[USER_EMAIL_MOST], name[USER_NAME_MOST];
    if (!uuid_is_nil(&invitation->user))
        return ERROR_none;
    slice_t called = s_name(task, invitation);
    memcpy(email, invitation->email.data, invitation->email.len);
    memcpy(name, called.data, called.len);
    user_t made = {.name = slice(name, called.len),
                   .email = slice(email, invitation->email.len),
                   .role = invitation->role,
                   .created_ms = task->now_ms};
    uuid_new(&made.id);
    if (users_add(task->view, &made) != 0)
        return task_because(task, ERROR_conflict, REASON_taken);
    return users_get(task->view, &made.id, user) ? ERROR_none : ERROR_storage_full;
}

/* What a link leads to, before a password is typed. */
static error_code_t s_check(task_t *task)
{
    user_t user;
    login_t login = {.totp = slice("", 0)};
    invitation_t invitation;
    error_code_t code = s_find(task, &invitation, &user);
    if (code != ERROR_none)
        return code;
    bool exists = !uuid_is_nil(&invitation.user);
    slice_t name = exists ? user.name : s_name(task, &invitation);
    if (exists)
        logins_get(task->view, &user.id, &login);
    task->result =
        json_pack("{s:o, s:o, s:s, s:b, s:b, s:b, s:o}", "email", task_json_text(invitation.email),
                  "name", task_json_text(name), "role", user_role_names[invitation.role], "exists",
                  exists, "signs_in", invitation.signs_in, "second_factor", login.totp.len > 0,
                  "expires", task_json_time(invitation.ends_ms));
    return ERROR_none;
}

static void s_sign_in(task_t *task, const uuid_t7 *user)
{
    json_t *session = session_begin(task, user);
    json_object_set_new(task->result, "signed_in", json_true());
    json_object_set(task->result, "csrf", json_object_get(session, "csrf"));
    json_decref(session);
}

/* Once the password is set: where a cookie is asked for; but a second factor stays in effect. */
static void s_sign_in_after(task_t *task, const uuid_t7 *user)
{
    login_t login;
    logins_get(task->view, user, &login);
    if (task_bool(task, "cookie", false) && login.totp.len == 0)
        s_sign_in(task, user);
    else
        json_object_set_new(task->result, "signed_in", json_false());
}

static error_code_t s_set_password(task_t *task, const uuid_t7 *user)
{
    login_t login;
    logins_get(task->view, user, &login);
    error_code_t code = attempt_new_password(task, &login);
    if (code == ERROR_none)
        sessions_delete_all(task->view, user);
    return code;
}

static error_code_t s_accept(task_t *task)
{
    user_t user;
    invitation_t invitation;
    error_code_t code = s_find(task, &invitation, &user);
    if (code != ERROR_none)
        return code;
    uuid_t7 used = invitation.id;
    bool signs_in = invitation.signs_in;
    code = s_user(task, &invitation, &user);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    uuid_text(&id, task->who);
    task_object(task, &id, user.email);
    task->result = task_json_user(&user);
    code = signs_in ? ERROR_none : s_set_password(task, &id);
    if (code != ERROR_none)
        return code;
    invitations_delete(task->view, &used);
    if (signs_in)
        s_sign_in(task, &id);
    else
        s_sign_in_after(task, &id);
    return ERROR_none;
}

const task_row_t manage_invitations[] = {
    {OP_user_invite,
     s_invite,
     {{"email", FIELD_TEXT, true, 3, USER_EMAIL_MOST},
      {"name", FIELD_TEXT, false, 1, USER_NAME_MOST},
      {"role", FIELD_TEXT, false, 1, 16},
      {"sign_in", FIELD_BOOL, false, 0, 0},
      {"expires_in", FIELD_UINT, false, ENDS_LEAST_S, ENDS_MOST_S}}},
    {OP_invitation_list, s_list, {PAGE_FIELDS}},
    {OP_invitation_revoke, s_revoke, {{0}}},
    {OP_invitation_accept,
     s_accept,
     {{"invitation", FIELD_TEXT, true, 1, TASK_REFERENCE},
      {"password", FIELD_TEXT, false, PASSWORD_LEAST, PASSWORD_MOST},
      {"name", FIELD_TEXT, false, 1, USER_NAME_MOST},
      {"cookie", FIELD_BOOL, false, 0, 0}}},
    {OP_invitation_check, s_check, {{"invitation", FIELD_TEXT, true, 1, TASK_REFERENCE}}},
    {0},
};

const task_stage_t stages_invitations[] = {
    {OP_invitation_accept, s_prepare, s_ended},
    {OP_invitation_check, s_charge, s_ended},
    {0},
};
