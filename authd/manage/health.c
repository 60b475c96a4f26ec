/* The health of the ring: who may see it. What there is to see the gateway tells, which asked. */
#include "authd/manage/attempt.h"
#include "authd/manage/task.h"

enum { MINUTES_MOST = 60 };

static error_code_t s_judge(task_t *task, json_t *result)
{
    if (attempt_is_control(task)) {
        json_decref(result);
        return task_fail(task, ERROR_invalid_request,
                         "A gateway tells this at its admin listener, not the control socket: "
                         "give --management-url. On this host, posternctl health asks the "
                         "processes themselves.");
    }
    task->result = result;
    return ERROR_none;
}

static error_code_t s_health(task_t *task)
{
    return s_judge(task, json_object());
}

static error_code_t s_series(task_t *task)
{
    json_t *minutes = json_object_get(task->args, "minutes");
    return s_judge(task,
                   json_pack("{s:I}", "minutes",
                             minutes ? json_integer_value(minutes) : (json_int_t)MINUTES_MOST));
}

const task_row_t manage_health[] = {
    {OP_ring_show, s_health, {{0}}},
    {OP_ring_series, s_series, {{"minutes", FIELD_UINT, false, 1, MINUTES_MOST}}},
    {0},
};
