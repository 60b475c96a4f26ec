/* A source as the admin API shows it, and its lists of globs. Private to authd/manage. */
#ifndef POSTERN_AUTHD_MANAGE_SOURCE_JSON_H
#define POSTERN_AUTHD_MANAGE_SOURCE_JSON_H

#include "authd/directory/sources.h"
#include "authd/manage/task.h"

/* Without any secret. */
json_t *source_json(const task_t *task, const source_t *source);

/* The texts of the argument NAME, one a line; the caller frees them. NULL: it was not given. */
char *source_globs(const task_t *task, const char *name);

#endif
