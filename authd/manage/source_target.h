/* Which source an operation is about, or where one is to be made. Private to authd/manage. */
#ifndef POSTERN_AUTHD_MANAGE_SOURCE_TARGET_H
#define POSTERN_AUTHD_MANAGE_SOURCE_TARGET_H

#include "authd/directory/sources.h"
#include "authd/manage/task.h"

/* The source that is the target; without a target an empty one at the place that the arguments
 * "kind", "to" and "environment" name. An error of task_fail or task_gone otherwise. */
error_code_t source_target(task_t *task, source_t *source);

#endif
