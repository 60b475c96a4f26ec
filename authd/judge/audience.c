#include "authd/judge/audience.h"

#include "authd/directory/users.h"
#include "common/base/percent.h"
#include "common/base/utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is looked for in a body before it is read. */
static const char *const s_fields[] = {"userids", "user_ids"};
enum { FIELDS = 2, NAME_SHOWN = 64 };

typedef struct {
    view_t *view;
    place_kind_t kind;
    const place_t *place;
    bool any; /* somebody is named */
    size_t len;
    uuid_t7 ids[AUDIENCE_MOST];
    char fault[WIRE_TEXT]; /* "": none */
} audience_t;

static slice_t s_trim(slice_t text)
{
    while (text.len > 0 && is_one_of(text.data[0], " \t\r\n"))
        text = slice(text.data + 1, text.len - 1);
    while (text.len > 0 && is_one_of(text.data[text.len - 1], " \t\r\n"))
        text.len--;
    return text;
}

static bool s_has(const audience_t *self, const uuid_t7 *id)
{
    for (size_t i = 0; i < self->len; i++)
        if (uuid_eq(&self->ids[i], id))
            return true;
    return false;
}

/* One text for whoever is not there and whoever may not read: a sender learns of no address. */
static void s_add(audience_t *self, slice_t name)
{
    user_t user;
    name = s_trim(name);
    if (name.len == 0 || self->fault[0])
        return;
    self->any = true;
    bool found = users_find(self->view, name, &user) &&
                 (uuid_eq(&self->place->owner, &user.id) ||
                  place_has(self->view, self->kind, &self->place->id, &user.id));
    slice_t shown = utf8_valid(name) ? utf8_within(name, NAME_SHOWN) : slice_of("somebody");
    if (!found)
        snprintf(self->fault, sizeof self->fault,
                 "userids names %.*s, who is not among the %s of this %s.", SLICE_ARG(shown),
                 self->kind == PLACE_BOT ? "subscribers" : "members",
                 self->kind == PLACE_BOT ? "bot" : "channel");
    else if (!s_has(self, &user.id) && self->len == AUDIENCE_MOST)
        snprintf(self->fault, sizeof self->fault, "userids must have at most %d items.",
                 AUDIENCE_MOST);
    else if (!s_has(self, &user.id))
        self->ids[self->len++] = user.id;
}

static void s_add_list(audience_t *self, slice_t text)
{
    while (text.len > 0) {
        const char *comma = memchr(text.data, ',', text.len);
        size_t len = comma ? (size_t)(comma - text.data) : text.len;
        s_add(self, slice(text.data, len));
        text = slice(text.data + len, text.len - len);
        if (comma)
            text = slice(text.data + 1, text.len - 1);
    }
}

static void s_add_item(audience_t *self, const json_t *item)
{
    char number[24];
    if (json_is_string(item))
        s_add(self, slice(json_string_value(item), json_string_length(item)));
    else if (json_is_integer(item))
        s_add(self, slice(number, (size_t)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                                                   json_integer_value(item))));
    else if (!json_is_null(item))
        s_add(self, slice_of("a value that is no user"));
}

static void s_add_value(audience_t *self, const json_t *value)
{
    size_t at;
    json_t *item;
    if (json_is_string(value))
        s_add_list(self, slice(json_string_value(value), json_string_length(value)));
    json_array_foreach (value, at, item)
        s_add_item(self, item);
}

static void s_add_object(audience_t *self, slice_t text)
{
    json_t *object = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    for (unsigned i = 0; i < FIELDS; i++)
        s_add_value(self, json_object_get(object, s_fields[i]));
    json_decref(object);
}

/* A parameter's or a form's: a list, or an array as JSON. */
static void s_add_text(audience_t *self, slice_t text)
{
    json_t *array = NULL;
    if (text.len > 0 && text.data[0] == '[')
        array = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    if (array)
        s_add_value(self, array);
    else
        s_add_list(self, text);
    json_decref(array);
}

static bool s_is_field(slice_t name)
{
    return slice_is(name, s_fields[0]) || slice_is(name, s_fields[1]);
}

static void s_add_form(audience_t *self, slice_t form)
{
    slice_t name, value;
    char *room = malloc(form.len + 1);
    if (!room)
        abort();
    while (percent_piece(&form, &name, &value)) {
        bool payload = slice_is(name, "payload");
        if (!value.data || (!payload && !s_is_field(name)))
            continue;
        slice_t text = slice(room, percent_decode_form(value, room));
        payload ? s_add_object(self, text) : s_add_text(self, text);
    }
    free(room);
}

static void s_add_body(audience_t *self, slice_t body)
{
    slice_t text = s_trim(utf8_unmarked(body));
    if (text.len > 0 && text.data[0] == '{')
        s_add_object(self, text);
    else
        s_add_form(self, text);
}

static void s_add_params(audience_t *self, slice_t params)
{
    slice_t name, value;
    for (wire_pairs_t each = wire_pairs_begin(params); wire_pairs_next(&each, &name, &value);)
        if (s_is_field(name))
            s_add_text(self, value);
}

static void s_write(const audience_t *self, const char *name, pack_t *room)
{
    char value[1 + sizeof self->ids];
    size_t len = self->fault[0] ? strlen(self->fault) : self->len * UUID_BYTES;
    if (!self->any)
        return;
    value[0] = self->fault[0] ? WIRE_AUDIENCE_FAULT : WIRE_AUDIENCE_IDS;
    memcpy(value + 1, self->fault[0] ? (const void *)self->fault : (const void *)self->ids, len);
    wire_pairs_add(room, slice_of(name), slice(value, 1 + len));
}

/* Nearly no message does, and each is looked at: by its rarest letter, which takes few steps. */
static bool s_mentions(slice_t text)
{
    const char *at = text.data, *end = at + text.len;
    while (at < end && (at = memchr(at, 'u', (size_t)(end - at)))) {
        for (unsigned i = 0; i < FIELDS && end - at > 1 && at[1] == 's'; i++) {
            size_t len = strlen(s_fields[i]);
            if ((size_t)(end - at) >= len && memcmp(at, s_fields[i], len) == 0)
                return true;
        }
        at++;
    }
    return false;
}

void audience_add(view_t *view, place_kind_t kind, const place_t *place, wire_request_t *request,
                  slice_t body, pack_t *room)
{
    bool in_body = s_mentions(body), in_params = s_mentions(request->params);
    if (!in_body && !in_params)
        return;
    audience_t of_body = {.view = view, .kind = kind, .place = place}, of_params = of_body;
    if (in_body)
        s_add_body(&of_body, body);
    if (in_params)
        s_add_params(&of_params, request->params);
    if (!of_body.any && !of_params.any)
        return;
    pack_reset(room);
    s_write(&of_body, WIRE_AUDIENCE, room);
    s_write(&of_params, WIRE_AUDIENCE_PARAM, room);
    if (request->headers.len)
        pack_raw(room, request->headers);
    request->headers = wire_pairs_of(room);
}
