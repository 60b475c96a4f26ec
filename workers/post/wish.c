#include "workers/post/wish.h"

#include <assert.h>
#include <stdio.h>

/* False: the job is refused. */
static bool s_read(job_t *job, const char *name, slice_t *list)
{
    char reason[128];
    if (!job_param(job, name, list)) {
        *list = slice("", 0);
        return job->error == ERROR_none;
    }
    const char *fault = selection_fault(*list, ',');
    if (!fault)
        return true;
    snprintf(reason, sizeof reason, "%s. It takes globs with commas between, as push,issues.*",
             fault);
    job_refuse_param(job, name, reason);
    return false;
}

bool wish_read(wish_t *self, job_t *job)
{
    selection_t asked = {.separator = ','};
    if (!s_read(job, "only", &asked.only) || !s_read(job, "except", &asked.except) ||
        !s_read(job, "branch", &asked.branch))
        return false;
    assert(self->count < WISH_SELECTIONS);
    if (asked.only.len || asked.except.len || asked.branch.len)
        self->selections[self->count++] = asked;
    return true;
}

void wish_add(wish_t *self, const source_record_t *source)
{
    if (!source)
        return;
    assert(self->count < WISH_SELECTIONS);
    self->selections[self->count++] = source->selection;
    self->drops_unknown = source->drops_unknown;
}

format_wanted_t wish_wanted(const wish_t *self)
{
    return (format_wanted_t){self->selections, self->count, self->drops_unknown};
}
