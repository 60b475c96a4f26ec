/* Setting a password. Its own user gives the old one with it; an owner may set another's. */
#include "authd/directory/sessions.h"
#include "authd/manage/attempt.h"

static error_code_t s_find(task_t *task, user_t *user, login_t *login)
{
    error_code_t code = task_user(task, task->target, "target", user);
    if (code == ERROR_none && user->service)
        code =
            task_field(task, ERROR_invalid_param, "target", "nobody logs in as a service account.");
    if (code == ERROR_none) {
        logins_get(task->view, &user->id, login);
        uuid_text(&user->id, task->who);
    }
    return code;
}

static error_code_t s_prepare(task_t *task)
{
    user_t user;
    login_t login;
    password_words_t words;
    slice_t old = task_text(task, "old_password");
    error_code_t code = s_find(task, &user, &login);
    if (code != ERROR_none)
        return code;
    if (attempt_is_own(task, &user.id) && login.password.len) {
        if (old.len == 0)
            return task_missing(task, "old_password");
        code = attempt_begin(task, user.email, &login, old);
        if (code != ERROR_none)
            return code;
    }
    if (!task->job)
        attempt_job(task, user.email);
    password_words(&words, user.email, user.name);
    hash_job_make(task->job, task_text(task, "password"), &words);
    return ERROR_none;
}

static error_code_t s_set(task_t *task)
{
    user_t user;
    login_t login;
    error_code_t code = s_find(task, &user, &login);
    if (code == ERROR_none && attempt_is_own(task, &user.id))
        code = attempt_matched(task, &login);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    task_object(task, &id, user.email);
    task->result = task_json_user(&user);
    code = attempt_new_password(task, &login);
    if (code == ERROR_none)
        json_object_set_new(task->result, "sessions_ended",
                            json_integer(sessions_delete_all(task->view, &id)));
    /* The row of the audit names who set it. */
    task->who[0] = '\0';
    return code;
}

const task_row_t manage_passwords[] = {
    {OP_user_password,
     s_set,
     {{"password", FIELD_TEXT, true, PASSWORD_LEAST, PASSWORD_MOST},
      {"old_password", FIELD_TEXT, false, 1, PASSWORD_MOST}}},
    {0},
};

const task_stage_t stages_passwords[] = {
    {OP_user_password, s_prepare, attempt_ended},
    {0},
};
