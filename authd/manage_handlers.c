/* Operations on handlers, of bots and of extensions' apps. */
#include "authd/directory/extensions.h"
#include "authd/directory/handlers.h"
#include "authd/directory/places.h"
#include "authd/directory/table.h"
#include "authd/task.h"
#include "common/base/secret.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    SECRET_RANDOM = 32, /* Standard Webhooks: 24 to 64 */
    OVERLAP_S = 24 * 3600,
    OVERLAP_MOST_S = 7 * 24 * 3600,
    SEALED = HANDLER_SECRET + MASTER_KEY_OVERHEAD,
};

/* What an operation works on: the handler's row, and room for what is put into it anew. */
typedef struct {
    handler_t handler;
    char access[APP_ID_TEXT];
    char secret[HANDLER_SECRET]; /* "whsec_…", when one was made */
    uint8_t sealed_secret[SEALED];
    uint8_t sealed_key[HANDLER_KEY + MASTER_KEY_OVERHEAD];
} work_t;

static error_code_t s_find_bot(task_t *task, work_t *work)
{
    place_t bot;
    if (!places_find(task->view, PLACE_BOT, task->target, &bot))
        return task_fail(task, ERROR_unknown_bot, NULL);
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
    wire_environment_t environment = ENVIRONMENT_SANDBOX;
    if (slice_is(which, "marketplace"))
        environment = ENVIRONMENT_MARKETPLACE;
    else if (which.len > 0 && !slice_is(which, "sandbox"))
        return task_fail(task, ERROR_invalid_param, "environment: must be sandbox or marketplace.");
    if (!extensions_find(task->view, task->target, &extension))
        return task_fail(task, ERROR_unknown_app,
                         "There is no extension with this name, app-id or id.");
    if (extension.archived_ms)
        return task_fail(task, ERROR_archived, "The extension is archived.");
    extension_app_id(&extension, environment, work->access);
    if (!apps_get(task->view, slice_of(work->access), &app))
        return task_fail(task, ERROR_unknown_app, NULL);
    if (!handlers_get(task->view, &app.target, &work->handler))
        work->handler = (handler_t){.target = app.target, .kind = OWNER_EXTENSION};
    work->handler.name = extension.name;
    work->handler.access = slice_of(work->access);
    task_object(task, &extension.id, extension.name);
    return ERROR_none;
}

static error_code_t s_find(task_t *task, op_owner_t kind, work_t *work)
{
    return kind == OWNER_BOT ? s_find_bot(task, work) : s_find_extension(task, work);
}

/* Never the secrets, but for one that was just made. */
static json_t *s_json(const work_t *work)
{
    const handler_t *handler = &work->handler;
    json_t *secrets = json_array();
    for (unsigned i = 0; i < handler->secrets; i++)
        json_array_append_new(
            secrets, json_pack("{s:o, s:o}", "created", task_json_time(handler->secret[i].made_ms),
                               "expires", task_json_time(handler->secret[i].expires_ms)));
    json_t *all =
        json_pack("{s:o, s:o, s:o, s:I, s:I, s:b, s:I, s:b, s:o, s:I}", "target",
                  task_json_id(&handler->target), "name", task_json_text(handler->name), "url",
                  task_json_text(handler->url), "wait_ms", (json_int_t)handler->wait_ms,
                  "concurrency", (json_int_t)handler->concurrency, "ordered", handler->ordered,
                  "bound_s", (json_int_t)handler->bound_s, "rsa_key", handler->sealed_key.len > 0,
                  "secrets", secrets, "version", (json_int_t)handler->version);
    if (work->secret[0])
        json_object_set_new(all, "secret", json_string(work->secret));
    return all;
}

static void s_drop_expired(handler_t *handler, uint64_t now_ms)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < handler->secrets; i++)
        if (handler->secret[i].expires_ms == 0 || handler->secret[i].expires_ms > now_ms)
            handler->secret[kept++] = handler->secret[i];
    handler->secrets = kept;
}

static void s_add_secret(task_t *task, work_t *work)
{
    uint8_t random[SECRET_RANDOM];
    handler_t *handler = &work->handler;
    assert(handler->secrets < HANDLER_SECRETS);
    randombytes_buf(random, sizeof random);
    char *at = stpcpy(work->secret, "whsec_");
    sodium_bin2base64(at, sizeof work->secret - 6, random, sizeof random,
                      sodium_base64_VARIANT_ORIGINAL);
    secret_wipe(random, sizeof random);
    slice_t text = slice_of(work->secret);
    master_key_seal(table_master_key(task->view), text, work->sealed_secret);
    handler->secret[handler->secrets++] = (handler_secret_t){
        slice(work->sealed_secret, text.len + MASTER_KEY_OVERHEAD), task->now_ms, 0};
}

/* The worker's parser is the strict one, at each call; this tells of what can never be called. */
static bool s_is_url(slice_t url)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.data[i] <= 0x20 || (unsigned char)url.data[i] >= 0x7f)
            return false;
    for (unsigned i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (url.len > len && memcmp(url.data, schemes[i], len) == 0)
            return url.data[len] != '/' && !memchr(url.data, '#', url.len) &&
                   !memchr(url.data, '@', url.len);
    }
    return false;
}

static error_code_t s_take_key(task_t *task, work_t *work)
{
    slice_t pem = task_text(task, "rsa_key");
    if (!json_object_get(task->args, "rsa_key"))
        return ERROR_none;
    work->handler.sealed_key = slice("", 0);
    if (pem.len == 0)
        return ERROR_none;
    static const char head[] = "-----BEGIN ";
    if (pem.len < sizeof head || memcmp(pem.data, head, sizeof head - 1) != 0)
        return task_fail(task, ERROR_invalid_param,
                         "rsa_key: must be an RSA private key in PEM, or empty for none.");
    master_key_seal(table_master_key(task->view), pem, work->sealed_key);
    work->handler.sealed_key = slice(work->sealed_key, pem.len + MASTER_KEY_OVERHEAD);
    return ERROR_none;
}

static void s_save(task_t *task, work_t *work)
{
    work->handler.version++;
    task->handled[task->handled_len++] = work->handler.target;
    task->result = s_json(work);
    secret_wipe(work->secret, sizeof work->secret);
    handlers_put(task->view, &work->handler);
}

static error_code_t s_set(task_t *task, op_owner_t kind)
{
    work_t work = {0};
    error_code_t code = s_find(task, kind, &work);
    if (code != ERROR_none)
        return code;
    handler_t *handler = &work.handler;
    bool fresh = handler->url.len == 0;
    handler->url = task_text(task, "url");
    if (!s_is_url(handler->url))
        return task_fail(task, ERROR_invalid_param,
                         "url: must be http:// or https:// with a host, in ASCII, without a user "
                         "and without a fragment.");
    handler->wait_ms = task_uint(task, "wait_ms", fresh ? 0 : handler->wait_ms);
    handler->concurrency =
        task_uint(task, "concurrency", fresh ? HANDLER_CONCURRENCY : handler->concurrency);
    handler->ordered = task_bool(task, "ordered", !fresh && handler->ordered);
    handler->bound_s = task_uint(task, "bound_s", fresh ? HANDLER_BOUND_S : handler->bound_s);
    code = s_take_key(task, &work);
    if (code != ERROR_none)
        return code;
    s_drop_expired(handler, task->now_ms);
    if (handler->secrets == 0)
        s_add_secret(task, &work);
    s_save(task, &work);
    return ERROR_none;
}

/* A handler that is set; otherwise 404. */
static error_code_t s_find_set(task_t *task, op_owner_t kind, work_t *work)
{
    error_code_t code = s_find(task, kind, work);
    if (code == ERROR_none && work->handler.url.len == 0)
        return task_fail(task, ERROR_not_found, "It has no handler. Set one first.");
    return code;
}

static error_code_t s_show(task_t *task, op_owner_t kind)
{
    work_t work = {0};
    error_code_t code = s_find_set(task, kind, &work);
    if (code != ERROR_none)
        return code;
    s_drop_expired(&work.handler, task->now_ms);
    task->result = s_json(&work);
    return ERROR_none;
}

static error_code_t s_clear(task_t *task, op_owner_t kind)
{
    work_t work = {0};
    error_code_t code = s_find_set(task, kind, &work);
    if (code != ERROR_none)
        return code;
    work.handler.url = work.handler.sealed_key = slice("", 0);
    work.handler.secrets = 0;
    s_save(task, &work);
    return ERROR_none;
}

static error_code_t s_rotate(task_t *task, op_owner_t kind)
{
    work_t work = {0};
    error_code_t code = s_find_set(task, kind, &work);
    if (code != ERROR_none)
        return code;
    handler_t *handler = &work.handler;
    uint64_t until_ms = task->now_ms + task_uint(task, "overlap_s", OVERLAP_S) * 1000;
    for (unsigned i = 0; i < handler->secrets; i++)
        if (handler->secret[i].expires_ms == 0 || handler->secret[i].expires_ms > until_ms)
            handler->secret[i].expires_ms = until_ms;
    s_drop_expired(handler, task->now_ms);
    if (handler->secrets == HANDLER_SECRETS)
        return task_fail(task, ERROR_conflict,
                         "%d secrets are live, which is the most: wait until one expires, or "
                         "rotate with overlap_s 0.",
                         HANDLER_SECRETS);
    s_add_secret(task, &work);
    s_save(task, &work);
    return ERROR_none;
}

#define OF_KIND(name, kind)                                                                        \
    static error_code_t name##_##kind(task_t *task)                                                \
    {                                                                                              \
        return name(task, OWNER_##kind);                                                           \
    }
/* clang-format off */
OF_KIND(s_set, BOT)
OF_KIND(s_set, EXTENSION)
OF_KIND(s_show, BOT)
OF_KIND(s_show, EXTENSION)
OF_KIND(s_clear, BOT)
OF_KIND(s_clear, EXTENSION)
OF_KIND(s_rotate, BOT)
OF_KIND(s_rotate, EXTENSION)

#define ENVIRONMENT {"environment", FIELD_TEXT, false, 1, TASK_REFERENCE}
#define SET {"url", FIELD_TEXT, true, 1, HANDLER_URL},                       \
            {"wait_ms", FIELD_UINT, false, 0, HANDLER_WAIT_MS},              \
            {"concurrency", FIELD_UINT, false, 1, HANDLER_CONCURRENCY_MOST}, \
            {"ordered", FIELD_BOOL, false, 0, 0},                            \
            {"bound_s", FIELD_UINT, false, 1, 120 * 3600},                   \
            {"rsa_key", FIELD_LINES, false, 0, HANDLER_KEY}
#define OVERLAP {"overlap_s", FIELD_UINT, false, 0, OVERLAP_MOST_S}

const task_row_t manage_handlers[] = {
    {OP_bot_handler_set, s_set_BOT, {SET}},
    {OP_bot_handler_show, s_show_BOT, {{0}}},
    {OP_bot_handler_clear, s_clear_BOT, {{0}}},
    {OP_bot_handler_rotate, s_rotate_BOT, {OVERLAP}},
    {OP_extension_handler_set, s_set_EXTENSION, {SET, ENVIRONMENT}},
    {OP_extension_handler_show, s_show_EXTENSION, {ENVIRONMENT}},
    {OP_extension_handler_clear, s_clear_EXTENSION, {ENVIRONMENT}},
    {OP_extension_handler_rotate, s_rotate_EXTENSION, {OVERLAP, ENVIRONMENT}},
    {0},
};
/* clang-format on */
