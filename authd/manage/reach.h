/* Warns of a URL that names an address which no delivery may go to. One whose host is a name is not
 * looked up. Private to authd/manage. */
#ifndef POSTERN_AUTHD_MANAGE_REACH_H
#define POSTERN_AUTHD_MANAGE_REACH_H

#include "authd/manage/task.h"

enum { REACH_WARNING = 512 };

/* Writes why, by the settings of this process, and what to do; "": there is nothing to warn of. */
void reach_warn(const task_t *task, slice_t url, char warning[REACH_WARNING]);
/* Adds it to the result, where there is something. */
void reach_add(task_t *task, const char *warning);

#endif
