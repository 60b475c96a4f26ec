/* The text of what an operation changed, for its row of the audit: never a secret. Private to
 * manage.c. */
#ifndef POSTERN_AUTHD_MANAGE_CHANGE_H
#define POSTERN_AUTHD_MANAGE_CHANGE_H

#include "authd/manage/task.h"

/* JSON of a task that is done: "given", the arguments; of an edit also "was" and "is", the members
 * that differ. Past CHANGE_MOST bytes the text says that in place of the members. The caller
 * frees. */
enum { CHANGE_MOST = 16 << 10 };
char *change_text(const task_t *task);

#endif
