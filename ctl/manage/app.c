#include "ctl/manage/app.h"

#include "common/base/ops.h"
#include "common/base/url.h"

static json_t *s_app(const json_t *extension, const char *environment)
{
    return json_object_get(json_object_get(extension, "apps"), environment);
}

const char *app_id_of(const json_t *extension, const char *environment)
{
    return json_string_value(json_object_get(s_app(extension, environment), "app_id"));
}

char *app_url(const char *base, const json_t *extension, const char *environment, const char *token)
{
    const char *app_id = app_id_of(extension, environment);
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
