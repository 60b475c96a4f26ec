#include "authd/manage/task.h"

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/url.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void s_say(task_t *task, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void s_say(task_t *task, const char *format, va_list args)
{
    if (format)
        vsnprintf(task->message, MANAGE_MESSAGE, format, args);
}

error_code_t task_fail(task_t *task, error_code_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s_say(task, format, args);
    va_end(args);
    return code;
}

error_code_t task_gone(task_t *task, error_code_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s_say(task, format, args);
    va_end(args);
    task->gone = true;
    return code;
}

void task_detail(task_t *task, const char *name, json_t *value)
{
    if (!task->details)
        task->details = json_object();
    json_object_set_new(task->details, name, value);
}

/* The text behind the name of an argument. */
static void s_say_of(task_t *task, const char *field, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void s_say_of(task_t *task, const char *field, const char *format, va_list args)
{
    int len = snprintf(task->message, MANAGE_MESSAGE, "%s: ", field);
    assert(len > 0 && len < MANAGE_MESSAGE);
    vsnprintf(task->message + len, MANAGE_MESSAGE - (size_t)len, format, args);
    task_detail(task, "field", json_string(field));
}

error_code_t task_field(task_t *task, error_code_t code, const char *field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s_say_of(task, field, format, args);
    va_end(args);
    return code;
}

error_code_t task_item(task_t *task, error_code_t code, const char *field, size_t i,
                       const char *format, ...)
{
    char item[64];
    va_list args;
    snprintf(item, sizeof item, "%s[%zu]", field, i);
    va_start(args, format);
    s_say_of(task, item, format, args);
    va_end(args);
    return code;
}

error_code_t task_because(task_t *task, error_code_t code, reason_t reason)
{
    task_detail(task, "reason", json_string(reason_name(reason)));
    return code;
}

error_code_t task_missing(task_t *task, const char *field)
{
    return task_because(task, task_field(task, ERROR_invalid_param, field, "is missing."),
                        REASON_missing);
}

error_code_t task_full(task_t *task, error_code_t code, unsigned limit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s_say(task, format, args);
    va_end(args);
    task_detail(task, "limit", json_integer(limit));
    return code == ERROR_conflict ? task_because(task, code, REASON_full) : code;
}

void task_object(task_t *task, const uuid_t7 *id, slice_t name)
{
    char text[UUID_TEXT];
    int most = name.len < MANAGE_MESSAGE - UUID_TEXT - 1 ? (int)name.len : 0;
    uuid_text(id, text);
    snprintf(task->object, sizeof task->object, "%s%s%.*s", text, most ? " " : "", most,
             most ? name.data : "");
}

slice_t task_text(const task_t *task, const char *name)
{
    const json_t *value = json_object_get(task->args, name);
    return value ? slice(json_string_value(value), json_string_length(value)) : slice("", 0);
}

uint64_t task_uint(const task_t *task, const char *name, uint64_t fallback)
{
    const json_t *value = json_object_get(task->args, name);
    return value ? (uint64_t)json_integer_value(value) : fallback;
}

bool task_bool(const task_t *task, const char *name, bool fallback)
{
    const json_t *value = json_object_get(task->args, name);
    return value ? json_is_true(value) : fallback;
}

json_t *task_list(const task_t *task, const char *name)
{
    return json_object_get(task->args, name);
}

error_code_t task_user(task_t *task, slice_t id_or_email, const char *what, user_t *user)
{
    if (users_find(task->view, id_or_email, user))
        return ERROR_none;
    task->gone = strcmp(what, "target") == 0;
    return task_field(task, ERROR_unknown_user, what,
                      "there is no active user with this id or email address. Who was "
                      "invited is one when the invitation has been accepted.");
}

/* One @ with something on both sides and a dot behind it, no blanks: the rest is the mail's affair.
 */
bool task_is_email(slice_t text)
{
    const char *at = memchr(text.data, '@', text.len);
    if (!at || at == text.data || memchr(text.data, ' ', text.len))
        return false;
    slice_t domain = slice(at + 1, text.len - (size_t)(at + 1 - text.data));
    const char *dot = domain.len ? memrchr(domain.data, '.', domain.len) : NULL;
    return dot && dot != domain.data && dot != domain.data + domain.len - 1 &&
           !memchr(domain.data, '@', domain.len);
}

json_t *task_json_text(slice_t text)
{
    return json_stringn(text.data, text.len);
}

json_t *task_json_id(const uuid_t7 *id)
{
    char text[UUID_TEXT];
    uuid_text(id, text);
    return json_string(text);
}

json_t *task_json_name(const task_t *task, const uuid_t7 *user)
{
    user_t found;
    return users_get(task->view, user, &found) ? task_json_text(found.name) : json_null();
}

json_t *task_json_endpoint(const task_t *task, unsigned op, const char *target)
{
    char *url = url_make(task->public_url, op, target);
    json_t *text = json_string(url);
    free(url);
    return text;
}

json_t *task_json_url(const task_t *task, unsigned op, const char *target, const char *key)
{
    char *url = url_make(task->public_url, op, target);
    if (key)
        url_add(&url, "appkey", key);
    url_add(&url, "zapikey", "TOKEN");
    json_t *text = json_string(url);
    secret_wipe(url, strlen(url));
    free(url);
    return text;
}

json_t *task_json_time(uint64_t wall_ms)
{
    char text[CLOCK_TEXT];
    if (wall_ms == 0)
        return json_null();
    clock_text((int64_t)wall_ms, text);
    return json_string(text);
}

json_t *task_json_user(const user_t *user)
{
    json_t *all =
        json_pack("{s:o, s:o, s:o, s:o, s:s, s:o}", "id", task_json_id(&user->id), "name",
                  task_json_text(user->name), "email",
                  user->service ? json_null() : task_json_text(user->email), "account",
                  user->service ? task_json_text(user->email) : json_null(), "role",
                  user_role_names[user->role], "created", task_json_time(user->created_ms));
    if (user->deleted_ms)
        json_object_set_new(all, "deactivated", task_json_time(user->deleted_ms));
    return all;
}

bool task_q(const task_t *task, slice_t text)
{
    slice_t q = task_text(task, "q");
    for (size_t i = 0; i + q.len <= text.len; i++)
        if (q.len == 0 || strncasecmp(text.data + i, q.data, q.len) == 0)
            return true;
    return false;
}

json_t *task_json_person(const user_t *user)
{
    return json_pack("{s:o, s:o, s:o}", "id", task_json_id(&user->id), "name",
                     task_json_text(user->name), "email", task_json_text(user->email));
}
