#include "workers/outlet/self.h"

#include "common/base/http_url.h"
#include "outlets_bytes.h"

#include <stdio.h>
#include <stdlib.h>

enum { KINDS = sizeof s_formats / sizeof *s_formats };

struct outlet_kinds {
    outlet_kind_t *kind[KINDS];
};

const char *outlet_setting_name(outlet_setting_t setting)
{
    static const char *const names[OUTLET_SETTINGS] = {
        [OUTLET_URL] = "url", [OUTLET_TO] = "to", [OUTLET_TOKEN] = "token"};
    return names[setting];
}

const char *outlet_kind_name(const outlet_kind_t *self)
{
    return self->name;
}

const char *outlet_kind_title(const outlet_kind_t *self)
{
    return self->title;
}

const outlet_field_t *outlet_kind_field(const outlet_kind_t *self, outlet_setting_t setting)
{
    return &self->field[setting];
}

static bool s_has_control(slice_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    return false;
}

static bool s_check(const outlet_field_t *field, slice_t text, char *reason)
{
    const char *why = !field->taken && text.len        ? "is nothing that this kind takes."
                      : field->needed && text.len == 0 ? "is needed by this kind: "
                      : text.len > OUTLET_SETTING      ? "must have at most 2048 bytes."
                      : s_has_control(text)            ? "must have no control character."
                                                       : NULL;
    if (why)
        snprintf(reason, OUTLET_REASON, "%s%.*s%s", why,
                 SLICE_ARG(text.len ? slice("", 0) : field->what), text.len ? "" : ".");
    return !why;
}

bool outlet_kind_check(const outlet_kind_t *self, const outlet_settings_t *settings,
                       outlet_setting_t *setting, char *reason)
{
    http_url_t parsed;
    for (unsigned i = 0; i < OUTLET_SETTINGS; i++) {
        *setting = (outlet_setting_t)i;
        if (!s_check(&self->field[i], settings->text[i], reason))
            return false;
    }
    *setting = OUTLET_URL;
    return settings->text[OUTLET_URL].len == 0 ||
           http_url_parse(settings->text[OUTLET_URL], &parsed, reason, OUTLET_REASON);
}

outlet_kinds_t *outlet_kinds_new(void)
{
    outlet_kinds_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    for (size_t i = 0; i < KINDS; i++) {
        format_fault_t fault;
        self->kind[i] = outlet_kind_parse(slice(s_formats[i].text, s_formats[i].text_len), &fault);
        if (self->kind[i])
            continue;
        fprintf(stderr, "outlets/%s/outlet.json:%u: %s\n", s_formats[i].name, fault.line,
                fault.reason);
        abort();
    }
    return self;
}

void outlet_kinds_destroy(outlet_kinds_t **self_p)
{
    if (!*self_p)
        return;
    for (size_t i = 0; i < KINDS; i++)
        outlet_kind_destroy(&(*self_p)->kind[i]);
    free(*self_p);
    *self_p = NULL;
}

size_t outlet_kinds_count(const outlet_kinds_t *self)
{
    (void)self;
    return KINDS;
}

const outlet_kind_t *outlet_kinds_at(const outlet_kinds_t *self, size_t number)
{
    return self->kind[number];
}

const outlet_kind_t *outlet_kinds_find(const outlet_kinds_t *self, slice_t name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (slice_is(name, self->kind[i]->name))
            return self->kind[i];
    return NULL;
}

slice_t outlet_kinds_readme(const outlet_kinds_t *self, size_t number)
{
    (void)self;
    return slice(s_formats[number].readme, s_formats[number].readme_len);
}
