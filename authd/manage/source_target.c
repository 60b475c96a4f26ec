#include "authd/manage/source_target.h"

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"

static error_code_t s_at_place(task_t *task, place_kind_t kind, source_t *source)
{
    place_t place;
    if (!places_find(task->view, kind, task_text(task, "to"), &place))
        return task_gone(task, kind == PLACE_BOT ? ERROR_unknown_bot : ERROR_unknown_channel, NULL);
    if (place.archived_ms)
        return task_fail(task, ERROR_archived, "It is archived.");
    source->kind = kind == PLACE_BOT ? OWNER_BOT : OWNER_CHANNEL;
    source->place = source->target = place.id;
    return ERROR_none;
}

static error_code_t s_at_app(task_t *task, source_t *source)
{
    app_t app;
    extension_t extension;
    char app_id[APP_ID_TEXT];
    slice_t which = task_text(task, "environment");
    bool marketplace = slice_is(which, "marketplace");
    if (which.len && !marketplace && !slice_is(which, "sandbox"))
        return task_field(task, ERROR_invalid_param, "environment",
                          "must be sandbox or marketplace.");
    if (!extensions_find(task->view, task_text(task, "to"), &extension))
        return task_gone(task, ERROR_unknown_app,
                         "There is no extension with this name, app-id or id.");
    if (extension.archived_ms)
        return task_fail(task, ERROR_archived, "It is archived.");
    extension_app_id(&extension, marketplace ? ENVIRONMENT_MARKETPLACE : ENVIRONMENT_SANDBOX,
                     app_id);
    if (!apps_get(task->view, slice_of(app_id), &app))
        return task_gone(task, ERROR_unknown_app, NULL);
    source->kind = OWNER_EXTENSION;
    source->place = extension.id;
    source->target = app.target;
    return ERROR_none;
}

static error_code_t s_at(task_t *task, source_t *source)
{
    slice_t kind = task_text(task, "kind");
    *source = (source_t){0};
    if (slice_is(kind, "channel"))
        return s_at_place(task, PLACE_CHANNEL, source);
    if (slice_is(kind, "bot"))
        return s_at_place(task, PLACE_BOT, source);
    if (slice_is(kind, "extension"))
        return s_at_app(task, source);
    return task_field(task, ERROR_invalid_param, "kind", "must be channel, bot or extension.");
}

error_code_t source_target(task_t *task, source_t *source)
{
    uuid_t7 id;
    if (task->target.len == 0)
        return s_at(task, source);
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !sources_get(task->view, &id, source))
        return task_gone(task, ERROR_unknown_source, NULL);
    return ERROR_none;
}
