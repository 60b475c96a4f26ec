#include "authd/manage/token_args.h"

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"

static const char *const s_lists[TERMS_KINDS] = {"channels", "bots", "extensions"};

static bool s_find_target(view_t *view, terms_kind_t kind, slice_t name, uuid_t7 *id)
{
    place_t place;
    extension_t extension;
    if (kind == TERMS_EXTENSIONS) {
        if (!extensions_find(view, name, &extension))
            return false;
        *id = extension.id;
        return true;
    }
    if (!places_find(view, kind == TERMS_CHANNELS ? PLACE_CHANNEL : PLACE_BOT, name, &place))
        return false;
    *id = place.id;
    return true;
}

static error_code_t s_targets(task_t *task, terms_kind_t kind, pack_t *targets)
{
    static const error_code_t unknown[TERMS_KINDS] = {ERROR_unknown_channel, ERROR_unknown_bot,
                                                      ERROR_unknown_app};
    size_t i;
    json_t *item;
    json_array_foreach (task_list(task, s_lists[kind]), i, item) {
        uuid_t7 id;
        slice_t name = slice(json_string_value(item), json_string_length(item));
        if (!s_find_target(task->view, kind, name, &id))
            return task_item(task, unknown[kind], s_lists[kind], i,
                             "there is none with this name or id.");
        terms_add_target(targets, &id);
    }
    return ERROR_none;
}

/* One list replaces all: what a token may do is said in one place. */
static error_code_t s_scope(task_t *task, token_terms_t *self, terms_t *terms)
{
    bool given = false, any = task_bool(task, "any", false);
    for (unsigned kind = 0; kind < TERMS_KINDS; kind++)
        given = given || task_list(task, s_lists[kind]);
    if (given && any)
        return task_field(task, ERROR_invalid_param, "any", "contradicts a list of targets.");
    if (!given && !any)
        return ERROR_none;
    terms->listed = given;
    for (unsigned kind = 0; kind < TERMS_KINDS; kind++) {
        error_code_t code = s_targets(task, (terms_kind_t)kind, &self->targets[kind]);
        if (code != ERROR_none)
            return code;
        terms->targets[kind] = slice(self->targets[kind].data, self->targets[kind].len);
    }
    return ERROR_none;
}

static error_code_t s_networks(task_t *task, token_terms_t *self, terms_t *terms)
{
    size_t i;
    json_t *item;
    if (!task_list(task, "networks"))
        return ERROR_none;
    json_array_foreach (task_list(task, "networks"), i, item) {
        network_t network;
        if (!network_parse(slice(json_string_value(item), json_string_length(item)), &network))
            return task_item(task, ERROR_invalid_param, "networks", i,
                             "must be a network such as 10.0.0.0/8 or an address.");
        terms_add_network(&self->networks, &network);
    }
    terms->networks = slice(self->networks.data, self->networks.len);
    return ERROR_none;
}

error_code_t token_terms(task_t *task, token_terms_t *self, slice_t before, slice_t *encoded)
{
    *self = (token_terms_t){.encoded = {0}};
    terms_t terms = terms_read(before);
    terms.post_only = task_bool(task, "post_only", terms.post_only);
    terms.body_bytes = task_uint(task, "body_bytes", terms.body_bytes);
    error_code_t code = s_scope(task, self, &terms);
    if (code == ERROR_none)
        code = s_networks(task, self, &terms);
    if (code != ERROR_none)
        return code;
    terms_write(&terms, &self->encoded);
    *encoded = self->encoded.len ? slice(self->encoded.data, self->encoded.len) : slice("", 0);
    return ERROR_none;
}

void token_terms_free(token_terms_t *self)
{
    for (unsigned kind = 0; kind < TERMS_KINDS; kind++)
        pack_free(&self->targets[kind]);
    pack_free(&self->networks);
    pack_free(&self->encoded);
}

uint64_t token_expires(const task_t *task, uint64_t before_ms)
{
    uint64_t life_s = task_uint(task, "expires_in", UINT64_MAX);
    if (life_s == UINT64_MAX)
        return before_ms;
    return life_s ? task->now_ms + life_s * 1000 : 0;
}

unsigned token_most(const task_t *task, const user_t *user)
{
    return user->service ? task->limits->service_tokens : TOKENS_ACTIVE;
}

error_code_t token_limit(task_t *task, unsigned most)
{
    task_detail(task, "limit", json_integer(most));
    if (most == TOKENS_ACTIVE)
        return ERROR_token_limit;
    return task_fail(task, ERROR_token_limit,
                     "The service account has %u active tokens, which is the most "
                     "(authd.service_tokens). Delete one or let one expire.",
                     most);
}
