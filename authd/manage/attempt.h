/* A password that is to be checked within a management operation: the attempt is charged to the
 * throttle before the hasher gets the password, and its outcome is told to the throttle at the end.
 * Private to authd/manage; see task_stage_t. */
#ifndef POSTERN_AUTHD_MANAGE_ATTEMPT_H
#define POSTERN_AUTHD_MANAGE_ATTEMPT_H

#include "authd/directory/logins.h"
#include "authd/manage/task.h"

/* Whether the task is of whoever opened the control socket. */
bool attempt_is_control(const task_t *task);
/* Whether USER is the actor, and the task did not come over the control socket: then the actor's
 * password is asked for. */
bool attempt_is_own(const task_t *task, const uuid_t7 *user);

/* prepare: makes task->job, on ACCOUNT's password and for the network of who asks: by these two the
 * hasher knows whose share the job takes (whoever opened the control socket is on no network). */
void attempt_job(task_t *task, slice_t account);
/* prepare: charges an attempt on ACCOUNT; KNOWN: its user has logged in from this network before.
 * rate_limited, with task->wait_ms, when it comes too early. */
error_code_t attempt_charge(task_t *task, slice_t account, bool known);
/* prepare: the same of an email address; LOGIN is the account's, NULL where there is none. Then
 * makes the job that checks GIVEN against LOGIN's password. */
error_code_t attempt_begin(task_t *task, slice_t account, const login_t *login, slice_t given);
/* run: ERROR_none when the given password matched the one that LOGIN (read again) has; else
 * invalid_login. */
error_code_t attempt_matched(const task_t *task, const login_t *login);
/* run: takes CODE as one of the authenticator of LOGIN, which has a second factor: each is good
 * once, so LOGIN is to be written. ERROR_none, invalid_login, or internal: its secret does not
 * open. */
error_code_t attempt_code(const task_t *task, login_t *login, slice_t code);
/* run: gives LOGIN the password that the job made, and writes it; or says that it is weak. */
error_code_t attempt_new_password(task_t *task, login_t *login);
/* ended: of every operation that may have begun an attempt. */
void attempt_ended(task_t *task, error_code_t code);

#endif
