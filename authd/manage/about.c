/* The installation as whoever is signed in may know it. */
#include "authd/directory/tokens.h"
#include "authd/manage/task.h"

static error_code_t s_about(task_t *task)
{
    const manage_limits_t *limits = task->limits;
    json_t *settings =
        json_pack("{s:I, s:I, s:I, s:b, s:I}", "rate", (json_int_t)limits->rate, "burst",
                  (json_int_t)limits->burst, "member_objects", (json_int_t)limits->member_objects,
                  "people", limits->people, "service_tokens", (json_int_t)limits->service_tokens);
    if (task->accounts)
        json_object_update_new(settings, json_pack("{s:I, s:I}", "session_s",
                                                   (json_int_t)(task->accounts->session_ms / 1000),
                                                   "session_idle_s",
                                                   (json_int_t)(task->accounts->idle_ms / 1000)));
    task->result =
        json_pack("{s:s, s:o, s:s, s:s, s:o}", "version", POSTERN_VERSION, "time",
                  task_json_time(task->now_ms), "public_url", task->public_url, "admin_url",
                  task->accounts ? task->accounts->url : "", "settings", settings);
    return ERROR_none;
}

const task_row_t manage_about[] = {
    {OP_about_show, s_about, {{0}}},
    {0},
};
