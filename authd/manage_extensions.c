/* Operations on extensions. */
#include "authd/directory/extensions.h"
#include "authd/task.h"
#include "common/base/secret.h"

static json_t *s_json_app(task_t *task, const extension_t *extension,
                          wire_environment_t environment, bool with_key)
{
    char app_id[APP_ID_TEXT], key[APPKEY_MOST];
    app_t app;
    extension_app_id(extension, environment, app_id);
    json_t *all = json_pack("{s:s}", "app_id", app_id);
    if (with_key && apps_get(task->view, slice_of(app_id), &app)) {
        app_key(task->view, &app, key);
        json_object_set_new(all, "appkey", json_string(key));
        secret_wipe(key, sizeof key);
    }
    return all;
}

/* with_keys: the appkeys too, which make the complete endpoint URLs. */
static json_t *s_json(task_t *task, const extension_t *extension, bool with_keys)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}", "id", task_json_id(&extension->id), "name",
        task_json_text(extension->name), "owner", task_json_id(&extension->owner), "created",
        task_json_time(extension->created_ms), "archived", task_json_time(extension->archived_ms),
        "apps", "sandbox", s_json_app(task, extension, ENVIRONMENT_SANDBOX, with_keys),
        "marketplace", s_json_app(task, extension, ENVIRONMENT_MARKETPLACE, with_keys));
}

static error_code_t s_create(task_t *task)
{
    user_t owner;
    extension_t extension = {.name = task_text(task, "name"), .created_ms = task->now_ms};
    if (!extension_is_name(extension.name))
        return task_fail(task, ERROR_invalid_param,
                         "name: must be 1 to %d of a-z, 0-9 and _, not digits alone.",
                         EXTENSION_NAME_MOST);
    error_code_t code = task_user(task, task_text(task, "owner"), "owner", &owner);
    if (code != ERROR_none)
        return code;
    extension.owner = owner.id;
    uuid_new(&extension.id);
    if (extensions_add(task->view, &extension) != 0)
        return task_fail(task, ERROR_conflict,
                         "name: another extension has this name; one that is archived keeps it.");
    task_object(task, &extension.id, extension.name);
    task->result = s_json(task, &extension, true);
    return ERROR_none;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    extension_t extension;
    error_code_t code = page_begin(&page, task);
    if (code != ERROR_none)
        return code;
    for (bool more = extensions_next(task->view, page_after(&page), &extension); more;
         more = extensions_next(task->view, &extension.id, &extension))
        if (extension.archived_ms == 0 && (!task->only || uuid_eq(task->only, &extension.owner)) &&
            !page_add(&page, &extension.id, s_json(task, &extension, false)))
            break;
    page_end(&page, task, "extensions");
    return ERROR_none;
}

static error_code_t s_show(task_t *task)
{
    extension_t extension;
    if (!extensions_find(task->view, task->target, &extension))
        return task_fail(task, ERROR_unknown_app,
                         "There is no extension with this name, app-id or id.");
    task->result = s_json(task, &extension, true);
    return ERROR_none;
}

static error_code_t s_delete(task_t *task)
{
    extension_t extension;
    if (!extensions_find(task->view, task->target, &extension))
        return task_fail(task, ERROR_unknown_app,
                         "There is no extension with this name, app-id or id.");
    if (extension.archived_ms)
        return task_fail(task, ERROR_archived, "The extension is archived.");
    task_object(task, &extension.id, extension.name);
    extension.archived_ms = task->now_ms;
    task->result = s_json(task, &extension, false);
    extensions_archive(task->view, &extension.id, task->now_ms);
    return ERROR_none;
}

const task_row_t manage_extensions[] = {
    {OP_extension_create,
     s_create,
     {{"name", FIELD_TEXT, true, 1, TASK_REFERENCE},
      {"owner", FIELD_TEXT, true, 1, TASK_REFERENCE}}},
    {OP_extension_list, s_list, TASK_PAGE},
    {OP_extension_show, s_show, {{0}}},
    {OP_extension_delete, s_delete, {{0}}},
    {0},
};
