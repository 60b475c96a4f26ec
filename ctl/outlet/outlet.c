/* posternctl outlet kinds and try: what outlets make of messages, without a server. */
#include "ctl/outlet/outlet.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/table.h"
#include "workers/outlet/render.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE = 16 << 20 };

static json_t *s_text(slice_t text)
{
    return json_stringn(text.len ? text.data : "", text.len);
}

/* url and to, and what each is. */
static json_t *s_settings(const outlet_kind_t *kind)
{
    json_t *all = json_object();
    for (unsigned i = 0; i < OUTLET_SETTINGS; i++) {
        const outlet_field_t *field = outlet_kind_field(kind, (outlet_setting_t)i);
        if (field->taken)
            json_object_set_new(all, outlet_setting_name((outlet_setting_t)i),
                                json_pack("{s:o, s:b, s:b, s:o}", "what", s_text(field->what),
                                          "needed", field->needed, "secret", field->secret,
                                          "usually", s_text(field->usually)));
    }
    return all;
}

/* The same for people: "url: …; to: … (needed)". */
static json_t *s_takes(const json_t *settings)
{
    const char *name;
    json_t *field, *all = json_string("");
    json_object_foreach ((json_t *)settings, name, field) {
        json_t *more = json_sprintf(
            "%s%s%s: %s%s", json_string_value(all), json_string_length(all) ? "; " : "", name,
            json_string_value(json_object_get(field, "what")),
            json_is_true(json_object_get(field, "needed")) ? " (needed)" : "");
        json_decref(all);
        all = more;
    }
    return all;
}

int outlet_kinds_run(ctl_t *ctl)
{
    outlet_kinds_t *kinds = outlet_kinds_new();
    json_t *rows = json_array(), *row;
    size_t i;
    for (i = 0; i < outlet_kinds_count(kinds); i++) {
        const outlet_kind_t *kind = outlet_kinds_at(kinds, i);
        json_array_append_new(
            rows, json_pack("{s:s, s:s, s:o, s:o}", "kind", outlet_kind_name(kind), "title",
                            outlet_kind_title(kind), "readme",
                            s_text(outlet_kinds_readme(kinds, i)), "settings", s_settings(kind)));
    }
    if (ctl_json(ctl)) {
        json_t *all = json_pack("{s:O}", "kinds", rows);
        table_json(all);
        json_decref(all);
    } else {
        json_array_foreach (rows, i, row)
            json_object_set_new(row, "takes", s_takes(json_object_get(row, "settings")));
        table_rows(rows, "kind title takes");
    }
    json_decref(rows);
    outlet_kinds_destroy(&kinds);
    return CTL_OK;
}

/* The kind that is named, or the outlet.json of a folder, which is parsed into *OWN. */
static const outlet_kind_t *s_find(ctl_t *ctl, const outlet_kinds_t *kinds, outlet_kind_t **own)
{
    char path[PATH_MAX];
    size_t len;
    format_fault_t fault;
    const char *name = ctl_argument(ctl, 0);
    if (!strchr(name, '/')) {
        const outlet_kind_t *kind = outlet_kinds_find(kinds, slice_of(name));
        if (!kind)
            ctl_error(ctl, "not_found",
                      "there is no kind of outlets \"%s\" (posternctl outlet kinds has them; a "
                      "folder of your own needs a / in it)",
                      name);
        return kind;
    }
    snprintf(path, sizeof path, "%s/outlet.json", name);
    char *text = credential_read_file(path, OUTLET_BYTES, &len);
    if (!text)
        ctl_error(ctl, "failed", "%s: %s", path, strerror(errno));
    else if (!(*own = outlet_kind_parse(slice(text, len), &fault)))
        ctl_error(ctl, "failed", "%s:%u: %s", path, fault.line, fault.reason);
    free(text);
    return *own;
}

char *outlet_token(ctl_t *ctl, int *status)
{
    size_t len;
    const char *file = ctl_option(ctl, "--secret-file");
    *status = CTL_OK;
    if (!file)
        return NULL;
    char *token = credential_read_file(file, OUTLET_SETTING, &len);
    if (token)
        token[strcspn(token, "\r\n")] = '\0';
    if (token)
        return token;
    ctl_error(ctl, "failed", "%s: %s", file, strerror(errno));
    *status = CTL_USAGE;
    return NULL;
}

static json_t *s_call(const outlet_call_t *call)
{
    json_t *headers = json_object();
    for (unsigned i = 0; i < call->headers; i++)
        json_object_setn_new(headers, call->header[i].name.data, call->header[i].name.len,
                             s_text(call->header[i].value));
    return json_pack("{s:s, s:o, s:o, s:o}", "method", call->method, "url", s_text(call->url),
                     "headers", headers, "body",
                     json_loadb(call->body.data, call->body.len, 0, NULL));
}

static int s_try(ctl_t *ctl, const outlet_kind_t *kind, const outlet_settings_t *settings,
                 slice_t message)
{
    outlet_call_t call;
    const char *channel = ctl_option(ctl, "--channel");
    outlet_renderer_t *renderer = outlet_renderer_new();
    outlet_outcome_t outcome = outlet_render(
        renderer, kind, settings, slice_of(channel ? channel : "channel"), message, &call);
    if (outcome == OUTLET_CALLED) {
        json_t *shown = s_call(&call);
        table_json(shown);
        json_decref(shown);
    } else if (outcome == OUTLET_SKIPPED) {
        puts("\"skipped\"");
    } else {
        ctl_error(ctl, "failed",
                  "stdin has no message as reading back gives one, or the call has no good URL");
    }
    outlet_renderer_destroy(&renderer);
    return outcome == OUTLET_FAILED ? CTL_REFUSED : CTL_OK;
}

/* The message on stdin. */
static int s_try_message(ctl_t *ctl, const outlet_kind_t *kind, const char *token)
{
    outlet_setting_t wrong;
    char reason[OUTLET_REASON];
    size_t len;
    const char *url = ctl_option(ctl, "--url"), *to = ctl_option(ctl, "--to");
    const outlet_settings_t settings = {.text = {[OUTLET_URL] = slice_of(url ? url : ""),
                                                 [OUTLET_TO] = slice_of(to ? to : ""),
                                                 [OUTLET_TOKEN] = slice_of(token ? token : "")}};
    if (!outlet_kind_check(kind, &settings, &wrong, reason)) {
        ctl_error(ctl, "invalid_param", "%s %s", outlet_setting_name(wrong), reason);
        return CTL_USAGE;
    }
    char *message = credential_read_file("-", MESSAGE, &len);
    if (!message) {
        ctl_error(ctl, "failed", "stdin: %s", strerror(errno));
        return CTL_REFUSED;
    }
    int status = s_try(ctl, kind, &settings, slice(message, len));
    free(message);
    return status;
}

int outlet_try_run(ctl_t *ctl)
{
    int status;
    outlet_kind_t *own = NULL;
    outlet_kinds_t *kinds = outlet_kinds_new();
    const outlet_kind_t *kind = s_find(ctl, kinds, &own);
    char *token = kind ? outlet_token(ctl, &status) : NULL;
    if (!kind)
        status = CTL_REFUSED;
    if (status == CTL_OK)
        status = s_try_message(ctl, kind, token);
    if (token)
        credential_free(&token);
    outlet_kind_destroy(&own);
    outlet_kinds_destroy(&kinds);
    return status;
}
