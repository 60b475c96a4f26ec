#include "ctl/extension.h"

#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/owned.h"
#include "ctl/table.h"
#include "ctl/url.h"

#include <stdio.h>
#include <stdlib.h>

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

/* Puts both endpoint URLs into the reply as "urls". */
static int s_show(ctl_t *ctl, json_t *extension)
{
    static const char *const environments[] = {"sandbox", "marketplace"};
    if (!extension)
        return CTL_REFUSED;
    json_t *urls = json_object();
    for (unsigned i = 0; i < 2; i++) {
        char *url = extension_url(conf_text(ctl_conf(ctl), SET_public_url), extension,
                                  environments[i], "TOKEN");
        if (url)
            json_object_set_new(urls, environments[i], json_string(url));
        free(url);
    }
    json_object_set_new(extension, "urls", urls);
    return ctl_show(ctl, extension);
}

int extension_create_run(ctl_t *ctl)
{
    json_t *body = owned_body(ctl, NULL);
    return body ? s_show(ctl, ctl_call(ctl, OP_extension_create, "", body)) : CTL_USAGE;
}

int extension_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_extension_list, "", "extensions", "name id owner created");
}

int extension_show_run(ctl_t *ctl)
{
    return s_show(ctl, ctl_call(ctl, OP_extension_show, ctl_argument(ctl, 0), NULL));
}

int extension_delete_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_extension_delete, ctl_argument(ctl, 0), NULL, "Extension archived.");
}
