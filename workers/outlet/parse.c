#include "workers/outlet/self.h"

#include "workers/format/rules.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* A kind on its way from JSON. */
typedef struct {
    outlet_kind_t *kind;
    syntax_t syntax;
    spot_t spot;
    char reason[SYNTAX_REASON];
} parse_t;

static int s_fail(parse_t *self, const char *reason)
{
    snprintf(self->reason, sizeof self->reason, "%s", reason);
    return -1;
}

static slice_t s_keep(parse_t *self, slice_t text)
{
    return room_copy(&self->kind->room, text);
}

static char *s_keep_text(parse_t *self, slice_t text)
{
    char *copy = room_take(&self->kind->room, text.len + 1);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* What reads one field. */
typedef int (*field_fn)(parse_t *self, const value_t *value);
typedef struct {
    const char *name;
    field_fn read;
    value_type_t type;
} field_row_t;

static int s_field(parse_t *self, const field_row_t *rows, slice_t key, const value_t *value)
{
    while (rows->name && !slice_is(key, rows->name))
        rows++;
    if (!rows->name)
        return s_fail(self, "is no field here");
    if (value->type != rows->type)
        return s_fail(self, rows->type == VALUE_TEXT ? "must be a text" : "must be an object");
    return rows->read(self, value);
}

/* Reads the members of an object, each at its spot. */
static int s_each(parse_t *self, const value_t *object, void *arg,
                  int (*read)(parse_t *self, void *arg, slice_t key, const value_t *value))
{
    members_t members = value_members(object);
    slice_t key;
    value_t value;
    while (members_next(&members, &key, &value)) {
        size_t before = spot_enter(&self->spot, key, 0);
        if (read(self, arg, key, &value) != 0)
            return -1;
        spot_back(&self->spot, before);
    }
    return 0;
}

static int s_name(parse_t *self, const value_t *value)
{
    if (value->text.len == 0 || value->text.len >= FORMAT_NAME)
        return s_fail(self, "must have 1 to 32 characters");
    self->kind->name = s_keep_text(self, value->text);
    return 0;
}

static int s_title(parse_t *self, const value_t *value)
{
    self->kind->title = s_keep_text(self, value->text);
    return 0;
}

static int s_method(parse_t *self, const value_t *value)
{
    bool put = slice_is(value->text, "PUT");
    self->kind->method = put ? "PUT" : "POST";
    return put || slice_is(value->text, "POST") ? 0 : s_fail(self, "must be POST or PUT");
}

static int s_setting_field(parse_t *self, void *arg, slice_t key, const value_t *value)
{
    outlet_field_t *field = arg;
    bool flag = slice_is(key, "needed") || slice_is(key, "secret");
    if (flag && value->type == VALUE_BOOL)
        *(slice_is(key, "needed") ? &field->needed : &field->secret) =
            slice_is(value->text, "true");
    else if (slice_is(key, "what") && value->type == VALUE_TEXT)
        field->what = s_keep(self, value->text);
    else if (slice_is(key, "usually") && value->type == VALUE_TEXT)
        field->usually = s_keep(self, value->text);
    else
        return s_fail(self, "must be needed or secret, true or false, or what or usually, a text");
    return 0;
}

static int s_setting(parse_t *self, void *arg, slice_t key, const value_t *value)
{
    unsigned i = 0;
    (void)arg;
    while (i < OUTLET_SETTINGS && !slice_is(key, outlet_setting_name((outlet_setting_t)i)))
        i++;
    if (i == OUTLET_SETTINGS || value->type != VALUE_OBJECT)
        return s_fail(self, "must be url, to or token, an object");
    outlet_field_t *field = &self->kind->field[i];
    field->taken = true;
    field->secret = i == OUTLET_TOKEN;
    return s_each(self, value, field, s_setting_field);
}

static int s_settings(parse_t *self, const value_t *value)
{
    return s_each(self, value, NULL, s_setting);
}

static int s_url(parse_t *self, const value_t *value)
{
    return syntax_text(&self->syntax, s_keep(self, value->text), &self->kind->url);
}

static bool s_is_header(slice_t name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    for (size_t i = 0; i < name.len; i++)
        if (!name.data[i] || !strchr(letters, name.data[i]))
            return false;
    return name.len > 0;
}

static int s_header(parse_t *self, void *arg, slice_t key, const value_t *value)
{
    outlet_kind_t *kind = self->kind;
    (void)arg;
    if (!s_is_header(key) || value->type != VALUE_TEXT)
        return s_fail(self, "must be a header's name and a text");
    if (kind->heads == OUTLET_HEADERS)
        return s_fail(self, "is one header too many");
    outlet_head_t *head = &kind->head[kind->heads++];
    head->name = slice_of(s_keep_text(self, key));
    return syntax_text(&self->syntax, s_keep(self, value->text), &head->value);
}

static int s_headers(parse_t *self, const value_t *value)
{
    return s_each(self, value, NULL, s_header);
}

static int s_body(parse_t *self, const value_t *value)
{
    return shape_parse_plain(&self->syntax, value, &self->spot, &self->kind->body);
}

static int s_top(parse_t *self, void *arg, slice_t key, const value_t *value)
{
    static const field_row_t rows[] = {
        {"kind", s_name, VALUE_TEXT},     {"title", s_title, VALUE_TEXT},
        {"method", s_method, VALUE_TEXT}, {"settings", s_settings, VALUE_OBJECT},
        {"url", s_url, VALUE_TEXT},       {"headers", s_headers, VALUE_OBJECT},
        {"body", s_body, VALUE_OBJECT},   {NULL, NULL, VALUE_MISSING}};
    (void)arg;
    return s_field(self, rows, key, value);
}

static int s_read(parse_t *self, document_t *document, slice_t text)
{
    value_t root;
    outlet_kind_t *kind = self->kind;
    if (text.len > OUTLET_BYTES)
        return s_fail(self, "has more bytes than an outlet.json may have");
    if (document_parse(document, text, &root, self->reason, sizeof self->reason) != 0)
        return -1;
    if (root.type != VALUE_OBJECT)
        return s_fail(self, "must be an object");
    if (s_each(self, &root, NULL, s_top) != 0)
        return -1;
    if (!kind->name || !kind->url || !kind->body)
        return s_fail(self, "the fields kind, url and body are needed");
    if (!kind->title)
        kind->title = kind->name;
    return 0;
}

outlet_kind_t *outlet_kind_parse(slice_t text, format_fault_t *fault)
{
    outlet_kind_t *kind = calloc(1, sizeof *kind);
    if (!kind)
        abort();
    room_reset(&kind->room);
    kind->room.steps = UINT_MAX; /* the length of the text bounds the work */
    kind->method = "POST";
    parse_t self = {.kind = kind};
    self.syntax = (syntax_t){&kind->room, &kind->parts, 0, self.reason};
    document_t *document = document_new();
    int rc = s_read(&self, document, text);
    document_destroy(&document);
    if (rc == 0)
        return kind;
    fault->line = self.spot.len ? json_line(text, self.spot.text) : 0;
    snprintf(fault->reason, sizeof fault->reason, "%s%s%s", self.spot.text,
             self.spot.len ? ": " : "", self.reason);
    outlet_kind_destroy(&kind);
    return NULL;
}

void outlet_kind_destroy(outlet_kind_t **self_p)
{
    if (!*self_p)
        return;
    room_close(&(*self_p)->room);
    free(*self_p);
    *self_p = NULL;
}
