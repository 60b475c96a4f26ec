#include "authd/judge/called_url.h"
#include "authd/judge/case.h"
#include "common/base/ops.h"

static error_code_t s_at_place(case_t *self, place_kind_t kind, rule_t rule)
{
    place_t place;
    return places_get(self->view, kind, &self->source.place, &place)
               ? case_place(self, kind, rule, &place)
               : ERROR_unknown_source;
}

static error_code_t s_at_app(case_t *self)
{
    app_t app;
    extension_t extension;
    if (!called_app(self->view, &self->source, self->judge->target, &app, &extension))
        return ERROR_unknown_source;
    if (!case_covers(self, TERMS_EXTENSIONS, &extension.id))
        return ERROR_out_of_scope;
    self->request->target = slice_of(self->judge->target);
    return case_take_app(self, &app, &extension);
}

error_code_t case_source(case_t *self, rule_t rule)
{
    wire_request_t *request = self->request;
    switch (self->source.kind) {
    case OWNER_CHANNEL:
        request->op = OP_channel_id_incoming;
        return s_at_place(self, PLACE_CHANNEL, rule);
    case OWNER_BOT:
        request->op = OP_bot_incoming;
        return s_at_place(self, PLACE_BOT, MAY_ANYONE);
    case OWNER_EXTENSION:
        request->op = OP_extension_incoming;
        return s_at_app(self);
    default:
        return ERROR_unknown_source;
    }
}

error_code_t case_by_source(case_t *self)
{
    uuid_t7 id;
    slice_t target = self->request->target;
    if (uuid_parse(target.data, target.len, &id) != 0 ||
        !sources_get(self->view, &id, &self->source) || !source_has_address(&self->source))
        return ERROR_unknown_source;
    self->signs = true;
    return tokens_find(self->view, &self->source.token, &self->token) ? ERROR_none
                                                                      : ERROR_invalid_token;
}
