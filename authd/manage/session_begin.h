/* A session that begins within an operation. Private to authd/manage. Threading: the task's. */
#ifndef POSTERN_AUTHD_MANAGE_SESSION_BEGIN_H
#define POSTERN_AUTHD_MANAGE_SESSION_BEGIN_H

#include "authd/manage/task.h"

/* prepare: invalid_param where the argument "cookie" asks for a cookie that the answer cannot set.
 */
error_code_t session_check_cookie(task_t *task);
/* run: begins a session of USER, which the audit's row names unless it names something already.
 * Returns its JSON with what shows this once: csrf, and session, its text, unless it goes out as a
 * cookie. */
json_t *session_begin(task_t *task, const uuid_t7 *user);

#endif
