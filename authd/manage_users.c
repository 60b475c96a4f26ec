/* Operations on users. */
#include "authd/task.h"

#include <string.h>

/* One @ with something on both sides and a dot behind it, no blanks: the rest is the mail's affair.
 */
static bool s_is_email(slice_t text)
{
    const char *at = memchr(text.data, '@', text.len);
    if (!at || at == text.data || memchr(text.data, ' ', text.len))
        return false;
    slice_t domain = slice(at + 1, text.len - (size_t)(at + 1 - text.data));
    const char *dot = domain.len ? memrchr(domain.data, '.', domain.len) : NULL;
    return dot && dot != domain.data && dot != domain.data + domain.len - 1 &&
           !memchr(domain.data, '@', domain.len);
}

static error_code_t s_create(task_t *task)
{
    slice_t email = task_text(task, "email"), name = task_text(task, "name");
    if (!s_is_email(email))
        return task_fail(task, ERROR_invalid_param, "email: is not an email address.");
    if (name.len == 0)
        name = slice(email.data, strcspn(email.data, "@"));
    user_t user = {.name = name, .email = email, .created_ms = task->now_ms};
    uuid_new(&user.id);
    if (users_add(task->view, &user) != 0)
        return task_fail(task, ERROR_conflict, "email: another user has this address.");
    task_object(task, &user.id, user.email);
    task->result = task_json_user(&user);
    return ERROR_none;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    user_t user;
    error_code_t code = page_begin(&page, task);
    if (code != ERROR_none)
        return code;
    for (bool more = users_next(task->view, page_after(&page), &user); more;
         more = users_next(task->view, &user.id, &user))
        if (user.deleted_ms == 0 && !page_add(&page, &user.id, task_json_user(&user)))
            break;
    page_end(&page, task, "users");
    return ERROR_none;
}

static error_code_t s_show(task_t *task)
{
    user_t user;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        task->result = task_json_user(&user);
    return code;
}

static error_code_t s_delete(task_t *task)
{
    user_t user;
    error_code_t code = s_show(task);
    if (code != ERROR_none)
        return code;
    users_find(task->view, task->target, &user);
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    users_deactivate(task->view, &id, task->now_ms);
    return ERROR_none;
}

const task_row_t manage_users[] = {
    {OP_user_create,
     s_create,
     {{"name", FIELD_TEXT, false, 1, USER_NAME_MOST},
      {"email", FIELD_TEXT, true, 3, USER_EMAIL_MOST}}},
    {OP_user_list, s_list, TASK_PAGE},
    {OP_user_show, s_show, {{0}}},
    {OP_user_delete, s_delete, {{0}}},
    {0},
};
