/* Operations on extensions. */
#include "authd/directory/extensions.h"
#include "authd/directory/places.h"
#include "authd/manage/filter.h"
#include "authd/manage/known.h"
#include "authd/manage/methods.h"
#include "authd/manage/profile.h"
#include "authd/manage/retention.h"
#include "authd/manage/task.h"
#include "common/base/clock.h"
#include "common/base/secret.h"

#include <string.h>

enum { OVERLAP_DEFAULT = 86400, OVERLAP_MOST = 7 * 86400 };

/* with_key: the appkey too, which makes the endpoint's URL complete. */
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
        bool overlaps = app.former.len && task->now_ms < app.ends_ms;
        json_object_set_new(all, "former_appkey_ends", task_json_time(overlaps ? app.ends_ms : 0));
        secret_wipe(key, sizeof key);
    }
    return all;
}

static json_t *s_url(task_t *task, const extension_t *extension, wire_environment_t environment)
{
    char app_id[APP_ID_TEXT], key[APPKEY_MOST];
    app_t app;
    extension_app_id(extension, environment, app_id);
    if (!apps_get(task->view, slice_of(app_id), &app))
        return json_null();
    app_key(task->view, &app, key);
    json_t *url = task_json_url(task, OP_extension_incoming, app_id, key);
    secret_wipe(key, sizeof key);
    return url;
}

/* The targets of its apps; how many there are. */
static size_t s_targets(const task_t *task, const extension_t *extension, uuid_t7 targets[2])
{
    static const wire_environment_t environments[] = {ENVIRONMENT_SANDBOX, ENVIRONMENT_MARKETPLACE};
    char app_id[APP_ID_TEXT];
    app_t app;
    size_t count = 0;
    for (unsigned i = 0; i < 2; i++) {
        extension_app_id(extension, environments[i], app_id);
        if (apps_get(task->view, slice_of(app_id), &app))
            targets[count++] = app.target;
    }
    return count;
}

/* That of each of its apps. */
static void s_add_retention(const task_t *task, const extension_t *extension, json_t *all)
{
    uuid_t7 targets[2] = {{{0}}};
    s_targets(task, extension, targets);
    retention_add(task, &targets[0], all);
}

static json_t *s_json(task_t *task, const extension_t *extension, bool with_keys)
{
    json_t *all = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}", "id", task_json_id(&extension->id), "name",
        task_json_text(extension->name), "owner", task_json_id(&extension->owner), "created",
        task_json_time(extension->created_ms), "archived", task_json_time(extension->archived_ms),
        "reason", extension->reason.len ? task_json_text(extension->reason) : json_null(), "apps",
        "sandbox", s_json_app(task, extension, ENVIRONMENT_SANDBOX, with_keys), "marketplace",
        s_json_app(task, extension, ENVIRONMENT_MARKETPLACE, with_keys));
    json_object_set_new(all, "methods", methods_json(extension->methods));
    profile_add(task, &extension->id, &extension->owner, all);
    s_add_retention(task, extension, all);
    if (with_keys)
        json_object_set_new(all, "urls",
                            json_pack("{s:o, s:o}", "sandbox",
                                      s_url(task, extension, ENVIRONMENT_SANDBOX), "marketplace",
                                      s_url(task, extension, ENVIRONMENT_MARKETPLACE)));
    return all;
}

static error_code_t s_create(task_t *task)
{
    user_t owner;
    extension_t extension = {
        .name = task_text(task, "name"), .created_ms = task->now_ms, .reason = slice("", 0)};
    if (!extension_is_name(extension.name))
        return task_field(task, ERROR_invalid_param, "name",
                          "must be 1 to %d of a-z, 0-9 and _, not digits alone.",
                          EXTENSION_NAME_MOST);
    error_code_t code = task_user(task, task_text(task, "owner"), "owner", &owner);
    if (code == ERROR_none)
        code = known_quota(task, &owner.id);
    if (code == ERROR_none)
        code = methods_edit(task, &extension.methods);
    if (code != ERROR_none)
        return code;
    extension.owner = owner.id;
    uuid_new(&extension.id);
    if (extensions_add(task->view, &extension) != 0)
        return task_because(
            task,
            task_field(task, ERROR_conflict, "name",
                       "another extension has this name; one that is archived keeps it."),
            REASON_taken);
    task_object(task, &extension.id, extension.name);
    task->result = s_json(task, &extension, true);
    return ERROR_none;
}

static bool s_next(task_t *task, const uuid_t7 *after, extension_t *extension)
{
    uuid_t7 id;
    if (!task->only)
        return extensions_next(task->view, after, extension);
    return extensions_next_of(task->view, task->only, after, &id) &&
           extensions_get(task->view, &id, extension);
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    extension_t extension;
    filter_t filter;
    error_code_t code = filter_begin(&filter, task);
    if (code == ERROR_none)
        code = page_begin(&page, task, "extensions", PAGE_BY_NAME);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = s_next(task, page_after(&page), &extension); more;
             more = s_next(task, &extension.id, &extension)) {
            page_key_t key = {extension.name, 0};
            bool archived = extension.archived_ms != 0;
            if (filter_fits(&filter, archived, &extension.owner, extension.name)
                    ? page_wants(&page, &extension.id, &key) &&
                          !page_add(&page, &extension.id, s_json(task, &extension, false))
                    : !page_skip(&page, &extension.id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_find(task_t *task, extension_t *extension)
{
    if (!extensions_find(task->view, task->target, extension))
        return task_gone(task, ERROR_unknown_app,
                         "There is no extension with this name, app-id or id.");
    return ERROR_none;
}

static error_code_t s_find_in_use(task_t *task, extension_t *extension)
{
    error_code_t code = s_find(task, extension);
    if (code == ERROR_none && extension->archived_ms)
        return task_gone(task, ERROR_archived, "The extension is archived.");
    return code;
}

static error_code_t s_show(task_t *task)
{
    extension_t extension;
    error_code_t code = s_find(task, &extension);
    if (code == ERROR_none)
        task->result = s_json(task, &extension, true);
    return code;
}

/* The extension's name is the caller's: a change takes what lies in the view. */
static void s_tell_handlers(task_t *task, const extension_t *extension, bool turned)
{
    static const wire_environment_t environments[] = {ENVIRONMENT_SANDBOX, ENVIRONMENT_MARKETPLACE};
    char app_id[APP_ID_TEXT];
    app_t app;
    for (unsigned i = 0; i < 2; i++) {
        extension_app_id(extension, environments[i], app_id);
        if (apps_get(task->view, slice_of(app_id), &app))
            task_tell_handler(task, &app.target, extension->name, slice_of(app_id), turned);
    }
}

static error_code_t s_delete(task_t *task)
{
    extension_t extension;
    char name[TASK_REFERENCE];
    error_code_t code = s_find_in_use(task, &extension);
    if (code != ERROR_none)
        return code;
    task_object(task, &extension.id, extension.name);
    extension.archived_ms = task->now_ms;
    extension.reason = task_text(task, "reason");
    task->result = s_json(task, &extension, false);
    memcpy(name, extension.name.data, extension.name.len);
    extension.name = slice(name, extension.name.len);
    extensions_archive(task->view, &extension.id, task->now_ms, extension.reason);
    s_tell_handlers(task, &extension, true);
    return ERROR_none;
}

/* The archiving or taking back of an edit, which alone an archived extension allows. */
static error_code_t s_edit_archived(task_t *task, extension_t *extension)
{
    bool archived = task_bool(task, "archived", extension->archived_ms != 0);
    if (archived && extension->archived_ms)
        return task_fail(task, ERROR_archived,
                         "The extension is archived: take it back with archived false.");
    if (!archived && json_object_get(task->args, "reason"))
        return task_field(task, ERROR_invalid_param, "reason", "is for what is archived.");
    extension->archived_ms = archived ? task->now_ms : 0;
    extension->reason = task_text(task, "reason");
    return ERROR_none;
}

static error_code_t s_edit_owner(task_t *task, extension_t *extension)
{
    user_t owner;
    error_code_t code = known_user(task, task_text(task, "owner"), "owner", &owner);
    if (code != ERROR_none || uuid_eq(&extension->owner, &owner.id))
        return code;
    extension->owner = owner.id;
    return known_quota(task, &owner.id);
}

static error_code_t s_edit(task_t *task)
{
    extension_t extension;
    uuid_t7 targets[2];
    char name[TASK_REFERENCE];
    bool turned = false;
    error_code_t code = s_find(task, &extension);
    if (code == ERROR_none) {
        const extension_t was = extension;
        task->before = s_json(task, &extension, false);
        code = s_edit_archived(task, &extension);
        if (code == ERROR_none && json_object_get(task->args, "owner"))
            code = s_edit_owner(task, &extension);
        turned = extension.archived_ms != was.archived_ms || !uuid_eq(&extension.owner, &was.owner);
    }
    if (code == ERROR_none)
        code = methods_edit(task, &extension.methods);
    if (code != ERROR_none)
        return code;
    if (json_object_get(task->args, "name"))
        extension.name = task_text(task, "name");
    if (!extension_is_name(extension.name))
        return task_field(task, ERROR_invalid_param, "name",
                          "must be 1 to %d of a-z, 0-9 and _, not digits alone.",
                          EXTENSION_NAME_MOST);
    memcpy(name, extension.name.data, extension.name.len);
    extension.name = slice(name, extension.name.len);
    if (extensions_edit(task->view, &extension) != 0)
        return task_because(
            task,
            task_field(task, ERROR_conflict, "name",
                       "another extension has this name; one that is archived keeps it."),
            REASON_taken);
    code = profile_edit(task, &extension.id);
    if (code != ERROR_none)
        return code;
    s_tell_handlers(task, &extension, turned);
    size_t count = s_targets(task, &extension, targets);
    code = retention_edit(task, OWNER_EXTENSION, targets, count);
    if (code != ERROR_none)
        return code;
    task_object(task, &extension.id, extension.name);
    task->result = s_json(task, &extension, true);
    return ERROR_none;
}

/* One former key at a time: a second rotation within its overlap would end it early, unless that is
 * what is asked. */
static error_code_t s_rotate(task_t *task)
{
    extension_t extension;
    app_t app;
    char app_id[APP_ID_TEXT], ends[CLOCK_TEXT];
    slice_t word = task_text(task, "environment");
    uint64_t overlap_ms = task_uint(task, "overlap", OVERLAP_DEFAULT) * 1000;
    bool sandbox = slice_is(word, "sandbox");
    error_code_t code = s_find_in_use(task, &extension);
    if (code != ERROR_none)
        return code;
    if (!sandbox && !slice_is(word, "marketplace"))
        return task_field(task, ERROR_invalid_param, "environment",
                          "must be sandbox or marketplace.");
    extension_app_id(&extension, sandbox ? ENVIRONMENT_SANDBOX : ENVIRONMENT_MARKETPLACE, app_id);
    if (!apps_get(task->view, slice_of(app_id), &app))
        return ERROR_unknown_app;
    if (overlap_ms && app.former.len && task->now_ms < app.ends_ms) {
        clock_text((int64_t)app.ends_ms, ends);
        task_detail(task, "ends", json_string(ends));
        return task_because(
            task,
            task_fail(task, ERROR_conflict,
                      "The former appkey still works, until %s. An overlap of 0 ends it now.",
                      ends),
            REASON_overlap);
    }
    task_object(task, &extension.id, extension.name);
    app_rotate(task->view, slice_of(app_id), task->now_ms + overlap_ms);
    uuid_t7 id = extension.id;
    extensions_get(task->view, &id, &extension);
    task->result = s_json(task, &extension, true);
    return ERROR_none;
}

#define REASON                                                                                     \
    {                                                                                              \
        "reason", FIELD_TEXT, false, 1, PLACE_REASON_MOST                                          \
    }

const task_row_t manage_extensions[] = {
    {OP_extension_create,
     s_create,
     {{"name", FIELD_TEXT, true, 1, TASK_REFERENCE},
      {"owner", FIELD_TEXT, true, 1, TASK_REFERENCE},
      METHODS_FIELD}},
    {OP_extension_list, s_list, {FILTER_FIELDS}},
    {OP_extension_show, s_show, {{0}}},
    {OP_extension_delete, s_delete, {REASON}},
    {OP_extension_edit,
     s_edit,
     {{"name", FIELD_TEXT, false, 1, TASK_REFERENCE},
      {"owner", FIELD_TEXT, false, 1, TASK_REFERENCE},
      {"archived", FIELD_BOOL, false, 0, 0},
      REASON,
      PROFILE_FIELDS,
      RETENTION_FIELD,
      METHODS_FIELD}},
    {OP_extension_rotate,
     s_rotate,
     {{"environment", FIELD_TEXT, true, 1, 16}, {"overlap", FIELD_UINT, false, 0, OVERLAP_MOST}}},
    {0},
};
