/* What a channel, a bot or an extension keeps by itself, in its JSON, and the argument that changes
 * it. Private to authd/manage. Threading: the task's. */
#ifndef POSTERN_AUTHD_MANAGE_RETENTION_H
#define POSTERN_AUTHD_MANAGE_RETENTION_H

#include "authd/manage/task.h"

#define RETENTION_FIELD                                                                            \
    {                                                                                              \
        "retention", FIELD_OBJECT, false, 0, 0                                                     \
    }

/* Adds retention to ALL: {days, messages, bytes}, each null where it is no limit, or null. */
void retention_add(const task_t *task, const uuid_t7 *target, json_t *all);
/* Takes the argument, where it is given, for COUNT targets of KIND, whose workers are told:
 * ERROR_none, or why not. */
error_code_t retention_edit(task_t *task, op_owner_t kind, const uuid_t7 *targets, size_t count);

#endif
