/* posternctl login, login-link, logout, session show, user totp confirm|codes. */
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/kept.h"
#include "ctl/operation.h"
#include "ctl/prompt.h"

#include <stdio.h>
#include <string.h>

/* Logs in; asks for a code when the account has a second factor. */
static json_t *s_login(ctl_t *ctl, int *status)
{
    bool code_required = false;
    json_t *body = operation_body(ctl, status);
    if (!body)
        return NULL;
    *status = CTL_REFUSED;
    json_t *reply = ctl_call_or(ctl, OP_login, "", body, ERROR_code_required, &code_required);
    if (code_required && operation_secret(ctl, body, "code", prompt_secret("Code")))
        reply = ctl_call_or(ctl, OP_login, "", body, ERROR_none, NULL);
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
    int status = CTL_REFUSED;
    json_t *reply = NULL;
    if (!url)
        ctl_error(ctl, "failed",
                  "--save keeps a session for a URL: name it with --management-url or "
                  "$POSTERN_MANAGEMENT_URL. On this machine the control socket needs none");
    else
        reply = s_login(ctl, &status);
    if (!reply)
        return status;
    if (s_keep(ctl, url, reply) != 0) {
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
    int status;
    if (ctl_option(ctl, "--save"))
        return s_login_and_keep(ctl, ctl_admin_url(ctl));
    json_t *reply = s_login(ctl, &status);
    return reply ? operation_show(ctl, reply) : status;
}

/* A link that signs in, in place of one that sets a password. */
int login_link_run(ctl_t *ctl)
{
    int status;
    json_t *body = operation_body(ctl, &status);
    if (!body)
        return status;
    json_object_set_new(body, "sign_in", json_true());
    return operation_send(ctl, body);
}

/* Carries the operation out on the session that there is; what is kept of one that has ended is
 * removed. */
int session_run(ctl_t *ctl)
{
    unsigned op = ctl_command(ctl)->op;
    bool refused, ended = false;
    const char *url = ctl_admin_url(ctl);
    char *session = credential_session(ctl, url, &refused);
    if (refused)
        return CTL_REFUSED;
    json_t *reply = NULL, *body = json_object();
    if (operation_secret(ctl, body, "session", session ? strdup(session) : NULL)) {
        reply = ctl_call_or(ctl, op, "", body, ERROR_invalid_session, &ended);
        if (url && (ended || (reply && op == OP_logout)))
            kept_forget(ctl, url, session);
    }
    if (ended)
        ctl_error(ctl, "invalid_session", "%s", error_find(ERROR_invalid_session)->message);
    json_decref(body);
    credential_free(&session);
    return operation_show(ctl, reply);
}

/* Confirms a second factor, or makes new codes for it. */
int user_totp_codes_run(ctl_t *ctl)
{
    int status;
    size_t i;
    json_t *code, *reply = operation_call(ctl, &status);
    if (!reply)
        return status;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    printf("%s These recovery codes, each good once, are shown this\n"
           "once: keep them where the authenticator is not.\n",
           ctl_command(ctl)->done);
    json_array_foreach (json_object_get(reply, "codes"), i, code)
        printf("  %s\n", json_string_value(code));
    json_decref(reply);
    return CTL_OK;
}
