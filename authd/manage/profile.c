#include "authd/manage/profile.h"

#include "common/base/http_url.h"

static json_t *s_text(slice_t text)
{
    return text.len ? task_json_text(text) : json_null();
}

void profile_add(const task_t *task, const uuid_t7 *id, const uuid_t7 *owner, json_t *all)
{
    profile_t profile;
    profiles_get(task->view, id, &profile);
    json_object_set_new(all, "display_name", s_text(profile.name));
    json_object_set_new(all, "description", s_text(profile.description));
    json_object_set_new(all, "picture", s_text(profile.picture));
    json_object_set_new(all, "owner_name", task_json_name(task, owner));
}

/* A page shows it: no other scheme, and nothing that is no URL. */
static error_code_t s_check_picture(task_t *task, slice_t picture)
{
    char err[128];
    http_url_t url;
    if (picture.len == 0 || (http_url_parse(picture, &url, err, sizeof err) && url.tls))
        return ERROR_none;
    return task_because(task,
                        task_field(task, ERROR_invalid_param, "picture", "must be an https URL."),
                        REASON_shape);
}

error_code_t profile_edit(task_t *task, const uuid_t7 *id)
{
    profile_t profile;
    profiles_get(task->view, id, &profile);
    const struct {
        const char *name;
        slice_t *value;
    } arguments[] = {{"display_name", &profile.name},
                     {"description", &profile.description},
                     {"picture", &profile.picture}};
    bool given = false;
    for (unsigned i = 0; i < sizeof arguments / sizeof *arguments; i++)
        if (json_object_get(task->args, arguments[i].name)) {
            *arguments[i].value = task_text(task, arguments[i].name);
            given = true;
        }
    error_code_t code = given ? s_check_picture(task, profile.picture) : ERROR_none;
    if (given && code == ERROR_none)
        profiles_put(task->view, id, &profile);
    return code;
}
