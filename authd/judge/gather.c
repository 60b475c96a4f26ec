#include "authd/judge/gather.h"

#include "authd/directory/extensions.h"
#include "authd/directory/handlers.h"
#include "authd/directory/outlets.h"
#include "authd/directory/users.h"
#include "common/base/ops.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { KIND_BOT, KIND_EXTENSION, KIND_OUTLET, KINDS } kind_t;

/* By which operation the owner sees bodies, by a webhook token or a session; and who sees
 * another's. */
static const struct {
    const char *name;
    unsigned token, person, seen;
} s_kinds[KINDS] = {
    [KIND_BOT] = {"bot", OP_bot_deliveries, OP_person_bot_delivery, OP_person_bot_deliveries},
    [KIND_EXTENSION] = {"extension", OP_extension_deliveries, OP_person_extension_delivery,
                        OP_person_extension_deliveries},
    [KIND_OUTLET] = {"outlet", OP_outlet_deliveries, OP_person_outlet_delivery,
                     OP_person_outlet_deliveries},
};

typedef struct {
    const several_t *reader;
    bytes_t *rows;
    uint32_t count;
    bool full;
} list_t;

/* --- What a target is called */

static char *s_dump(json_t *label)
{
    char *text = label ? json_dumps(label, JSON_COMPACT) : NULL;
    json_decref(label);
    return text;
}

static json_t *s_start(kind_t kind, const uuid_t7 *id, slice_t name)
{
    char text[UUID_TEXT];
    uuid_text(id, text);
    return json_pack("{s:s, s:s, s:s%, s:n}", "kind", s_kinds[kind].name, "id", text, "name",
                     name.data, name.len, "environment");
}

static char *s_label_of_app(view_t *view, slice_t app_id)
{
    app_t app;
    extension_t extension;
    if (!apps_get(view, app_id, &app) || !extensions_get(view, &app.extension, &extension))
        return NULL;
    json_t *label = s_start(KIND_EXTENSION, &app.extension, extension.name);
    const char *environment = app.environment == ENVIRONMENT_SANDBOX ? "sandbox" : "marketplace";
    json_object_set_new(label, "environment", json_string(environment));
    json_object_set_new(label, "app", json_stringn(app_id.data, app_id.len));
    return s_dump(label);
}

static char *s_label_of_outlet(view_t *view, const uuid_t7 *id)
{
    place_t channel;
    outlet_t outlet;
    char text[UUID_TEXT];
    if (!outlets_get(view, id, &outlet))
        return NULL;
    json_t *label = s_start(KIND_OUTLET, id, outlet.name);
    if (outlet_channel(view, &outlet, &channel)) {
        uuid_text(&channel.id, text);
        json_object_set_new(
            label, "channel",
            json_pack("{s:s, s:s%}", "id", text, "name", channel.name.data, channel.name.len));
    }
    return s_dump(label);
}

/* Of whatever has had deliveries; NULL: it is not known any more. The caller frees it. */
static char *s_label(view_t *view, const uuid_t7 *target)
{
    place_t bot;
    handler_t handler;
    if (places_get(view, PLACE_BOT, target, &bot))
        return s_dump(s_start(KIND_BOT, target, bot.name));
    if (handlers_get(view, target, &handler) && handler.kind == OWNER_EXTENSION)
        return s_label_of_app(view, handler.access);
    return s_label_of_outlet(view, target);
}

void gather_names(view_t *view, const ask_t *ask, bytes_t *out)
{
    grant_t grant;
    bytes_t rows = {0};
    found_t found = {.kind = FOUND_NAMES};
    bytes_in_t in = {ask->rows.data, ask->rows.len, false};
    for (uint32_t i = 0; i < ask->grants && grant_read(&in, &grant); i++) {
        char *label = i > 0 ? s_label(view, &grant.target) : NULL;
        listed_t row = {
            .grant = {.target = grant.target, .client = slice("", 0), .name = slice("", 0)},
            .label = slice_of(label ? label : "{}")};
        if (label && row.label.len <= LISTED_LABEL) {
            listed_write(&row, &rows);
            found.count++;
        }
        free(label);
    }
    found.rows = bytes_slice(&rows);
    found_write(&found, out);
    bytes_free(&rows);
}

/* --- The list */

static error_code_t s_judge(const list_t *self, unsigned op, slice_t name, uuid_t7 *target)
{
    const several_t *reader = self->reader;
    wire_request_t request = {.op = op, .method = OP_GET, .target = name, .client = reader->client};
    error_code_t code =
        verdict_regrant(reader->judge, reader->view, &request, &reader->token, reader->wall_ms);
    *target = request.principal.target;
    return code;
}

/* As one's own, or as another's that a role lets see. NAME is no slice of the view's. */
static error_code_t s_add(list_t *self, kind_t kind, const char *name)
{
    uuid_t7 target;
    bool person = self->reader->person;
    unsigned op = person ? s_kinds[kind].person : s_kinds[kind].token;
    if (self->count == LISTED_MOST) {
        self->full = true;
        return ERROR_none;
    }
    error_code_t code = s_judge(self, op, slice_of(name), &target);
    if (code == ERROR_not_allowed && person)
        code = s_judge(self, op = s_kinds[kind].seen, slice_of(name), &target);
    if (code != ERROR_none)
        return code;
    char *label = kind == KIND_EXTENSION ? s_label_of_app(self->reader->view, slice_of(name))
                                         : s_label(self->reader->view, &target);
    if (label && strlen(label) <= LISTED_LABEL) {
        several_put(self->reader, op, &target, slice_of(name), slice_of(label), self->rows);
        self->count++;
    }
    free(label);
    return ERROR_none;
}

static error_code_t s_add_id(list_t *self, kind_t kind, const uuid_t7 *id)
{
    char text[UUID_TEXT];
    uuid_text(id, text);
    return s_add(self, kind, text);
}

/* A bot is found by its name where a webhook token asks. */
static void s_add_bot(list_t *self, const place_t *bot)
{
    char name[WIRE_TARGET + 1];
    snprintf(name, sizeof name, "%.*s", SLICE_ARG(bot->name));
    s_add(self, KIND_BOT, name);
}

static error_code_t s_add_apps(list_t *self, const extension_t *extension)
{
    char app[APP_ID_TEXT];
    extension_t is = *extension;
    extension_app_id(&is, ENVIRONMENT_MARKETPLACE, app);
    error_code_t code = s_add(self, KIND_EXTENSION, app);
    extension_app_id(&is, ENVIRONMENT_SANDBOX, app);
    return code == ERROR_none ? s_add(self, KIND_EXTENSION, app) : code;
}

static void s_own_outlets(list_t *self, const uuid_t7 *channel)
{
    outlet_t outlet;
    view_t *view = self->reader->view;
    bool more = outlets_next_of(view, channel, NULL, &outlet);
    while (more) {
        uuid_t7 id = outlet.id;
        s_add_id(self, KIND_OUTLET, &id);
        more = outlets_next_of(view, channel, &id, &outlet);
    }
}

static void s_own_places(list_t *self, place_kind_t kind)
{
    place_t place;
    const several_t *reader = self->reader;
    bool more = places_next_seen(reader->view, kind, &reader->user, NULL, &place);
    while (more && !self->full) {
        uuid_t7 id = place.id;
        bool own = uuid_eq(&place.owner, &reader->user);
        if (own && kind == PLACE_BOT)
            s_add_bot(self, &place);
        else if (own)
            s_own_outlets(self, &id);
        more = places_next_seen(reader->view, kind, &reader->user, &id, &place);
    }
}

static void s_own_extensions(list_t *self)
{
    uuid_t7 id;
    extension_t extension;
    const several_t *reader = self->reader;
    for (bool more = extensions_next_of(reader->view, &reader->user, NULL, &id);
         more && !self->full; more = extensions_next_of(reader->view, &reader->user, &id, &id))
        if (extensions_get(reader->view, &id, &extension))
            s_add_apps(self, &extension);
}

static bool s_is_above(view_t *view, const uuid_t7 *id)
{
    user_t user;
    return users_get(view, id, &user) && user.role > USER_MEMBER;
}

static void s_all(list_t *self)
{
    const several_t *reader = self->reader;
    bool all = reader->person && s_is_above(reader->view, &reader->user);
    if (all) {
        several_put(reader, OP_person_deliveries, &reader->user, slice("", 0), slice_of("{}"),
                    self->rows);
        self->count++;
    }
    s_own_places(self, PLACE_BOT);
    s_own_extensions(self);
    s_own_places(self, PLACE_CHANNEL);
    self->full = self->full && !all;
}

static error_code_t s_named_extension(list_t *self, const char *name)
{
    extension_t extension;
    bool is_app = strspn(name, "0123456789") == strlen(name);
    if (is_app)
        return s_add(self, KIND_EXTENSION, name);
    if (!extensions_find(self->reader->view, slice_of(name), &extension))
        return ERROR_unknown_app;
    return s_add_apps(self, &extension);
}

static error_code_t s_named(list_t *self, slice_t target)
{
    char name[WIRE_TARGET + 1];
    kind_t kind = KIND_BOT;
    const char *colon = memchr(target.data, ':', target.len);
    size_t len = colon ? (size_t)(colon - target.data) : 0;
    while (kind < KINDS && !slice_is(slice(target.data, len), s_kinds[kind].name))
        kind++;
    if (kind == KINDS || target.len - len - 1 == 0 || target.len - len - 1 > WIRE_TARGET)
        return ERROR_invalid_param;
    snprintf(name, sizeof name, "%.*s", (int)(target.len - len - 1), colon + 1);
    return kind == KIND_EXTENSION ? s_named_extension(self, name) : s_add(self, kind, name);
}

error_code_t gather_answer(const several_t *reader, const slice_t *target, bytes_t *out,
                           char detail[SEVERAL_DETAIL])
{
    bytes_t rows = {0};
    list_t list = {.reader = reader, .rows = &rows};
    error_code_t code = ERROR_none;
    if (target)
        code = s_named(&list, *target);
    else
        s_all(&list);
    if (code == ERROR_invalid_param)
        snprintf(detail, SEVERAL_DETAIL,
                 "target must be as bot:NAME, extension:NAME or outlet:ID.");
    else if (code != ERROR_none && reader->person)
        code = ERROR_not_allowed; /* whether it is there or not */
    if (code != ERROR_none && code != ERROR_invalid_param)
        snprintf(detail, SEVERAL_DETAIL, "target: %s", error_find(code)->message);
    found_t found = {.kind = FOUND_LISTED,
                     .more = true,
                     .reset = list.full ? RESET_EXPIRED : RESET_NONE,
                     .count = list.count,
                     .rows = bytes_slice(&rows)};
    found_write(&found, out);
    bytes_free(&rows);
    return code;
}

bool gather_sees_all(view_t *view, const grant_t *grant)
{
    return grant->op == OP_person_deliveries && s_is_above(view, &grant->target);
}
