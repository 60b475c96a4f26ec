/* How a text that is no format is refused. Private to authd/manage. */
#ifndef POSTERN_AUTHD_MANAGE_FORMAT_REFUSE_H
#define POSTERN_AUTHD_MANAGE_FORMAT_REFUSE_H

#include "authd/manage/task.h"
#include "workers/format/format.h"

/* Of the argument "format"; the details have the line. */
error_code_t format_refuse(task_t *task, const format_fault_t *fault);

#endif
