/* Authorisation: compares the rights of the actor's role for an operation (rights.h) with the
 * actor's relation to the object that the operation is about. Private to manage.c. */
#ifndef POSTERN_AUTHD_MANAGE_AUTHORISE_H
#define POSTERN_AUTHD_MANAGE_AUTHORISE_H

#include "authd/manage/task.h"

/* Before the operation's handler, in its view. ERROR_none, or ERROR_not_allowed, which does not
 * tell whether the object is there. Sets task->only where a list is to show one's own. */
error_code_t authorise(task_t *task, const op_t *op);

#endif
