#include "workers/format/rules.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A format on its way from JSON. */
typedef struct {
    format_t *format;
    syntax_t syntax;
    spot_t spot;
    char reason[SYNTAX_REASON];
} parse_t;

static int s_fail(parse_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int s_fail(parse_t *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->reason, sizeof self->reason, format, args);
    va_end(args);
    return -1;
}

static slice_t s_keep(parse_t *self, slice_t text)
{
    return room_copy(&self->format->room, text);
}

static char *s_keep_text(parse_t *self, slice_t text)
{
    char *copy = room_take(&self->format->room, text.len + 1);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* What reads one field, and how it is called. */
typedef int (*field_fn)(parse_t *self, const value_t *value, void *into);
typedef struct {
    const char *name;
    field_fn read;
    value_type_t type; /* MISSING: read tells */
} field_row_t;

static const char *s_type_name(value_type_t type)
{
    return type == VALUE_TEXT     ? "a text"
           : type == VALUE_ARRAY  ? "an array"
           : type == VALUE_OBJECT ? "an object"
           : type == VALUE_BOOL   ? "true or false"
                                  : "a number";
}

/* Reads the fields of an object by their rows; another field is a fault. */
static int s_fields(parse_t *self, const value_t *object, const field_row_t *rows, void *into)
{
    members_t members = value_members(object);
    slice_t key;
    value_t value;
    uint64_t seen = 0; /* a bit of each row */
    if (object->type != VALUE_OBJECT)
        return s_fail(self, "must be an object");
    while (members_next(&members, &key, &value)) {
        size_t before = spot_enter(&self->spot, key, 0);
        const field_row_t *row = rows;
        while (row->name && !slice_is(key, row->name))
            row++;
        if (!row->name)
            return s_fail(self, "is no field of a format");
        if (seen & (uint64_t)1 << (row - rows))
            return s_fail(self, "stands twice");
        seen |= (uint64_t)1 << (row - rows);
        if (row->type != VALUE_MISSING && value.type != row->type)
            return s_fail(self, "must be %s", s_type_name(row->type));
        if (row->read(self, &value, into) != 0)
            return -1;
        spot_back(&self->spot, before);
    }
    return 0;
}

/* Reads the texts of an array, or the one text, into at most MOST slices. */
static int s_texts(parse_t *self, const value_t *value, slice_t *texts, unsigned most,
                   unsigned *count)
{
    members_t members = value_members(value);
    slice_t key;
    value_t member = *value;
    for (*count = 0;
         value->type == VALUE_TEXT ? *count == 0 : members_next(&members, &key, &member);
         ++*count) {
        if (member.type != VALUE_TEXT)
            return s_fail(self, "must be a text, or an array of texts");
        if (*count == most)
            return s_fail(self, "has more than %u items", most);
        texts[*count] = s_keep(self, member.text);
    }
    return *count ? 0 : s_fail(self, "must be a text, or an array of texts");
}

static int s_detect_header(parse_t *self, const value_t *value, void *into)
{
    ((detector_t *)into)->header = s_keep(self, value->text);
    return 0;
}

static int s_detect_agent(parse_t *self, const value_t *value, void *into)
{
    ((detector_t *)into)->agent = s_keep(self, value->text);
    return 0;
}

static int s_detect_without(parse_t *self, const value_t *value, void *into)
{
    detector_t *detector = into;
    return s_texts(self, value, detector->without, FORMAT_NAMES, &detector->without_count);
}

/* Paths, each with = and the text that stands there, or without. */
static int s_detect_body(parse_t *self, const value_t *value, void *into)
{
    detector_t *detector = into;
    slice_t texts[FORMAT_NAMES];
    if (s_texts(self, value, texts, FORMAT_NAMES, &detector->body_count) != 0)
        return -1;
    for (unsigned i = 0; i < detector->body_count; i++) {
        const char *equals = memchr(texts[i].data, '=', texts[i].len);
        slice_t path =
            slice(texts[i].data, equals ? (size_t)(equals - texts[i].data) : texts[i].len);
        if (equals)
            detector->equal[i] = slice(equals + 1, texts[i].len - path.len - 1);
        if (syntax_expr(&self->syntax, path, &detector->body[i]) != 0)
            return -1;
    }
    return 0;
}

static int s_detector(parse_t *self, const value_t *value)
{
    static const field_row_t rows[] = {{"header", s_detect_header, VALUE_TEXT},
                                       {"agent", s_detect_agent, VALUE_TEXT},
                                       {"without", s_detect_without, VALUE_MISSING},
                                       {"body", s_detect_body, VALUE_MISSING},
                                       {NULL, NULL, VALUE_MISSING}};
    if (self->format->detectors_count == FORMAT_DETECTORS)
        return s_fail(self, "has more than %d items", FORMAT_DETECTORS);
    return s_fields(self, value, rows, &self->format->detectors[self->format->detectors_count++]);
}

static int s_detect(parse_t *self, const value_t *value, void *into)
{
    members_t members = value_members(value);
    slice_t key;
    value_t member;
    (void)into;
    if (value->type != VALUE_ARRAY)
        return s_detector(self, value);
    for (size_t i = 0; members_next(&members, &key, &member); i++) {
        size_t before = spot_enter(&self->spot, slice("", 0), i);
        if (s_detector(self, &member) != 0)
            return -1;
        spot_back(&self->spot, before);
    }
    return 0;
}

static int s_sender(parse_t *self, const value_t *value, void *into)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    (void)into;
    if (value->text.len == 0 || value->text.len >= FORMAT_NAME)
        return s_fail(self, "must have 1 to %d characters", FORMAT_NAME - 1);
    for (size_t i = 0; i < value->text.len; i++)
        if (!strchr(good, value->text.data[i]))
            return s_fail(self, "is made of a to z, 0 to 9, _ and -");
    memcpy(self->format->sender, value->text.data, value->text.len);
    return 0;
}

static int s_title(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    self->format->title = s_keep_text(self, value->text);
    return 0;
}

static int s_answer(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    self->format->answer = s_keep_text(self, value->text);
    return value->text.len <= 64 ? 0 : s_fail(self, "must have at most 64 bytes");
}

static int s_version(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    return value->is_whole && value->whole == 1
               ? 0
               : s_fail(self, "must be 1, the version of the language");
}

static int s_event(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    return syntax_text(&self->syntax, s_keep(self, value->text), &self->format->event);
}

static int s_id(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    return syntax_text(&self->syntax, s_keep(self, value->text), &self->format->id);
}

static int s_branch(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    return syntax_text(&self->syntax, s_keep(self, value->text), &self->format->branch);
}

/* Texts that others include: each sees those before it, so that none is in a circle. */
static int s_parts(parse_t *self, const value_t *value)
{
    parts_t *parts = &self->format->parts;
    members_t members = value_members(value);
    slice_t key;
    value_t member;
    while (members_next(&members, &key, &member)) {
        size_t before = spot_enter(&self->spot, key, 0);
        if (member.type != VALUE_TEXT)
            return s_fail(self, "must be a text");
        if (parts->count == SYNTAX_PARTS)
            return s_fail(self, "is one part too many: at most %d", SYNTAX_PARTS);
        self->syntax.parts_most = parts->count;
        parts->names[parts->count] = s_keep(self, key);
        if (syntax_text(&self->syntax, s_keep(self, member.text), &parts->nodes[parts->count]) != 0)
            return -1;
        self->syntax.parts_most = ++parts->count;
        spot_back(&self->spot, before);
    }
    return 0;
}

static int s_rule_on(parse_t *self, const value_t *value, void *into)
{
    enum { GLOBS = 64 };
    rule_t *rule = into;
    rule->on = room_take(&self->format->room, GLOBS * sizeof *rule->on);
    return s_texts(self, value, rule->on, GLOBS, &rule->count);
}

static int s_rule_if(parse_t *self, const value_t *value, void *into)
{
    return syntax_cond(&self->syntax, s_keep(self, value->text), &((rule_t *)into)->cond);
}

static int s_rule_drop(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    return slice_is(value->text, "true") ? 0 : s_fail(self, "must be true");
}

static int s_rule_message(parse_t *self, const value_t *value, void *into)
{
    return shape_parse(&self->syntax, value, &self->spot, &((rule_t *)into)->message);
}

static int s_rule(parse_t *self, const value_t *value, rule_t *rule)
{
    static const field_row_t rows[] = {{"on", s_rule_on, VALUE_MISSING},
                                       {"if", s_rule_if, VALUE_TEXT},
                                       {"drop", s_rule_drop, VALUE_BOOL},
                                       {"message", s_rule_message, VALUE_OBJECT},
                                       {NULL, NULL, VALUE_MISSING}};
    if (s_fields(self, value, rows, rule) != 0)
        return -1;
    value_t drop = value_member(&self->format->room, value, slice_of("drop"));
    return (drop.type == VALUE_MISSING) != !rule->message
               ? 0
               : s_fail(self, "has either a message or drop");
}

static int s_rules(parse_t *self, const value_t *value, void *into)
{
    format_t *format = self->format;
    members_t members = value_members(value);
    slice_t key;
    value_t member;
    (void)into;
    size_t count = value_count(value);
    if (count > FORMAT_RULES)
        return s_fail(self, "has more than %d items", FORMAT_RULES);
    format->rules = room_take(&format->room, count * sizeof *format->rules);
    while (members_next(&members, &key, &member)) {
        rule_t *rule = &format->rules[format->rules_count];
        *rule = (rule_t){0};
        size_t before = spot_enter(&self->spot, key, format->rules_count++);
        if (s_rule(self, &member, rule) != 0)
            return -1;
        spot_back(&self->spot, before);
    }
    return 0;
}

static int s_otherwise(parse_t *self, const value_t *value, void *into)
{
    (void)into;
    self->format->drops = slice_is(value->text, "drop");
    return self->format->drops || slice_is(value->text, "summary")
               ? 0
               : s_fail(self, "must be \"summary\" or \"drop\"");
}

/* The parts come first, wherever they stand: rules include them. */
static int s_parts_first(parse_t *self, const value_t *root)
{
    value_t parts = value_member(&self->format->room, root, slice_of("parts"));
    if (parts.type == VALUE_MISSING)
        return 0;
    size_t before = spot_enter(&self->spot, slice_of("parts"), 0);
    if (parts.type != VALUE_OBJECT)
        return s_fail(self, "must be %s", s_type_name(VALUE_OBJECT));
    if (s_parts(self, &parts) != 0)
        return -1;
    spot_back(&self->spot, before);
    return 0;
}

static int s_is_read(parse_t *self, const value_t *value, void *into)
{
    (void)self;
    (void)value;
    (void)into;
    return 0;
}

static int s_format(parse_t *self, const value_t *root)
{
    static const field_row_t rows[] = {
        {"sender", s_sender, VALUE_TEXT},       {"title", s_title, VALUE_TEXT},
        {"version", s_version, VALUE_NUMBER},   {"detect", s_detect, VALUE_MISSING},
        {"event", s_event, VALUE_TEXT},         {"id", s_id, VALUE_TEXT},
        {"branch", s_branch, VALUE_TEXT},       {"answer", s_answer, VALUE_TEXT},
        {"parts", s_is_read, VALUE_OBJECT},     {"rules", s_rules, VALUE_ARRAY},
        {"otherwise", s_otherwise, VALUE_TEXT}, {NULL, NULL, VALUE_MISSING}};
    if (s_parts_first(self, root) != 0 || s_fields(self, root, rows, NULL) != 0)
        return -1;
    if (self->format->sender[0] == '\0')
        return s_fail(self, "the field sender is missing");
    return self->format->rules_count ? 0 : s_fail(self, "the field rules is missing, or empty");
}

static int s_read(parse_t *self, document_t *document, slice_t text)
{
    value_t root;
    if (text.len > FORMAT_BYTES)
        return s_fail(self, "has more than %d bytes", FORMAT_BYTES);
    if (document_parse(document, text, &root, self->reason, sizeof self->reason) != 0)
        return -1;
    return s_format(self, &root);
}

format_t *format_parse(slice_t text, format_fault_t *fault)
{
    format_t *format = calloc(1, sizeof *format);
    if (!format)
        abort();
    room_reset(&format->room);
    format->room.steps = UINT_MAX; /* the length of the text bounds the work */
    parse_t self = {.format = format};
    self.syntax = (syntax_t){&format->room, &format->parts, 0, self.reason};
    document_t *document = document_new();
    int rc = s_read(&self, document, text);
    document_destroy(&document);
    if (rc == 0)
        return format;
    fault->line = self.spot.len ? json_line(text, self.spot.text) : 0;
    snprintf(fault->reason, sizeof fault->reason, "%s%s%s", self.spot.text,
             self.spot.len ? ": " : "", self.reason);
    format_destroy(&format);
    return NULL;
}

void format_destroy(format_t **self_p)
{
    if (!*self_p)
        return;
    room_close(&(*self_p)->room);
    free(*self_p);
    *self_p = NULL;
}

const char *format_sender(const format_t *self)
{
    return self->sender;
}

const char *format_title(const format_t *self)
{
    return self->title ? self->title : self->sender;
}

const char *format_answer(const format_t *self)
{
    return self->answer;
}
