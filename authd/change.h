/* What an operation changed, as the audit keeps it: never a secret. Private to manage.c. */
#ifndef POSTERN_CHANGE_H
#define POSTERN_CHANGE_H

#include "authd/task.h"

/* JSON of a task that is done: "given", the arguments; of an edit also "was" and "is", the members
 * that differ. Past CHANGE_MOST bytes it says so in their place. The caller frees. */
enum { CHANGE_MOST = 16 << 10 };
char *change_text(const task_t *task);

#endif
