/* What a list of channels, bots or extensions is asked for beside its page: q, owner, archived.
 * Private to authd/manage. Threading: the task's. */
#ifndef POSTERN_AUTHD_MANAGE_FILTER_H
#define POSTERN_AUTHD_MANAGE_FILTER_H

#include "authd/manage/page.h"

/* The fields of a page that is searched by name; and these with the filters. */
#define PAGE_Q TASK_Q, PAGE_FIELDS
#define FILTER_FIELDS                                                                              \
    PAGE_Q, {"owner", FIELD_TEXT, false, 1, TASK_REFERENCE},                                       \
    {                                                                                              \
        "archived", FIELD_TEXT, false, 1, 8                                                        \
    }

typedef struct {
    const task_t *task;
    bool in_use, archived; /* which of these are shown */
    uuid_t7 owner;         /* nil: anybody's */
} filter_t;

/* archived: "false", "true" or "all"; without it what is in use. An owner that is not there is
 * nobody's: the list is empty, to whoever asks, so that it tells nothing of who is there. */
error_code_t filter_begin(filter_t *self, task_t *task);
bool filter_fits(const filter_t *self, bool archived, const uuid_t7 *owner, slice_t name);

#endif
