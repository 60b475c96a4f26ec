/* Operations on handlers, of bots and of extensions' apps: task->of is an op_owner_t. */
#include "authd/directory/handlers.h"
#include "authd/directory/extensions.h"
#include "authd/directory/places.h"
#include "authd/directory/table.h"
#include "authd/manage/reach.h"
#include "authd/manage/rsa_key.h"
#include "authd/manage/secret.h"
#include "common/base/http_url.h"
#include "common/base/secret.h"

#include <assert.h>
#include <string.h>

/* What an operation works on: the handler's row, and room for what is put into it anew. */
typedef struct {
    handler_t handler;
    char access[APP_ID_TEXT];
    secret_made_t made;
    uint8_t sealed_key[HANDLER_KEY + SEALING_OVERHEAD];
} work_t;

void task_tell_handler(task_t *task, const uuid_t7 *target, slice_t name, slice_t access,
                       bool turned)
{
    handler_t handler;
    if (!handlers_get(task->view, target, &handler) || handler.url.len == 0 ||
        (!turned && slice_eq(handler.name, name)))
        return;
    assert(task->handled_len < TASK_HANDLED);
    task->handled[task->handled_len++] = *target;
    handler.name = name;
    handler.access = access;
    handler_raise(&handler, task->now_ms);
    handlers_put(task->view, &handler);
}

static error_code_t s_find_bot(task_t *task, work_t *work)
{
    place_t bot;
    if (!places_find(task->view, PLACE_BOT, task->target, &bot))
        return task_gone(task, ERROR_unknown_bot, NULL);
    if (bot.archived_ms)
        return task_fail(task, ERROR_archived, "The bot is archived.");
    if (!handlers_get(task->view, &bot.id, &work->handler))
        work->handler = (handler_t){.target = bot.id, .kind = OWNER_BOT};
    work->handler.name = work->handler.access = bot.name;
    task_object(task, &bot.id, bot.name);
    return ERROR_none;
}

static error_code_t s_find_extension(task_t *task, work_t *work)
{
    app_t app;
    extension_t extension;
    slice_t which = task_text(task, "environment");
    bool sandbox = slice_is(which, "sandbox");
    if (!sandbox && !slice_is(which, "marketplace"))
        return task_field(task, ERROR_invalid_param, "environment",
                          "must be sandbox or marketplace.");
    if (!extensions_find(task->view, task->target, &extension))
        return task_gone(task, ERROR_unknown_app,
                         "There is no extension with this name, app-id or id.");
    if (extension.archived_ms)
        return task_fail(task, ERROR_archived, "The extension is archived.");
    extension_app_id(&extension, sandbox ? ENVIRONMENT_SANDBOX : ENVIRONMENT_MARKETPLACE,
                     work->access);
    if (!apps_get(task->view, slice_of(work->access), &app))
        return task_gone(task, ERROR_unknown_app, NULL);
    if (!handlers_get(task->view, &app.target, &work->handler))
        work->handler = (handler_t){.target = app.target, .kind = OWNER_EXTENSION};
    work->handler.name = extension.name;
    work->handler.access = slice_of(work->access);
    task_object(task, &extension.id, extension.name);
    return ERROR_none;
}

static error_code_t s_find(task_t *task, work_t *work)
{
    return task->of == OWNER_BOT ? s_find_bot(task, work) : s_find_extension(task, work);
}

/* Never the secrets, but for one that was just made. */
static json_t *s_json(const work_t *work)
{
    const handler_t *handler = &work->handler;
    json_t *all = json_pack(
        "{s:o, s:o, s:o, s:I, s:b, s:I, s:I, s:b, s:o, s:I}", "target",
        task_json_id(&handler->target), "name", task_json_text(handler->name), "url",
        task_json_text(handler->url), "concurrency", (json_int_t)handler->concurrency, "ordered",
        handler->ordered, "bound_s", (json_int_t)handler->bound_s, "wait_s",
        (json_int_t)handler->wait_s, "rsa_key", handler->sealed_key.len > 0, "secrets",
        secret_json(handler->secret, handler->secrets, 0), "version", (json_int_t)handler->version);
    if (work->made.text[0])
        json_object_set_new(all, "secret", json_string(work->made.text));
    return all;
}

static error_code_t s_take_key(task_t *task, work_t *work)
{
    char err[128];
    slice_t pem = task_text(task, "rsa_key");
    if (!json_object_get(task->args, "rsa_key"))
        return ERROR_none;
    work->handler.sealed_key = slice("", 0);
    if (pem.len == 0)
        return ERROR_none;
    if (!rsa_key_check(pem, err, sizeof err))
        return task_field(task, ERROR_invalid_param, "rsa_key", "%s; or empty for none.", err);
    sealing_key_seal(table_master_key(task->view), pem, work->sealed_key);
    work->handler.sealed_key = slice(work->sealed_key, pem.len + SEALING_OVERHEAD);
    return ERROR_none;
}

static void s_save(task_t *task, work_t *work)
{
    handler_raise(&work->handler, task->now_ms);
    task->handled[task->handled_len++] = work->handler.target;
    task->result = s_json(work);
    secret_wipe(work->made.text, sizeof work->made.text);
    handlers_put(task->view, &work->handler);
}

static error_code_t s_set(task_t *task)
{
    work_t work = {0};
    http_url_t parsed;
    char err[MANAGE_MESSAGE - 8], warning[REACH_WARNING];
    error_code_t code = s_find(task, &work);
    if (code != ERROR_none)
        return code;
    handler_t *handler = &work.handler;
    bool fresh = handler->url.len == 0;
    if (!fresh)
        task->before = s_json(&work);
    handler->url = task_text(task, "url");
    if (!http_url_parse(handler->url, &parsed, err, sizeof err))
        return task_field(task, ERROR_invalid_param, "url", "%s", err);
    handler->concurrency =
        task_uint(task, "concurrency", fresh ? HANDLER_CONCURRENCY : handler->concurrency);
    handler->ordered = task_bool(task, "ordered", !fresh && handler->ordered);
    handler->bound_s = task_uint(task, "bound_s", fresh ? HANDLER_BOUND_S : handler->bound_s);
    handler->wait_s = task_uint(task, "wait_s", fresh ? 0 : handler->wait_s);
    code = s_take_key(task, &work);
    if (code != ERROR_none)
        return code;
    handler->secrets = sealed_drop_expired(handler->secret, handler->secrets, task->now_ms);
    if (handler->secrets == 0)
        secret_make(task, handler->secret, &handler->secrets, &work.made);
    s_save(task, &work);
    reach_warn(task, task_text(task, "url"), warning);
    reach_add(task, warning);
    return ERROR_none;
}

/* A handler that is set; otherwise 404. */
static error_code_t s_find_set(task_t *task, work_t *work)
{
    error_code_t code = s_find(task, work);
    if (code == ERROR_none && work->handler.url.len == 0)
        return task_gone(task, ERROR_not_found, "It has no handler. Set one first.");
    return code;
}

static error_code_t s_show(task_t *task)
{
    work_t work = {0};
    error_code_t code = s_find_set(task, &work);
    if (code != ERROR_none)
        return code;
    handler_t *handler = &work.handler;
    handler->secrets = sealed_drop_expired(handler->secret, handler->secrets, task->now_ms);
    task->result = s_json(&work);
    return ERROR_none;
}

static error_code_t s_clear(task_t *task)
{
    work_t work = {0};
    error_code_t code = s_find_set(task, &work);
    if (code != ERROR_none)
        return code;
    work.handler.url = work.handler.sealed_key = slice("", 0);
    work.handler.secrets = 0;
    s_save(task, &work);
    return ERROR_none;
}

static error_code_t s_rotate(task_t *task)
{
    work_t work = {0};
    error_code_t code = s_find_set(task, &work);
    if (code != ERROR_none)
        return code;
    handler_t *handler = &work.handler;
    code = secret_rotate(task, handler->secret, &handler->secrets, &work.made);
    if (code != ERROR_none)
        return code;
    s_save(task, &work);
    return ERROR_none;
}

/* clang-format off */
#define ENVIRONMENT {"environment", FIELD_TEXT, true, 1, TASK_REFERENCE}
#define SET {"url", FIELD_TEXT, true, 1, HANDLER_URL},                       \
            {"concurrency", FIELD_UINT, false, 1, HANDLER_CONCURRENCY_MOST}, \
            {"ordered", FIELD_BOOL, false, 0, 0},                            \
            {"bound_s", FIELD_UINT, false, 1, 120 * 3600},                   \
            {"wait_s", FIELD_UINT, false, 0, HANDLER_WAIT_S},                \
            {"rsa_key", FIELD_LINES, false, 0, HANDLER_KEY}
#define OVERLAP {"overlap", FIELD_UINT, false, 0, SECRET_OVERLAP_MOST_S}

const task_row_t manage_bot_handlers[] = {
    {OP_bot_handler_set, s_set, {SET}},
    {OP_bot_handler_show, s_show, {{0}}},
    {OP_bot_handler_clear, s_clear, {{0}}},
    {OP_bot_handler_rotate, s_rotate, {OVERLAP}},
    {0},
};
const task_row_t manage_extension_handlers[] = {
    {OP_extension_handler_set, s_set, {SET, ENVIRONMENT}},
    {OP_extension_handler_show, s_show, {ENVIRONMENT}},
    {OP_extension_handler_clear, s_clear, {ENVIRONMENT}},
    {OP_extension_handler_rotate, s_rotate, {OVERLAP, ENVIRONMENT}},
    {0},
};
/* clang-format on */
