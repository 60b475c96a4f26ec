/* The profile of a channel, a bot or an extension in its JSON, and the arguments that change it.
 * Private to authd/manage. Threading: the task's. */
#ifndef POSTERN_AUTHD_MANAGE_PROFILE_H
#define POSTERN_AUTHD_MANAGE_PROFILE_H

#include "authd/directory/profiles.h"
#include "authd/manage/task.h"

/* The arguments; an empty one takes away what is there. */
#define PROFILE_FIELDS                                                                             \
    {"display_name", FIELD_TEXT, false, 0, PROFILE_NAME_MOST},                                     \
        {"description", FIELD_LINES, false, 0, PROFILE_DESCRIPTION_MOST},                          \
    {                                                                                              \
        "picture", FIELD_TEXT, false, 0, PROFILE_PICTURE_MOST                                      \
    }

/* Adds display_name, description and picture to ALL, null where there is none, and owner_name. */
void profile_add(const task_t *task, const uuid_t7 *id, const uuid_t7 *owner, json_t *all);
/* Takes the arguments that are given: ERROR_none, or invalid_param. */
error_code_t profile_edit(task_t *task, const uuid_t7 *id);

#endif
