#include "authd/manage/made.h"

#include "authd/directory/audit.h"

const char made_answer_lost[] =
    "The change is made, but its answer is lost: it is too old, authd was restarted, or another "
    "host made it. Read the object; what shows once must be made anew.";

error_code_t made_before(task_t *task, const op_t *op, const made_t *made)
{
    audit_t row;
    if (uuid_is_nil(&made->id))
        return ERROR_none;
    for (row.number = made->seen; audit_next(task->view, row.number, &row);) {
        bool same = uuid_eq(&row.request, &made->id);
        bool keyed = !uuid_is_nil(&made->key) && uuid_eq(&row.key, &made->key);
        if (keyed && !same && !slice_is(row.op, op->name))
            return ERROR_key_reused;
        if (keyed || same)
            return task_because(task, task_fail(task, ERROR_conflict, "%s", made_answer_lost),
                                REASON_answer_lost);
    }
    return ERROR_none;
}
