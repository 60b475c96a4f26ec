#include "authd/manage/token_json.h"

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"

static json_t *s_name(view_t *view, terms_kind_t kind, const uuid_t7 *id)
{
    place_t place;
    extension_t extension;
    if (kind == TERMS_EXTENSIONS && extensions_get(view, id, &extension))
        return task_json_text(extension.name);
    if (kind != TERMS_EXTENSIONS &&
        places_get(view, kind == TERMS_CHANNELS ? PLACE_CHANNEL : PLACE_BOT, id, &place))
        return task_json_text(place.name);
    return task_json_id(id);
}

static json_t *s_names(view_t *view, const terms_t *terms, terms_kind_t kind)
{
    uuid_t7 id;
    json_t *names = json_array();
    for (size_t i = 0; terms_target(terms, kind, i, &id); i++)
        json_array_append_new(names, s_name(view, kind, &id));
    return names;
}

static json_t *s_scope(view_t *view, const terms_t *terms)
{
    if (!terms->listed)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "channels", s_names(view, terms, TERMS_CHANNELS), "bots",
                     s_names(view, terms, TERMS_BOTS), "extensions",
                     s_names(view, terms, TERMS_EXTENSIONS));
}

static json_t *s_ids(const terms_t *terms, terms_kind_t kind)
{
    uuid_t7 id;
    json_t *ids = json_array();
    for (size_t i = 0; terms_target(terms, kind, i, &id); i++)
        json_array_append_new(ids, task_json_id(&id));
    return ids;
}

/* The ids of the names in the scope, in their order. */
static json_t *s_scope_ids(const terms_t *terms)
{
    if (!terms->listed)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "channels", s_ids(terms, TERMS_CHANNELS), "bots",
                     s_ids(terms, TERMS_BOTS), "extensions", s_ids(terms, TERMS_EXTENSIONS));
}

static json_t *s_networks(const terms_t *terms)
{
    network_t network;
    char text[NETWORK_TEXT];
    json_t *all = json_array();
    for (size_t i = 0; terms_network(terms, i, &network); i++) {
        network_text(&network, text);
        json_array_append_new(all, json_string(text));
    }
    return all;
}

const char *token_state(const token_t *token, uint64_t now_ms)
{
    return token_has_ended(token, now_ms)              ? "ended"
           : terms_read(token->terms).replaced_ms != 0 ? "replaced"
                                                       : "active";
}

json_t *token_json(view_t *view, const token_t *token, uint64_t rate, uint64_t burst,
                   uint64_t now_ms)
{
    terms_t terms = terms_read(token->terms);
    const char *state = token_state(token, now_ms);
    json_t *all =
        json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "id", task_json_id(&token->id),
                  "name", task_json_text(token->name), "last4", task_json_text(token->last4),
                  "state", state, "created", task_json_time(token->created_ms), "expires",
                  task_json_time(token->expires_ms), "replaced", task_json_time(terms.replaced_ms),
                  "successor", terms.replaced_ms ? task_json_id(&terms.successor) : json_null());
    uint64_t own_rate = token->rate == TOKEN_DEFAULT ? rate : token->rate;
    uint64_t own_burst = token->burst == TOKEN_DEFAULT ? burst : token->burst;
    json_t *more = json_pack("{s:o, s:b, s:o, s:I, s:I, s:I}", "scope", s_scope(view, &terms),
                             "post_only", terms.post_only, "networks", s_networks(&terms),
                             "body_bytes", (json_int_t)terms.body_bytes, "rate",
                             (json_int_t)own_rate, "burst", (json_int_t)own_burst);
    json_object_update_new(all, more);
    json_object_set_new(all, "scope_ids", s_scope_ids(&terms));
    return all;
}

void token_json_use(json_t *all, const token_use_t *use, uint64_t now_ms)
{
    bool used = use->last_ms != 0;
    json_object_update_new(
        all, json_pack("{s:o, s:o, s:o, s:I, s:I, s:I}", "last_used", task_json_time(use->last_ms),
                       "last_target", used ? task_json_text(use->target) : json_null(),
                       "last_address", used ? task_json_text(use->address) : json_null(), "count",
                       (json_int_t)use->count, "calls_24h",
                       (json_int_t)calls_of_24_hours(&use->calls, now_ms), "calls_30d",
                       (json_int_t)calls_of_30_days(&use->calls, now_ms)));
}

json_t *token_json_whole(task_t *task, const token_t *token)
{
    token_use_t use = {0};
    tokens_use(task->view, &token->id, &use);
    json_t *all = token_json(task->view, token, task->rate, task->burst, task->now_ms);
    token_json_use(all, &use, task->now_ms);
    return all;
}

error_code_t token_of_target(task_t *task, token_t *token)
{
    uuid_t7 id;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !tokens_find(task->view, &id, token))
        return task_gone(task, ERROR_unknown_token, NULL);
    return ERROR_none;
}

void token_use_details(task_t *task, const token_use_t *use)
{
    task_detail(task, "last_used", task_json_time(use->last_ms));
    task_detail(task, "last_target", task_json_text(use->target));
    task_detail(task, "last_address", task_json_text(use->address));
    task_detail(task, "calls_24h",
                json_integer((json_int_t)calls_of_24_hours(&use->calls, task->now_ms)));
}

void token_json_shorten(json_t *all)
{
    json_object_del(all, "scope");
    json_object_del(all, "scope_ids");
    json_object_del(all, "networks");
}
