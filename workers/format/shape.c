#include "workers/format/shape.h"

#include "common/base/utf8.h"
#include "workers/format/markup.h"
#include "workers/format/value_write.h"
#include "workers/message/message.h"

#include <stdio.h>

enum { SLIDE_TYPE = 24, NESTING = 24 };

typedef struct {
    slice_t key;
    shape_t *shape;
    bool needed;     /* the object is nothing without the field */
    bool is_content; /* a message is nothing without one of these */
} field_t;

struct shape {
    enum {
        SHAPE_TEXT,
        SHAPE_CONSTANT,
        SHAPE_OBJECT,
        SHAPE_ARRAY,
        SHAPE_EACH,
        SHAPE_VALUE,
    } kind;
    cond_t *cond;      /* NULL: always */
    node_t *nodes;     /* TEXT; EACH: what is said of the items that are left out */
    slice_t json;      /* CONSTANT */
    writing_t writing; /* TEXT */
    size_t most;       /* TEXT: characters; ARRAY: items; 0: no limit. EACH: items gone through */
    bool keeps_empty;  /* a cell of a table */
    bool https;        /* an address that has to be https */
    bool is_message;   /* OBJECT: the message itself */
    unsigned count;    /* OBJECT, ARRAY */
    field_t *fields;   /* OBJECT; ARRAY without keys */
    expr_t each;       /* EACH; VALUE: what is written */
    shape_t *item;
};

size_t spot_enter(spot_t *self, slice_t name, size_t index)
{
    size_t before = self->len;
    char *to = self->text + before;
    size_t left = sizeof self->text - before;
    int len = name.len ? snprintf(to, left, "%s%.*s", before ? "." : "", SLICE_ARG(name))
                       : snprintf(to, left, "[%zu]", index);
    self->len = (size_t)len < left ? before + (size_t)len : sizeof self->text - 1;
    return before;
}

void spot_back(spot_t *self, size_t len)
{
    self->len = len;
    self->text[len] = '\0';
}

/* What stands around a value: it decides how its texts are written, and how long they may be. */
typedef struct {
    writing_t writing;
    size_t most;
    slice_t slide; /* the type of the slide around */
    bool in_data, in_button, in_action, in_row;
    bool plain; /* it is no message: no field means anything */
    unsigned nesting;
} around_t;

typedef struct {
    syntax_t *syntax;
    spot_t *spot;
} parsing_t;

static int s_fail(parsing_t *self, const char *reason)
{
    snprintf(self->syntax->reason, SYNTAX_REASON, "%s", reason);
    return -1;
}

static bool s_is_one_of(slice_t word, const char *const *words)
{
    for (; *words; words++)
        if (slice_is(word, *words))
            return true;
    return false;
}

/* docs/API.md, The message object: fields that take so many characters or items. */
static size_t s_limit(slice_t key, const around_t *around)
{
    static const struct {
        const char *key;
        enum { ANYWHERE, BUTTON, CHART, ACTION } where;
        size_t most;
    } rows[] = {{"slides", ANYWHERE, MESSAGE_SLIDES},
                {"buttons", ANYWHERE, MESSAGE_BUTTONS},
                {"label", BUTTON, 20},
                {"hint", BUTTON, 100},
                {"key", BUTTON, 100},
                {"label", CHART, 20},
                {"category", CHART, 20},
                {"values", CHART, 20},
                {"data", CHART, 5},
                {"title", ACTION, 100},
                {"description", ACTION, 100},
                {"input", ACTION, 300}};
    static const char *const charts[] = {"percentage_chart", "graph", NULL};
    bool chart = s_is_one_of(around->slide, charts) && !around->in_button;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (slice_is(key, rows[i].key) &&
            (rows[i].where == ANYWHERE || (rows[i].where == BUTTON && around->in_button) ||
             (rows[i].where == CHART && chart) || (rows[i].where == ACTION && around->in_action)))
            return rows[i].most;
    return 0;
}

/* A slide's data, or a field in it. */
static void s_enter_data(slice_t key, around_t *inner)
{
    static const char *const pictures[] = {"images", "image", NULL};
    static const char *const charts[] = {"percentage_chart", "graph", NULL};
    static const char *const flat[] = {"label", "headers", NULL};
    inner->in_data = true;
    inner->writing = s_is_one_of(inner->slide, pictures) ? WRITE_ADDRESS
                     : s_is_one_of(inner->slide, charts) ? WRITE_FLAT
                                                         : WRITE_MARKUP;
    if (!inner->in_row && s_is_one_of(key, flat))
        inner->writing = WRITE_FLAT;
    inner->in_row |= slice_is(key, "rows");
}

/* What stands around the field KEY of an object. */
static around_t s_enter(const around_t *around, slice_t key)
{
    static const char *const addresses[] = {"web", "url", "image", "thumbnail", "icon", NULL};
    around_t inner = *around;
    if (around->plain)
        return inner;
    inner.writing = WRITE_FLAT;
    if (slice_is(key, "buttons"))
        inner.in_button = true;
    if (slice_is(key, "action"))
        inner.in_action = true;
    bool plain = !inner.in_button && !inner.in_action;
    if (plain && (around->in_data || (around->slide.len > 0 && slice_is(key, "data"))))
        s_enter_data(key, &inner);
    else if (s_is_one_of(key, addresses))
        inner.writing = WRITE_ADDRESS;
    else if (plain && slice_is(key, "text"))
        inner.writing = WRITE_MARKUP;
    inner.most = s_limit(key, &inner);
    if (around->nesting == 1 && slice_is(key, "text"))
        inner.most = MESSAGE_TEXT_CHARS;
    if (around->nesting == 2 && slice_is(key, "title") && around->slide.len == 0)
        inner.most = 200; /* a card's */
    return inner;
}

static bool s_is_needed(slice_t key, const around_t *around)
{
    static const char *const keys[] = {"data",   "label", "value",    "web",    "url",
                                       "action", "rows",  "category", "values", NULL};
    bool inside = around->slide.len > 0 || around->in_button || around->in_action;
    return inside && !around->in_row && s_is_one_of(key, keys);
}

static int s_parse(parsing_t *self, const value_t *json, const around_t *around, shape_t **shape);

static shape_t *s_new(parsing_t *self, int kind)
{
    shape_t *shape = room_take(self->syntax->room, sizeof *shape);
    *shape = (shape_t){.kind = kind};
    return shape;
}

/* The most characters of a text for which the message object has no limit of its own: a long value
 * does not fill the message. */
static size_t s_usual_limit(const around_t *around)
{
    enum { USUAL = 1000 };
    if (around->plain)
        return 0;
    return slice_is(around->slide, "text") ? MESSAGE_TEXT_CHARS : USUAL;
}

static int s_parse_text(parsing_t *self, slice_t text, const around_t *around, shape_t **shape)
{
    *shape = s_new(self, SHAPE_TEXT);
    (*shape)->writing = around->writing;
    (*shape)->most = around->most ? around->most : s_usual_limit(around);
    (*shape)->keeps_empty = around->in_row;
    (*shape)->https = around->in_data && around->writing == WRITE_ADDRESS;
    return syntax_text(self->syntax, room_copy(self->syntax->room, text), &(*shape)->nodes);
}

/* A number, true, false or null, as it stands. */
static int s_parse_constant(parsing_t *self, const value_t *json, shape_t **shape)
{
    *shape = s_new(self, SHAPE_CONSTANT);
    slice_t text = shown_text(self->syntax->room, json);
    (*shape)->json = room_copy(self->syntax->room, text.len ? text : slice_of("null"));
    return 0;
}

static value_t s_member(parsing_t *self, const value_t *json, const char *name)
{
    return value_member(self->syntax->room, json, slice_of(name));
}

static int s_parse_cond(parsing_t *self, const value_t *json, shape_t *shape)
{
    value_t cond = s_member(self, json, "if");
    if (cond.type == VALUE_MISSING)
        return 0;
    size_t before = spot_enter(self->spot, slice_of("if"), 0);
    if (cond.type != VALUE_TEXT)
        return s_fail(self, "must be a text");
    if (syntax_cond(self->syntax, room_copy(self->syntax->room, cond.text), &shape->cond) != 0)
        return -1;
    spot_back(self->spot, before);
    return 0;
}

static int s_parse_most(parsing_t *self, const value_t *json, shape_t *shape)
{
    value_t most = s_member(self, json, "most");
    shape->most = SYNTAX_MOST;
    if (most.type == VALUE_MISSING)
        return 0;
    if (!most.is_whole || most.whole < 1 || most.whole > SYNTAX_MOST)
        return s_fail(self, "most is a number from 1 to 100");
    shape->most = (size_t)most.whole;
    return 0;
}

static int s_parse_each(parsing_t *self, const value_t *json, const around_t *around,
                        shape_t **shape);

/* An item of an array; each in its place gives its items there. */
static int s_parse_item(parsing_t *self, const value_t *json, const around_t *around,
                        shape_t **shape)
{
    around_t inner = *around;
    value_t each = s_member(self, json, "each");
    if (each.type == VALUE_MISSING)
        return s_parse(self, json, around, shape);
    if (++inner.nesting > NESTING)
        return s_fail(self, "is nested too deep");
    return s_parse_each(self, json, &inner, shape);
}

/* {"each": PATH, "most": N, "item": …, "more": TEXT, "if": COND} */
static int s_parse_each(parsing_t *self, const value_t *json, const around_t *around,
                        shape_t **shape)
{
    value_t each = s_member(self, json, "each"), item = s_member(self, json, "item"),
            more = s_member(self, json, "more");
    *shape = s_new(self, SHAPE_EACH);
    if (each.type != VALUE_TEXT || item.type == VALUE_MISSING)
        return s_fail(self, "each is a path, and has an item beside it");
    if (syntax_expr(self->syntax, room_copy(self->syntax->room, each.text), &(*shape)->each) != 0 ||
        s_parse_most(self, json, *shape) != 0 || s_parse_cond(self, json, *shape) != 0)
        return -1;
    around_t inner = *around;
    inner.most = 0;
    size_t before = spot_enter(self->spot, slice_of("item"), 0);
    if (s_parse_item(self, &item, &inner, &(*shape)->item) != 0)
        return -1;
    spot_back(self->spot, before);
    if (more.type == VALUE_TEXT)
        return syntax_text(self->syntax, room_copy(self->syntax->room, more.text),
                           &(*shape)->nodes);
    return 0;
}

/* A slide is known by its type, which stands beside its data. */
static void s_look_for_slide(parsing_t *self, const value_t *json, around_t *around)
{
    value_t type = s_member(self, json, "type"), data = s_member(self, json, "data");
    if (!around->plain && type.type == VALUE_TEXT && data.type != VALUE_MISSING &&
        !around->in_button)
        around->slide = type.text;
}

static int s_parse_object(parsing_t *self, const value_t *json, around_t around, shape_t **shape)
{
    static const char *const contents[] = {"text", "card", "slides", NULL};
    members_t members = value_members(json);
    slice_t key;
    value_t member;
    *shape = s_new(self, SHAPE_OBJECT);
    (*shape)->is_message = around.nesting == 1 && !around.plain;
    (*shape)->fields = room_take(self->syntax->room, value_count(json) * sizeof(field_t));
    s_look_for_slide(self, json, &around);
    if (s_parse_cond(self, json, *shape) != 0)
        return -1;
    while (members_next(&members, &key, &member)) {
        if (slice_is(key, "if"))
            continue;
        around_t inner = s_enter(&around, key);
        field_t *field = &(*shape)->fields[(*shape)->count++];
        *field = (field_t){.key = room_copy(self->syntax->room, key),
                           .needed = s_is_needed(key, &around),
                           .is_content = s_is_one_of(key, contents)};
        size_t before = spot_enter(self->spot, key, 0);
        if (s_parse(self, &member, &inner, &field->shape) != 0)
            return -1;
        spot_back(self->spot, before);
    }
    return 0;
}

/* An each that stands alone is an array of what it gives. */
static int s_parse_array(parsing_t *self, const value_t *json, const around_t *around,
                         shape_t **shape)
{
    bool alone = json->type == VALUE_OBJECT;
    members_t members = value_members(json);
    value_t member = *json;
    slice_t key;
    *shape = s_new(self, SHAPE_ARRAY);
    (*shape)->most = around->most;
    (*shape)->fields =
        room_take(self->syntax->room, (alone ? 1 : value_count(json)) * sizeof(field_t));
    around_t inner = *around;
    inner.most = 0;
    while (alone ? (*shape)->count == 0 : members_next(&members, &key, &member)) {
        field_t *field = &(*shape)->fields[(*shape)->count++];
        *field = (field_t){.shape = NULL};
        size_t before =
            alone ? self->spot->len : spot_enter(self->spot, slice("", 0), (*shape)->count - 1);
        if (s_parse_item(self, &member, &inner, &field->shape) != 0)
            return -1;
        spot_back(self->spot, before);
    }
    return 0;
}

/* {"json": PATH}: the value itself. */
static int s_parse_value(parsing_t *self, slice_t text, shape_t **shape)
{
    *shape = s_new(self, SHAPE_VALUE);
    return syntax_expr(self->syntax, room_copy(self->syntax->room, text), &(*shape)->each);
}

/* What only a body that is no message has; false: it is none of that. */
static bool s_parse_plain(parsing_t *self, const value_t *json, shape_t **shape, int *rc)
{
    value_t value = s_member(self, json, "json");
    *rc = 0;
    if (json->type == VALUE_ARRAY && value_count(json) == 0) {
        *shape = s_new(self, SHAPE_CONSTANT);
        (*shape)->json = slice_of("[]");
        return true;
    }
    if (value.type != VALUE_TEXT)
        return false;
    *rc = s_parse_value(self, value.text, shape);
    return true;
}

static int s_parse(parsing_t *self, const value_t *json, const around_t *around, shape_t **shape)
{
    int rc;
    around_t here = *around;
    if (around->plain && s_parse_plain(self, json, shape, &rc))
        return rc;
    if (++here.nesting > NESTING)
        return s_fail(self, "is nested too deep");
    if (json->type == VALUE_TEXT)
        return s_parse_text(self, json->text, around, shape);
    if (json->type == VALUE_ARRAY)
        return s_parse_array(self, json, &here, shape);
    if (json->type != VALUE_OBJECT)
        return s_parse_constant(self, json, shape);
    value_t each = s_member(self, json, "each");
    if (each.type != VALUE_MISSING)
        return s_parse_array(self, json, &here, shape);
    return s_parse_object(self, json, here, shape);
}

int shape_parse(syntax_t *syntax, const value_t *json, spot_t *spot, shape_t **shape)
{
    parsing_t self = {syntax, spot};
    around_t around = {.writing = WRITE_FLAT};
    if (json->type != VALUE_OBJECT)
        return s_fail(&self, "must be a message object");
    return s_parse(&self, json, &around, shape);
}

int shape_parse_plain(syntax_t *syntax, const value_t *json, spot_t *spot, shape_t **shape)
{
    parsing_t self = {syntax, spot};
    around_t around = {.writing = WRITE_RAW, .plain = true};
    if (json->type != VALUE_OBJECT)
        return s_fail(&self, "must be an object");
    return s_parse(&self, json, &around, shape);
}

/* Without blanks at its ends and at those of its lines; of line ends that follow each other two
 * stay. */
static void s_tidy(text_t *text)
{
    size_t to = 0, ends = 0;
    bool one_line = text->len > 0 && !memchr(text->data, '\n', text->len);
    if (one_line && !is_one_of(*text->data, " \t"))
        to = text->len; /* its end is all there is to do */
    for (size_t i = to; i < text->len; i++) {
        char c = text->data[i];
        if (c == '\n') {
            while (to > 0 && (text->data[to - 1] == ' ' || text->data[to - 1] == '\t'))
                to--;
            if (++ends > 2 || to == 0)
                continue;
        } else if (c != ' ' && c != '\t') {
            ends = 0;
        } else if (to == 0) {
            continue;
        }
        text->data[to++] = c;
    }
    while (to > 0 && is_one_of(text->data[to - 1], " \t\n"))
        to--;
    text->len = to;
}

/* At most MOST characters, the last of them … when there were more; no block of code stays open and
 * no character half escaped. */
static void s_cut(text_t *text, size_t most, writing_t writing)
{
    static const char ellipsis[] = "…", close[] = "\n```";
    if (most == 0 || text->len <= most || utf8_count(text_of(text)) <= most)
        return;
    size_t at = 0, keep = most - 1 - (writing == WRITE_MARKUP ? sizeof close - 1 : 0), fences = 0;
    for (size_t count = 0; count < keep; count++) {
        if (text->len - at >= 3 && memcmp(text->data + at, "```", 3) == 0)
            fences++;
        at += utf8_length(slice(text->data + at, text->len - at));
    }
    while (writing == WRITE_MARKUP && at > 0 && is_one_of(text->data[at - 1], "\\`"))
        at--;
    text->len = at;
    text_lit(text, ellipsis);
    if (fences % 2)
        text_lit(text, close);
}

static bool s_write_text(eval_t *eval, const scope_t *scope, const shape_t *shape, json_out_t *out)
{
    text_t text = {.room = eval->room}, written = {.room = eval->room};
    eval_text(eval, scope, shape->nodes, shape->writing, &text);
    if (shape->writing == WRITE_ADDRESS)
        markup_address(&written, text_of(&text));
    else if (shape->writing == WRITE_FLAT)
        markup_flat(&written, text_of(&text));
    else
        written = text;
    if (shape->writing == WRITE_MARKUP)
        s_tidy(&written);
    if (shape->https && !(written.len > 8 && memcmp(written.data, "https://", 8) == 0))
        written.len = 0;
    s_cut(&written, shape->most, shape->writing);
    if (written.len == 0 && !shape->keeps_empty)
        return false;
    json_quote(out, text_of(&written));
    return true;
}

static bool s_write_object(eval_t *eval, const scope_t *scope, const shape_t *shape,
                           json_out_t *out)
{
    size_t begin = out->len, count = 0;
    bool has_content = !shape->is_message;
    json_lit(out, "{");
    for (unsigned i = 0; i < shape->count; i++) {
        const field_t *field = &shape->fields[i];
        size_t before = out->len;
        json_lit(out, count ? "," : "");
        json_quote(out, field->key);
        json_lit(out, ":");
        if (shape_write(eval, scope, field->shape, out)) {
            count++;
            has_content |= field->is_content;
            continue;
        }
        out->len = before;
        if (field->needed) {
            count = 0;
            break;
        }
    }
    json_lit(out, "}");
    if (count == 0 || !has_content)
        out->len = begin;
    return count > 0 && has_content;
}

/* An array in the making. */
typedef struct {
    eval_t *eval;
    json_out_t *out;
    size_t count, most;
} list_t;

static bool s_is_full(const list_t *self)
{
    return (self->most > 0 && self->count == self->most) || self->eval->room->spent;
}

static void s_write_item(list_t *self, const scope_t *scope, const shape_t *shape);

static void s_write_each(list_t *self, const scope_t *scope, const shape_t *shape)
{
    items_t items = eval_items(self->eval, scope, &shape->each, (unsigned)shape->most);
    while (!s_is_full(self) && eval_items_next(self->eval, &items))
        s_write_item(self, &items.scope, shape->item);
    if (items.scope.more == 0 || !shape->nodes || s_is_full(self))
        return;
    const shape_t more = {
        .kind = SHAPE_TEXT, .nodes = shape->nodes, .writing = shape->item->writing};
    s_write_item(self, &items.scope, &more);
}

static void s_write_item(list_t *self, const scope_t *scope, const shape_t *shape)
{
    size_t before = self->out->len;
    if (shape->kind == SHAPE_EACH) {
        if (!shape->cond || eval_cond(self->eval, scope, shape->cond))
            s_write_each(self, scope, shape);
        return;
    }
    if (self->count > 0)
        json_lit(self->out, ",");
    if (shape_write(self->eval, scope, shape, self->out))
        self->count++;
    else
        self->out->len = before;
}

static bool s_write_array(eval_t *eval, const scope_t *scope, const shape_t *shape, json_out_t *out)
{
    list_t list = {eval, out, 0, shape->most};
    size_t begin = out->len;
    json_lit(out, "[");
    for (unsigned i = 0; i < shape->count && !s_is_full(&list); i++)
        s_write_item(&list, scope, shape->fields[i].shape);
    json_lit(out, "]");
    if (list.count == 0)
        out->len = begin;
    return list.count > 0;
}

static bool s_write_value(eval_t *eval, const scope_t *scope, const shape_t *shape, json_out_t *out)
{
    shown_t shown = eval_expr(eval, scope, &shape->each);
    if (shown.value.type == VALUE_MISSING)
        return false;
    value_write(eval->room, &shown.value, out);
    return true;
}

bool shape_write(eval_t *eval, const scope_t *scope, const shape_t *shape, json_out_t *out)
{
    if (shape->cond && !eval_cond(eval, scope, shape->cond))
        return false;
    switch (shape->kind) {
    case SHAPE_TEXT:
        return s_write_text(eval, scope, shape, out);
    case SHAPE_OBJECT:
        return s_write_object(eval, scope, shape, out);
    case SHAPE_ARRAY:
        return s_write_array(eval, scope, shape, out);
    case SHAPE_VALUE:
        return s_write_value(eval, scope, shape, out);
    default:
        json_raw(out, shape->json);
        return true;
    }
}
