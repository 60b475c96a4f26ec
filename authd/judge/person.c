#include "authd/judge/person.h"

#include "authd/accounts/signed_in.h"
#include "authd/directory/extensions.h"
#include "common/base/ops.h"

#include <assert.h>

static void s_stand_in(case_t *self, const signed_in_t *who)
{
    bool by_token = uuid_is_nil(&who->session);
    self->token = (token_t){.id = by_token ? who->token : who->session,
                            .user = who->user.id,
                            .display = who->user.name,
                            .rate = TOKEN_DEFAULT,
                            .burst = TOKEN_DEFAULT};
    self->role = who->user.role;
    self->bound = false;
}

static void s_explain(case_t *self, error_code_t code)
{
    const wire_request_t *request = self->request;
    switch (code) {
    case ERROR_invalid_session:
        self->reason = request->token.len ? REASON_ended : REASON_no_credential;
        break;
    case ERROR_csrf_refused:
        self->reason = REASON_other_session;
        break;
    case ERROR_invalid_token:
        self->detail = slice_of(error_admin_token);
        break;
    case ERROR_token_expired:
        self->detail = slice_of("The management token has expired. Create a new one.");
        break;
    default:
        break;
    }
}

error_code_t person_authenticate(case_t *self)
{
    signed_in_t who;
    const wire_request_t *request = self->request;
    credential_t credential = {.text = request->token,
                               .from = request->client,
                               .appkey = request->appkey,
                               .reads = op_reads(op_find(request->op))};
    error_code_t code =
        signed_in_find(self->judge->idle_ms, self->view, &credential, self->wall_ms, &who);
    s_explain(self, code);
    if (code == ERROR_none || code == ERROR_csrf_refused)
        s_stand_in(self, &who);
    return code;
}

error_code_t person_again(case_t *self, const uuid_t7 *id)
{
    signed_in_t who;
    error_code_t code = signed_in_again(self->judge->idle_ms, self->view, id, self->wall_ms, &who);
    if (code == ERROR_none)
        s_stand_in(self, &who);
    return code;
}

static bool s_is_unknown(error_code_t code)
{
    return code == ERROR_unknown_channel || code == ERROR_unknown_bot ||
           code == ERROR_unknown_app || code == ERROR_unknown_outlet;
}

error_code_t person_refuse(case_t *self, rule_t rule, error_code_t code)
{
    bool sees_all = self->role > USER_MEMBER;
    if (s_is_unknown(code) && rule != MAY_ANYONE && !sees_all)
        code = ERROR_not_allowed;
    if (code != ERROR_not_allowed)
        return code;
    self->detail =
        sees_all
            ? slice_of("This is for its people, whatever the role. Add yourself to them, which "
                       "the audit records; an extension's is for its owner.")
            : slice_of("You are not among its people, or there is no such object.");
    self->reason = REASON_not_among;
    return code;
}

error_code_t person_find_place(case_t *self, rule_t rule)
{
    place_t place;
    bool channel = op_find(self->request->op)->owner == OWNER_CHANNEL;
    place_kind_t kind = channel ? PLACE_CHANNEL : PLACE_BOT;
    if (!places_find(self->view, kind, self->request->target, &place))
        return channel ? ERROR_unknown_channel : ERROR_unknown_bot;
    return case_place(self, kind, rule, &place);
}

static bool s_environment(slice_t word, wire_environment_t *environment)
{
    *environment = slice_is(word, "sandbox") ? ENVIRONMENT_SANDBOX : ENVIRONMENT_MARKETPLACE;
    return *environment == ENVIRONMENT_SANDBOX || slice_is(word, "marketplace");
}

/* Copies the parameters of the request but for WITHOUT to KEPT, which does not hold them, to be
 * added to. */
static pack_t *s_copy_params(case_t *self, const char *without, pack_t *kept)
{
    slice_t name, value;
    pack_reset(kept);
    wire_pairs_t pairs = wire_pairs_begin(self->request->params);
    while (wire_pairs_next(&pairs, &name, &value))
        if (!slice_is(name, without))
            wire_pairs_add(kept, name, value);
    return kept;
}

/* The app-id of an extension that was found by its name or id. */
static error_code_t s_find_app_id(case_t *self, const extension_t *extension)
{
    slice_t word = slice("", 0);
    wire_environment_t environment;
    wire_pairs_find(self->request->params, "environment", &word);
    if (!s_environment(word, &environment)) {
        self->detail = slice_of("environment: sandbox or marketplace is needed beside the name or "
                                "id of an extension.");
        return ERROR_invalid_param;
    }
    static_assert((int)APP_ID_TEXT <= (int)sizeof self->judge->target, "it fits");
    extension_app_id(extension, environment, self->judge->target);
    self->request->target = slice_of(self->judge->target);
    self->request->params = wire_pairs_of(s_copy_params(self, "environment", &self->judge->params));
    return ERROR_none;
}

error_code_t person_find_extension(case_t *self, rule_t rule)
{
    app_t app;
    extension_t extension;
    error_code_t code = ERROR_none;
    if (!apps_get(self->view, self->request->target, &app)) {
        if (!extensions_find(self->view, self->request->target, &extension))
            return ERROR_unknown_app;
        if (rule == MAY_OWNER && !uuid_eq(&extension.owner, &self->token.user))
            return ERROR_not_allowed;
        code = s_find_app_id(self, &extension);
    }
    return code == ERROR_none ? case_app(self, rule) : code;
}

error_code_t person_find_user(case_t *self, rule_t rule)
{
    user_t user;
    bool found = slice_is(self->request->target, "me")
                     ? users_get(self->view, &self->token.user, &user)
                     : users_find(self->view, self->request->target, &user);
    return found ? case_user(self, rule, &user) : ERROR_unknown_user;
}

error_code_t person_find_outlet(case_t *self, rule_t rule)
{
    return case_find_outlet(self, rule);
}

error_code_t person_find_reader(case_t *self, rule_t rule)
{
    (void)rule;
    self->request->target = slice_of("streams");
    self->request->principal.target = self->token.user;
    return ERROR_none;
}

/* With VALUE, whatever it was; one of them, once. */
static void s_set_param(case_t *self, const char *name, const char *value)
{
    pack_t *params = s_copy_params(self, name, &self->judge->set_params);
    wire_pairs_add(params, slice_of(name), slice_of(value));
    self->request->params = wire_pairs_of(params);
}

void person_fill(case_t *self, unsigned as)
{
    static const char sync[] = "sync_message";
    slice_t value;
    wire_request_t *request = self->request;
    op_deed_t deed = op_find(as)->deed;
    if (deed != DOES_STREAM && deed != DOES_GATHER)
        request->op = as;
    if (self->bare)
        s_set_param(self, "bodies", "false");
    if (deed == DOES_POST && !wire_pairs_find(request->params, sync, &value))
        s_set_param(self, sync, "true");
}
