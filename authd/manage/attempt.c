#include "authd/manage/attempt.h"

#include "authd/accounts/totp.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/log/log.h"

#include <stdio.h>

bool attempt_is_control(const task_t *task)
{
    return uuid_is_nil(&task->actor->user) && task->actor->role == USER_OWNER;
}

bool attempt_is_own(const task_t *task, const uuid_t7 *user)
{
    return uuid_eq(&task->actor->user, user);
}

void attempt_job(task_t *task, slice_t account)
{
    char network[THROTTLE_NETWORK] = "";
    if (!attempt_is_control(task))
        throttle_network(task->actor->from, network);
    task->job = hash_job_new(account, network);
}

static bool s_knows(const task_t *task, const login_t *login)
{
    char network[THROTTLE_NETWORK];
    throttle_network(task->actor->from, network);
    return login && login_knows(login, network);
}

error_code_t attempt_charge(task_t *task, slice_t account, bool known)
{
    char network[THROTTLE_NETWORK];
    throttle_network(task->actor->from, network);
    snprintf(task->account, sizeof task->account, "%.*s", SLICE_ARG(account));
    task->wait_ms = throttle_charge(task->accounts->throttle, slice_of(task->account), network,
                                    known, clock_ms());
    if (task->wait_ms)
        return task_fail(task, ERROR_rate_limited, "Too many failed attempts: try again in %llu s.",
                         (unsigned long long)(task->wait_ms + 999) / 1000);
    snprintf(task->network, sizeof task->network, "%s", network);
    return ERROR_none;
}

error_code_t attempt_begin(task_t *task, slice_t account, const login_t *login, slice_t given)
{
    error_code_t code = attempt_charge(task, account, s_knows(task, login));
    if (code != ERROR_none)
        return code;
    attempt_job(task, account);
    hash_job_check(task->job, given, login ? login->password : slice("", 0));
    return ERROR_none;
}

error_code_t attempt_matched(const task_t *task, const login_t *login)
{
    bool same = slice_is(login->password, hash_job_stored(task->job));
    return same && hash_job_matched(task->job) ? ERROR_none : ERROR_invalid_login;
}

error_code_t attempt_code(const task_t *task, login_t *login, slice_t code)
{
    uint8_t secret[LOGIN_SECRET];
    if (login_open(task->view, login->totp, secret) != 0)
        return ERROR_internal;
    uint64_t step = totp_step(secret, code, login->totp_step, task->now_ms);
    secret_wipe(secret, sizeof secret);
    if (step == 0)
        return ERROR_invalid_login;
    login->totp_step = step;
    return ERROR_none;
}

error_code_t attempt_new_password(task_t *task, login_t *login)
{
    if (hash_job_weak(task->job))
        return task_because(
            task,
            task_field(task, ERROR_invalid_param, "password",
                       "is too easy to guess. Take several words that do not belong "
                       "together, and neither your name nor your address."),
            REASON_weak);
    if (!hash_job_made(task->job)[0])
        return ERROR_overloaded; /* no memory for it */
    login->password = slice_of(hash_job_made(task->job));
    login->password_ms = task->now_ms;
    logins_put(task->view, login);
    return ERROR_none;
}

void attempt_ended(task_t *task, error_code_t code)
{
    throttle_t *throttle = task->accounts->throttle;
    if (!task->network[0])
        return;
    if (code == ERROR_none)
        throttle_succeeded(throttle, slice_of(task->account), task->network);
    else if (code != ERROR_invalid_login)
        throttle_give_back(throttle, slice_of(task->account), task->network);
    else
        log_warn("login.failed", "from=%s user=%s", LOG_Q(task->actor->from),
                 task->who[0] ? task->who : "unknown");
}
