#include "ctl/manage/extension.h"

#include "common/base/ops.h"
#include "common/base/url.h"
#include "ctl/command.h"
#include "ctl/manage/handler.h"
#include "ctl/manage/owned.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { OVERLAP_MAX = 7 * 86400 };

static json_t *s_app(const json_t *extension, const char *environment)
{
    return json_object_get(json_object_get(extension, "apps"), environment);
}

const char *extension_app_id(const json_t *extension, const char *environment)
{
    return json_string_value(json_object_get(s_app(extension, environment), "app_id"));
}

char *extension_url(const char *base, const json_t *extension, const char *environment,
                    const char *token)
{
    const char *app_id = extension_app_id(extension, environment);
    const char *appkey =
        json_string_value(json_object_get(s_app(extension, environment), "appkey"));
    if (!app_id || !appkey)
        return NULL;
    char *url = url_make(base, OP_extension_incoming, app_id);
    url_add(&url, "appkey", appkey);
    if (token)
        url_add(&url, "zapikey", token);
    return url;
}

int extension_create_run(ctl_t *ctl)
{
    json_t *body = owned_body(ctl, NULL);
    return body ? ctl_do(ctl, OP_extension_create, "", body, NULL) : CTL_USAGE;
}

int extension_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_extension_list, "", "extensions", "name id owner created");
}

int extension_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_extension_show, ctl_argument(ctl, 0), NULL, NULL);
}

int extension_edit_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_extension_edit, ctl_argument(ctl, 0), owned_changes(ctl), NULL);
}

int extension_rotate_run(ctl_t *ctl)
{
    const char *environment = ctl_option(ctl, "--environment");
    json_t *body = json_pack("{s:s}", "environment", environment ? environment : "sandbox");
    if (ctl_option(ctl, "--overlap"))
        json_object_set_new(
            body, "overlap",
            json_integer((json_int_t)ctl_seconds(ctl, "--overlap", 0, OVERLAP_MAX)));
    return ctl_do(ctl, OP_extension_rotate, ctl_argument(ctl, 0), body, NULL);
}

int extension_handler_set_run(ctl_t *ctl)
{
    return handler_set(ctl, OP_extension_handler_set, true);
}

int extension_handler_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_extension_handler_show, ctl_argument(ctl, 0), handler_which(ctl), NULL);
}

int extension_handler_clear_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_extension_handler_clear, ctl_argument(ctl, 0), handler_which(ctl),
                  "Handler cleared.");
}

int extension_handler_rotate_run(ctl_t *ctl)
{
    return handler_rotate(ctl, OP_extension_handler_rotate, true);
}

int extension_delete_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_extension_delete, ctl_argument(ctl, 0), owned_changes(ctl),
                  "Extension archived.");
}
