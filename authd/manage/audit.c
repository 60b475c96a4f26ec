/* Reading the audit; nothing writes it but the changes themselves. */
#include "authd/directory/audit.h"
#include "authd/manage/task.h"

enum { ROWS_BYTES = 512 << 10 };

static json_t *s_json(const audit_t *row)
{
    json_t *changes =
        row->changes.len ? json_loadb(row->changes.data, row->changes.len, 0, NULL) : NULL;
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "number", (json_int_t)row->number,
                     "time", task_json_time(row->time_ms), "who", task_json_text(row->who), "from",
                     row->from.len ? task_json_text(row->from) : json_null(), "op",
                     task_json_text(row->op), "object", task_json_text(row->object), "changes",
                     changes ? changes : json_null(), "request",
                     uuid_is_nil(&row->request) ? json_null() : task_json_id(&row->request));
}

/* Where to begin: after a number, or so many from the end. */
static error_code_t s_after(task_t *task, uint64_t *after)
{
    uint64_t last = task_uint(task, "last", 0), newest = audit_last(task->view);
    *after = task_uint(task, "after", 0);
    if (last && json_object_get(task->args, "after"))
        return task_field(task, ERROR_invalid_param, "last", "give either last or after.");
    if (last)
        *after = newest > last ? newest - last : 0;
    return ERROR_none;
}

static error_code_t s_list(task_t *task)
{
    audit_t row;
    uint64_t after, limit = task_uint(task, "limit", PAGE_ROWS);
    size_t bytes = 0;
    error_code_t code = s_after(task, &after);
    if (code != ERROR_none)
        return code;
    json_t *rows = json_array();
    bool more = audit_next(task->view, after, &row);
    while (more && json_array_size(rows) < limit && bytes < ROWS_BYTES) {
        bytes += row.changes.len + row.object.len + 256;
        json_array_append_new(rows, s_json(&row));
        after = row.number;
        more = audit_next(task->view, after, &row);
    }
    task->result = json_pack("{s:o, s:o}", "rows", rows, "next",
                             more ? json_integer((json_int_t)after) : json_null());
    return ERROR_none;
}

const task_row_t manage_audit[] = {
    {OP_audit_list,
     s_list,
     {{"limit", FIELD_UINT, false, 1, 1000},
      {"after", FIELD_UINT, false, 0, INT64_MAX},
      {"last", FIELD_UINT, false, 1, 1000}}},
    {0},
};
