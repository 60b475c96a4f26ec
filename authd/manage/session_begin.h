/* A session that begins within an operation. Private to authd/manage. Threading: the task's. */
#ifndef POSTERN_AUTHD_MANAGE_SESSION_BEGIN_H
#define POSTERN_AUTHD_MANAGE_SESSION_BEGIN_H

#include "authd/directory/sessions.h"
#include "authd/manage/task.h"

/* A session as lists have it; IDLE_MS: the settings'. */
json_t *session_json(const session_t *session, uint64_t idle_ms);
/* prepare: invalid_param where the argument "cookie" asks for a cookie that the answer cannot set.
 */
error_code_t session_check_cookie(task_t *task);
/* run: begins a session of USER, which the audit's row names unless it names something already.
 * Returns its JSON with what shows this once: csrf, and session, its text, unless it goes out as a
 * cookie. */
json_t *session_begin(task_t *task, const uuid_t7 *user);

#endif
