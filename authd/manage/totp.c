/* The second factor of a user: begun with a secret that is shown once, in effect when a code of it
 * came back. Its own user gives the password with each change; an owner may remove another's, and
 * make recovery codes for it. */
#include "authd/accounts/totp.h"
#include "authd/manage/attempt.h"
#include "common/base/secret.h"
#include "common/base/url.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert((int)LOGIN_SECRET == (int)TOTP_SECRET, "the secret that is kept");
static_assert((int)LOGIN_CODE == (int)RECOVERY_HASH && (int)LOGIN_CODES == (int)RECOVERY_CODES,
              "the recovery codes that are kept");

#define PENDING_MS (UINT64_C(15) * 60 * 1000) /* how long a begun one can be confirmed */

static error_code_t s_find(task_t *task, user_t *user, login_t *login)
{
    error_code_t code = task_user(task, task->target, "target", user);
    if (code == ERROR_none && user->service)
        code =
            task_field(task, ERROR_invalid_param, "target", "nobody logs in as a service account.");
    if (code == ERROR_none)
        logins_get(task->view, &user->id, login);
    return code;
}

/* The password of who asks for its own. */
static error_code_t s_prepare(task_t *task)
{
    user_t user;
    login_t login;
    slice_t password = task_text(task, "password");
    error_code_t code = s_find(task, &user, &login);
    if (code != ERROR_none || !attempt_is_own(task, &user.id) || login.password.len == 0)
        return code;
    uuid_text(&user.id, task->who);
    if (password.len == 0)
        return task_missing(task, "password");
    return attempt_begin(task, user.email, &login, password);
}

static error_code_t s_checked(task_t *task, const user_t *user, const login_t *login)
{
    if (task->job)
        return attempt_matched(task, login);
    /* A password that was set since prepare looked was not checked. */
    return attempt_is_own(task, &user->id) && login->password.len ? ERROR_conflict : ERROR_none;
}

/* otpauth://totp/Postern:EMAIL?…, which authenticators read as a QR code. */
static json_t *s_url(slice_t email, const char *base32)
{
    char label[2 * USER_EMAIL_MOST];
    snprintf(label, sizeof label, "Postern:%.*s", SLICE_ARG(email));
    char *url = url_under("otpauth://totp/", label);
    url_add(&url, "secret", base32);
    url_add(&url, "issuer", "Postern");
    json_t *text = json_string(url);
    secret_wipe(url, strlen(url));
    free(url);
    return text;
}

static error_code_t s_begin(task_t *task)
{
    user_t user;
    login_t login;
    uint8_t secret[TOTP_SECRET], sealed[LOGIN_SEALED];
    char base32[TOTP_BASE32];
    error_code_t code = s_find(task, &user, &login);
    if (code == ERROR_none)
        code = s_checked(task, &user, &login);
    if (code == ERROR_none && login.totp.len)
        code = task_because(task,
                            task_fail(task, ERROR_conflict,
                                      "The user has a second factor: remove it before another."),
                            REASON_second_factor);
    if (code != ERROR_none)
        return code;
    randombytes_buf(secret, sizeof secret);
    login_seal(task->view, secret, sealed);
    totp_base32(secret, base32);
    secret_wipe(secret, sizeof secret);
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    task->result =
        json_pack("{s:s, s:o, s:i, s:i}", "secret", base32, "url", s_url(user.email, base32),
                  "digits", TOTP_DIGITS, "period_s", TOTP_STEP_S);
    secret_wipe(base32, sizeof base32);
    login.pending = slice(sealed, sizeof sealed);
    login.pending_ms = task->now_ms;
    logins_put(task->view, &login);
    task->who[0] = '\0';
    return ERROR_none;
}

static json_t *s_json(const login_t *login)
{
    bool set = login->totp.len != 0;
    return json_pack("{s:b, s:o, s:i}", "enabled", set, "since",
                     task_json_time(set ? login->totp_ms : 0), "codes_left",
                     (int)(login->codes.len / LOGIN_CODE));
}

/* Writes LOGIN with new recovery codes, which the result shows. */
static void s_put_with_codes(task_t *task, login_t *login)
{
    uint8_t hashes[RECOVERY_CODES * RECOVERY_HASH];
    json_t *codes = json_array();
    for (unsigned i = 0; i < RECOVERY_CODES; i++) {
        char text[RECOVERY_TEXT];
        recovery_make(text);
        int rc = recovery_hash(slice_of(text), hashes + i * RECOVERY_HASH);
        assert(rc == 0);
        json_array_append_new(codes, json_string(text));
        secret_wipe(text, sizeof text);
    }
    login->codes = slice(hashes, sizeof hashes);
    task->result = s_json(login);
    json_object_set_new(task->result, "codes", codes);
    logins_put(task->view, login);
    login->codes = slice("", 0); /* the hashes go with this call */
}

static error_code_t s_confirm(task_t *task)
{
    user_t user;
    login_t login;
    uint8_t secret[TOTP_SECRET];
    error_code_t code = s_find(task, &user, &login);
    if (code != ERROR_none)
        return code;
    if (login.totp.len || login.pending.len == 0 || task->now_ms >= login.pending_ms + PENDING_MS)
        return task_because(
            task,
            task_fail(task, ERROR_conflict,
                      "There is no second factor that was begun within 15 minutes and not yet "
                      "confirmed: begin it anew."),
            REASON_no_second_factor);
    if (login_open(task->view, login.pending, secret) != 0)
        return ERROR_internal;
    uint64_t step = totp_step(secret, task_text(task, "code"), 0, task->now_ms);
    secret_wipe(secret, sizeof secret);
    if (step == 0)
        return task_field(task, ERROR_invalid_param, "code",
                          "is not the code of now. Is the clock of the authenticator right?");
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    login.totp = login.pending;
    login.totp_ms = task->now_ms;
    login.totp_step = step;
    login.pending = slice("", 0);
    login.pending_ms = 0;
    s_put_with_codes(task, &login);
    return ERROR_none;
}

static error_code_t s_show(task_t *task)
{
    user_t user;
    login_t login;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code != ERROR_none)
        return code;
    logins_get(task->view, &user.id, &login);
    task->result = s_json(&login);
    return ERROR_none;
}

/* That the authenticator is there still: who has lost it has the codes to keep. Another's owner,
 * who could take the second factor away, needs none. */
static error_code_t s_check_code(task_t *task, login_t *login)
{
    slice_t code = task_text(task, "code");
    return code.len ? attempt_code(task, login, code) : task_missing(task, "code");
}

static error_code_t s_codes(task_t *task)
{
    user_t user;
    login_t login;
    error_code_t code = s_find(task, &user, &login);
    if (code == ERROR_none)
        code = s_checked(task, &user, &login);
    if (code == ERROR_none && login.totp.len == 0)
        code = task_because(
            task,
            task_fail(task, ERROR_conflict,
                      "The user has no second factor, so no recovery codes: begin one."),
            REASON_no_second_factor);
    if (code == ERROR_none && attempt_is_own(task, &user.id))
        code = s_check_code(task, &login);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    s_put_with_codes(task, &login);
    task->who[0] = '\0';
    return ERROR_none;
}

static error_code_t s_remove(task_t *task)
{
    user_t user;
    login_t login;
    error_code_t code = s_find(task, &user, &login);
    if (code == ERROR_none)
        code = s_checked(task, &user, &login);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    login.totp = login.pending = login.codes = slice("", 0);
    login.totp_ms = login.pending_ms = login.totp_step = 0;
    task->result = s_json(&login);
    logins_put(task->view, &login);
    task->who[0] = '\0';
    return ERROR_none;
}

const task_row_t manage_totp[] = {
    {OP_user_totp_begin, s_begin, {{"password", FIELD_TEXT, false, 1, PASSWORD_MOST}}},
    {OP_user_totp_confirm, s_confirm, {{"code", FIELD_TEXT, true, 1, 64}}},
    {OP_user_totp_show, s_show, {{0}}},
    {OP_user_totp_remove, s_remove, {{"password", FIELD_TEXT, false, 1, PASSWORD_MOST}}},
    {OP_user_totp_codes,
     s_codes,
     {{"password", FIELD_TEXT, false, 1, PASSWORD_MOST}, {"code", FIELD_TEXT, false, 1, 64}}},
    {0},
};

const task_stage_t stages_totp[] = {
    {OP_user_totp_begin, s_prepare, attempt_ended},
    {OP_user_totp_remove, s_prepare, attempt_ended},
    {OP_user_totp_codes, s_prepare, attempt_ended},
    {0},
};
