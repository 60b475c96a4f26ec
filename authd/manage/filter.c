#include "authd/manage/filter.h"

#include <string.h>

/* An owner who is not there owns nothing. */
static void s_owner(filter_t *self, task_t *task)
{
    user_t user;
    slice_t owner = task_text(task, "owner");
    if (owner.len == 0)
        return;
    if (users_find(task->view, owner, &user))
        self->owner = user.id;
    else if (uuid_parse(owner.data, owner.len, &self->owner) != 0)
        memset(&self->owner, 0xff, sizeof self->owner);
}

error_code_t filter_begin(filter_t *self, task_t *task)
{
    slice_t archived = task_text(task, "archived");
    bool all = slice_is(archived, "all"), only = slice_is(archived, "true");
    *self = (filter_t){.task = task, .in_use = !only, .archived = all || only};
    if (archived.len && !all && !only && !slice_is(archived, "false"))
        return task_because(
            task, task_field(task, ERROR_invalid_param, "archived", "must be false, true or all."),
            REASON_shape);
    s_owner(self, task);
    return ERROR_none;
}

bool filter_fits(const filter_t *self, bool archived, const uuid_t7 *owner, slice_t name)
{
    return (archived ? self->archived : self->in_use) &&
           (uuid_is_nil(&self->owner) || uuid_eq(&self->owner, owner)) && task_q(self->task, name);
}
