/* Finds the target of a request, and says who may go there. */
#include "authd/directory/extensions.h"
#include "authd/directory/outlets.h"
#include "authd/judge/case.h"
#include "authd/judge/direct.h"
#include "common/base/ops.h"

#include <stdio.h>

/* Whether what is archived is in the way of the request. */
static bool s_needs_use(const case_t *self)
{
    op_deed_t deed = op_find(self->request->op)->deed;
    bool reads = self->operates && op_find(self->request->op)->methods & OP_GET;
    return !reads && deed != DOES_LOOK;
}

bool case_covers(const case_t *self, terms_kind_t kind, const uuid_t7 *id)
{
    return !self->bound || terms_cover(&self->terms, kind, id);
}

/* With the reason, where one was given. */
static error_code_t s_archived(case_t *self, slice_t reason)
{
    char *text = self->judge->archived;
    if (reason.len)
        self->detail =
            slice(text, (size_t)snprintf(text, sizeof self->judge->archived,
                                         "The target is archived: %.*s", SLICE_ARG(reason)));
    return ERROR_archived;
}

/* METHODS: which make events of the target; 0: all. */
static error_code_t s_check_method(case_t *self, unsigned methods)
{
    if (!methods || methods & self->request->method || !op_is_event(op_find(self->request->op)))
        return ERROR_none;
    self->allow = methods;
    self->detail = slice_of("A request of this method makes no event here: the methods of the bot "
                            "or extension say which do.");
    return ERROR_method_not_allowed;
}

error_code_t case_place(case_t *self, place_kind_t kind, rule_t rule, const place_t *place)
{
    const uuid_t7 *user = &self->token.user;
    if (!case_covers(self, kind == PLACE_CHANNEL ? TERMS_CHANNELS : TERMS_BOTS, &place->id))
        return ERROR_out_of_scope;
    bool owns = uuid_eq(&place->owner, user);
    self->owns = owns;
    self->placed = true;
    self->kind = kind;
    self->place = *place;
    bool may = rule == MAY_ANYONE || (owns && (rule == MAY_PEOPLE || rule == MAY_OWNER)) ||
               (rule != MAY_OWNER && place_has(self->view, kind, &place->id, user));
    self->request->target = place->name;
    self->request->principal.target = place->id;
    if (!may)
        return ERROR_not_allowed;
    if (place->archived_ms && s_needs_use(self))
        return s_archived(self, place->reason);
    return s_check_method(self, place->methods);
}

error_code_t case_find_channel(case_t *self, rule_t rule)
{
    place_t place;
    if (!places_named(self->view, PLACE_CHANNEL, self->request->target, &place))
        return ERROR_unknown_channel;
    return case_place(self, PLACE_CHANNEL, rule, &place);
}

error_code_t case_find_channel_id(case_t *self, rule_t rule)
{
    place_t place;
    uuid_t7 id;
    slice_t target = self->request->target;
    if (uuid_parse(target.data, target.len, &id) != 0 ||
        !places_get(self->view, PLACE_CHANNEL, &id, &place))
        return ERROR_unknown_channel;
    return case_place(self, PLACE_CHANNEL, rule, &place);
}

error_code_t case_find_chat(case_t *self, rule_t rule)
{
    error_code_t code = case_find_channel_id(self, rule);
    return code == ERROR_unknown_channel ? ERROR_unknown_chat : code;
}

error_code_t case_find_bot(case_t *self, rule_t rule)
{
    place_t place;
    bool streams = op_find(self->request->op)->deed == DOES_STREAM;
    if (streams ? !places_find(self->view, PLACE_BOT, self->request->target, &place)
                : !places_named(self->view, PLACE_BOT, self->request->target, &place))
        return ERROR_unknown_bot;
    return case_place(self, PLACE_BOT, rule, &place);
}

/* Its channel says who may. */
error_code_t case_find_outlet(case_t *self, rule_t rule)
{
    place_t place;
    outlet_t outlet;
    slice_t target = self->request->target;
    uuid_t7 id;
    if (uuid_parse(target.data, target.len, &id) != 0 || !outlets_get(self->view, &id, &outlet) ||
        outlet.gone || !outlet_channel(self->view, &outlet, &place))
        return ERROR_unknown_outlet;
    error_code_t code = case_place(self, PLACE_CHANNEL, rule, &place);
    self->request->target = target;
    self->request->principal.target = outlet.id;
    return code;
}

error_code_t case_take_app(case_t *self, const app_t *app, const extension_t *extension)
{
    if (extension->archived_ms && s_needs_use(self))
        return s_archived(self, extension->reason);
    self->request->principal.target = app->target;
    self->request->principal.environment = app->environment;
    return s_check_method(self, extension->methods);
}

error_code_t case_app(case_t *self, rule_t rule)
{
    app_t app;
    extension_t extension;
    wire_request_t *request = self->request;
    if (!apps_get(self->view, request->target, &app) ||
        !extensions_get(self->view, &app.extension, &extension))
        return ERROR_unknown_app;
    if (!case_covers(self, TERMS_EXTENSIONS, &app.extension))
        return ERROR_out_of_scope;
    if (rule == MAY_OWNER && !uuid_eq(&extension.owner, &self->token.user))
        return ERROR_not_allowed;
    if (op_find(request->op)->credentials == CRED_APPKEY) {
        if (request->appkey.len == 0)
            return ERROR_appkey_required;
        if (!app_key_is(self->view, &app, request->appkey, self->wall_ms))
            return ERROR_invalid_appkey;
    }
    /* An app-id is canonical as it came, for it was found by its bytes. */
    return case_take_app(self, &app, &extension);
}

error_code_t case_find_app(case_t *self, rule_t rule)
{
    return case_app(self, rule);
}

error_code_t case_user(case_t *self, rule_t rule, const user_t *user)
{
    self->owns = uuid_eq(&user->id, &self->token.user);
    if (rule == MAY_OWNER && !self->owns)
        return ERROR_not_allowed;
    uuid_text(&user->id, self->judge->target);
    self->request->target = slice(self->judge->target, UUID_TEXT - 1);
    self->request->principal.target = user->id;
    return ERROR_none;
}

error_code_t case_find_buddy(case_t *self, rule_t rule)
{
    user_t buddy;
    if (self->bound && self->terms.listed)
        return ERROR_out_of_scope;
    if (!users_find(self->view, self->request->target, &buddy))
        return ERROR_unknown_user;
    return case_user(self, rule, &buddy);
}

/* The chat of two users needs no row: its id follows from theirs, so nobody else can name it. */
error_code_t case_find_direct(case_t *self, rule_t rule)
{
    user_t other;
    (void)rule;
    if (self->bound && self->terms.listed)
        return ERROR_out_of_scope;
    if (self->operates)
        return ERROR_unknown_chat;
    if (!direct_find(self->view, self->request, &other))
        return ERROR_unknown_user;
    uuid_text(&other.id, self->judge->target);
    self->request->target = slice(self->judge->target, UUID_TEXT - 1);
    direct_chat(&self->token.user, &other.id, &self->request->principal.target);
    return ERROR_none;
}

error_code_t case_find_source(case_t *self, rule_t rule)
{
    return case_source(self, rule);
}

/* The token's own user. */
error_code_t case_find_self(case_t *self, rule_t rule)
{
    (void)rule;
    self->request->principal.target = self->token.user;
    return ERROR_none;
}

/* Whoever reads streams: what of, several.h finds. */
error_code_t case_find_reader(case_t *self, rule_t rule)
{
    self->request->target = slice_of("streams");
    return case_find_self(self, rule);
}
