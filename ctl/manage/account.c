/* posternctl login, logout, session …, invitation …, user password|invite|totp … */
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/kept.h"
#include "ctl/prompt.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVITATION_MAX = 30 * 86400 };

/* Adds SECRET to BODY as FIELD, and wipes it. False, with the error shown, when there is none. */
static bool s_add(ctl_t *ctl, json_t *body, const char *field, char *secret)
{
    json_t *value = secret ? json_string(secret) : NULL;
    credential_free(&secret);
    if (value) {
        json_object_set_new(body, field, value);
        return true;
    }
    ctl_error(ctl, "failed", "no %s: type it, or pass it as a line of stdin, in UTF-8", field);
    return false;
}

/* The same, but it may be left out: by an empty line, or by the end of the input. */
static void s_add_given(json_t *body, const char *field, char *secret)
{
    if (secret && *secret)
        json_object_set_new(body, field, json_string(secret));
    credential_free(&secret);
}

/* What is asked of those who change their own second factor over HTTP; an owner who changes
 * another's leaves it empty. The control socket asks for nothing. */
static json_t *s_own(ctl_t *ctl, bool code)
{
    json_t *body = json_object();
    if (!ctl_admin_url(ctl))
        return body;
    s_add_given(body, "password", prompt_secret("Password (of one's own account; else empty)"));
    if (code)
        s_add_given(body, "code", prompt_secret("Code of the authenticator (the same)"));
    return body;
}

int user_password_run(ctl_t *ctl)
{
    json_t *body = json_object();
    if (!s_add(ctl, body, "password", prompt_new_secret("New password"))) {
        json_decref(body);
        return CTL_REFUSED;
    }
    if (ctl_admin_url(ctl))
        s_add_given(body, "old_password",
                    prompt_secret("Old password (of one's own account; else empty)"));
    return ctl_do(ctl, OP_user_password, ctl_argument(ctl, 0), body,
                  "Password set; the user's sessions are ended.");
}

int user_invite_run(ctl_t *ctl)
{
    json_t *body = json_pack("{s:s}", "email", ctl_argument(ctl, 0));
    if (ctl_option(ctl, "--name"))
        json_object_set_new(body, "name", json_string(ctl_option(ctl, "--name")));
    if (ctl_option(ctl, "--role"))
        json_object_set_new(body, "role", json_string(ctl_option(ctl, "--role")));
    if (ctl_option(ctl, "--expires"))
        json_object_set_new(
            body, "expires_in",
            json_integer((json_int_t)ctl_seconds(ctl, "--expires", 0, INVITATION_MAX)));
    json_t *reply = ctl_call(ctl, OP_user_invite, "", body);
    if (!reply)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    ctl_show(ctl, reply);
    puts("\nThe link is shown this once: give it to the user, and to nobody else.");
    return CTL_OK;
}

int invitation_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_invitation_list, "", "invitations",
                       "id email role user created expires");
}

int invitation_revoke_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_invitation_revoke, ctl_argument(ctl, 0), NULL,
                  "Invitation revoked: its link is worth nothing any more.");
}

/* What stands behind the last "=" of a link, or the invitation alone. */
static char *s_invitation(char *text)
{
    char *at = text ? strrchr(text, '=') : NULL;
    if (at)
        memmove(text, at + 1, strlen(at));
    return text;
}

int invitation_accept_run(ctl_t *ctl)
{
    json_t *body = json_object();
    if (ctl_option(ctl, "--name"))
        json_object_set_new(body, "name", json_string(ctl_option(ctl, "--name")));
    if (s_add(ctl, body, "invitation", s_invitation(prompt_secret("Invitation or link"))) &&
        s_add(ctl, body, "password", prompt_new_secret("New password")))
        return ctl_do(ctl, OP_invitation_accept, "", body, NULL);
    json_decref(body);
    return CTL_REFUSED;
}

/* Logs in; asks for a code when the account has a second factor. */
static json_t *s_login(ctl_t *ctl)
{
    bool code_required = false;
    json_t *reply = NULL, *body = json_pack("{s:s}", "email", ctl_argument(ctl, 0));
    if (s_add(ctl, body, "password", prompt_secret("Password"))) {
        reply = ctl_call_or(ctl, OP_login, "", body, ERROR_code_required, &code_required);
        if (code_required && s_add(ctl, body, "code", prompt_secret("Code")))
            reply = ctl_call_or(ctl, OP_login, "", body, ERROR_none, NULL);
    }
    json_decref(body);
    return reply;
}

/* Keeps the session of REPLY where it is for later commands; ended where that fails. */
static int s_keep(ctl_t *ctl, const char *url, json_t *reply)
{
    json_t *body = json_pack("{s:O}", "session", json_object_get(reply, "session"));
    int rc = kept_save(ctl, url, reply);
    if (rc != 0)
        json_decref(ctl_call_or(ctl, OP_logout, "", body, ERROR_none, NULL));
    json_decref(body);
    return rc;
}

static int s_login_and_keep(ctl_t *ctl, const char *url)
{
    json_t *reply = NULL;
    if (!url)
        ctl_error(ctl, "failed",
                  "--save keeps a session for a URL: name it with --management-url or "
                  "$POSTERN_MANAGEMENT_URL. On this machine the control socket needs none");
    else
        reply = s_login(ctl);
    if (!reply || s_keep(ctl, url, reply) != 0) {
        json_decref(reply);
        return CTL_REFUSED;
    }
    bool json = ctl_json(ctl);
    ctl_show(ctl, reply);
    if (!json)
        printf("\nThe session is kept in %s for %s, until posternctl logout.\n",
               kept_path(ctl, url), url);
    return CTL_OK;
}

int login_run(ctl_t *ctl)
{
    if (ctl_option(ctl, "--save"))
        return s_login_and_keep(ctl, ctl_admin_url(ctl));
    json_t *reply = s_login(ctl);
    if (!reply)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    ctl_show(ctl, reply);
    puts("\nThe session is shown this once: who has it is logged in.");
    return CTL_OK;
}

/* Carries OP out on the session that there is; what is kept of one that has ended is removed. */
static int s_with_session(ctl_t *ctl, unsigned op, const char *done)
{
    bool refused, ended = false;
    const char *url = ctl_admin_url(ctl);
    char *session = credential_session(ctl, url, &refused);
    if (refused)
        return CTL_REFUSED;
    json_t *reply = NULL, *body = json_object();
    if (s_add(ctl, body, "session", session ? strdup(session) : NULL)) {
        reply = ctl_call_or(ctl, op, "", body, ERROR_invalid_session, &ended);
        if (url && (ended || (reply && op == OP_logout)))
            kept_forget(ctl, url, session);
    }
    if (ended)
        ctl_error(ctl, "invalid_session", "%s", error_find(ERROR_invalid_session)->message);
    json_decref(body);
    credential_free(&session);
    return ctl_done(ctl, reply, done);
}

int logout_run(ctl_t *ctl)
{
    return s_with_session(ctl, OP_logout, "Logged out.");
}

int session_show_run(ctl_t *ctl)
{
    return s_with_session(ctl, OP_session_show, NULL);
}

int session_list_run(ctl_t *ctl)
{
    json_t *reply = ctl_call(ctl, OP_session_list, ctl_argument(ctl, 0), NULL);
    if (!reply)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    table_rows(json_object_get(reply, "sessions"), "id from created used expires");
    json_decref(reply);
    return CTL_OK;
}

int session_revoke_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_session_revoke, ctl_argument(ctl, 0), NULL, "Session ended.");
}

int session_end_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_session_end, ctl_argument(ctl, 0), NULL, NULL);
}

int user_totp_begin_run(ctl_t *ctl)
{
    json_t *reply = ctl_call(ctl, OP_user_totp_begin, ctl_argument(ctl, 0), s_own(ctl, false));
    if (!reply)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    ctl_show(ctl, reply);
    puts(
        "\nThe secret is shown this once. Put it into an authenticator, then pass a code of it to\n"
        "posternctl user totp confirm within 15 minutes.");
    return CTL_OK;
}

/* Takes REPLY, which is NULL after an error was shown. */
static int s_show_codes(ctl_t *ctl, json_t *reply, const char *done)
{
    size_t i;
    json_t *code;
    if (!reply)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    printf("%s These recovery codes, each good once, are shown this\n"
           "once: keep them where the authenticator is not.\n",
           done);
    json_array_foreach(json_object_get(reply, "codes"), i, code)
        printf("  %s\n", json_string_value(code));
    json_decref(reply);
    return CTL_OK;
}

int user_totp_confirm_run(ctl_t *ctl)
{
    json_t *body = json_object();
    if (!s_add(ctl, body, "code", prompt_secret("Code"))) {
        json_decref(body);
        return CTL_REFUSED;
    }
    return s_show_codes(ctl, ctl_call(ctl, OP_user_totp_confirm, ctl_argument(ctl, 0), body),
                        "From now on a login needs a code.");
}

int user_totp_codes_run(ctl_t *ctl)
{
    return s_show_codes(ctl,
                        ctl_call(ctl, OP_user_totp_codes, ctl_argument(ctl, 0), s_own(ctl, true)),
                        "The former recovery codes are worth nothing any more.");
}

int user_totp_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_user_totp_show, ctl_argument(ctl, 0), NULL, NULL);
}

int user_totp_remove_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_user_totp_remove, ctl_argument(ctl, 0), s_own(ctl, false),
                  "Second factor removed: the password is enough to log in.");
}
