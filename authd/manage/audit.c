/* Reading the audit; nothing writes it but the changes themselves. */
#include "authd/directory/audit.h"
#include "authd/manage/page.h"
#include "common/base/clock.h"

#include <string.h>

enum { ROWS_BYTES = 512 << 10, LAST_MOST = 1000, OP_NAME_MOST = 64 };

/* For the cursor: by its direction. */
static const char *const s_lists[] = {"audit_list created asc", "audit_list created desc"};

/* What is asked for: rows from one number on in one direction, and which of them. */
typedef struct {
    bool down;   /* the newest first */
    uint64_t at; /* up: the row past it is the next; down: the row before it */
    slice_t who, op, object;
    char user[UUID_TEXT]; /* who, where it is a user */
    uint64_t from_ms, to_ms;
} asked_t;

/* An id, and behind it a name where there is one. */
static json_t *s_name_of(slice_t object)
{
    enum { ID = UUID_TEXT - 1 };
    return object.len > ID + 1 ? json_stringn(object.data + ID + 1, object.len - ID - 1)
                               : json_null();
}

static json_t *s_id_of(slice_t object)
{
    uuid_t7 id;
    size_t len = object.len < UUID_TEXT - 1 ? object.len : UUID_TEXT - 1;
    return uuid_parse(object.data, len, &id) == 0 ? task_json_id(&id) : json_null();
}

/* Null where it is no user, or one who is not there any more. */
static json_t *s_who_name(task_t *task, slice_t who)
{
    uuid_t7 id;
    user_t user;
    bool found = uuid_parse(who.data, who.len, &id) == 0 && users_get(task->view, &id, &user);
    return found ? task_json_text(user.name) : json_null();
}

static json_t *s_json(task_t *task, const audit_t *row)
{
    json_t *changes =
        row->changes.len ? json_loadb(row->changes.data, row->changes.len, 0, NULL) : NULL;
    json_t *all = json_pack(
        "{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "number", (json_int_t)row->number,
        "time", task_json_time(row->time_ms), "who", task_json_text(row->who), "from",
        row->from.len ? task_json_text(row->from) : json_null(), "op", task_json_text(row->op),
        "object", task_json_text(row->object), "object_id", s_id_of(row->object), "object_name",
        s_name_of(row->object), "changes", changes ? changes : json_null(), "request",
        uuid_is_nil(&row->request) ? json_null() : task_json_id(&row->request));
    json_object_set_new(all, "who_name", s_who_name(task, row->who)); /* ends ROW's slices */
    return all;
}

static error_code_t s_time(task_t *task, const char *name, uint64_t fallback, uint64_t *time_ms)
{
    slice_t text = task_text(task, name);
    *time_ms = fallback;
    if (text.len == 0)
        return ERROR_none;
    int64_t wall_ms = clock_parse(text);
    if (wall_ms < 0)
        return task_because(
            task,
            task_field(task, ERROR_invalid_param, name, "must be a time as 2026-01-02T03:04:05Z."),
            REASON_shape);
    *time_ms = (uint64_t)wall_ms;
    return ERROR_none;
}

/* The argument NAME, a cursor or a row's number; what *at is without it stays. */
static error_code_t s_place(task_t *task, const char *name, asked_t *asked)
{
    const json_t *value = json_object_get(task->args, name);
    if (json_is_integer(value))
        asked->at = (uint64_t)json_integer_value(value);
    if (!json_is_string(value) ||
        cursor_read_number(slice_of(s_lists[asked->down]), task_text(task, name), &asked->at))
        return ERROR_none;
    return task_because(task,
                        task_field(task, ERROR_invalid_param, name,
                                   "must be the next that this list gave, in the same order."),
                        REASON_shape);
}

/* Where to begin: behind a place, or so many from the end. A number is that of a row: after is for
 * the order asc, before for desc. */
static error_code_t s_begin(task_t *task, asked_t *asked)
{
    slice_t order = task_text(task, "order");
    uint64_t last = task_uint(task, "last", 0), newest = audit_last(task->view);
    asked->down = slice_is(order, "desc");
    asked->at = asked->down ? newest + 1 : 0;
    error_code_t code = s_place(task, "after", asked);
    if (code == ERROR_none)
        code = s_place(task, "before", asked);
    if (code != ERROR_none)
        return code;
    if (asked->down && asked->at > newest + 1)
        asked->at = newest + 1;
    if (order.len && !asked->down && !slice_is(order, "asc"))
        return task_because(task,
                            task_field(task, ERROR_invalid_param, "order", "must be asc or desc."),
                            REASON_shape);
    if (json_object_get(task->args, "before") && !asked->down)
        return task_field(task, ERROR_invalid_param, "before", "is for the order desc.");
    if (json_is_integer(json_object_get(task->args, "after")) && asked->down)
        return task_field(task, ERROR_invalid_param, "after", "a number is for the order asc.");
    if (json_object_get(task->args, "after") && json_object_get(task->args, "before"))
        return task_field(task, ERROR_invalid_param, "before", "give either before or after.");
    if (last && (asked->down || json_object_get(task->args, "after")))
        return task_field(task, ERROR_invalid_param, "last", "give either last or after.");
    if (last)
        asked->at = newest > last ? newest - last : 0;
    return ERROR_none;
}

static error_code_t s_asked(task_t *task, asked_t *asked)
{
    user_t user;
    *asked = (asked_t){.who = task_text(task, "who"),
                       .op = task_text(task, "op"),
                       .object = task_text(task, "object")};
    if (asked->who.len && users_find(task->view, asked->who, &user)) {
        uuid_text(&user.id, asked->user);
        asked->who = slice_of(asked->user);
    }
    error_code_t code = s_time(task, "from", 0, &asked->from_ms);
    if (code == ERROR_none)
        code = s_time(task, "to", UINT64_MAX, &asked->to_ms);
    return code == ERROR_none ? s_begin(task, asked) : code;
}

static bool s_next(task_t *task, const asked_t *asked, audit_t *row)
{
    if (!asked->down)
        return audit_next(task->view, asked->at, row);
    for (uint64_t at = asked->at; at > 1; at--) /* a salvage may have left some out */
        if (audit_next(task->view, at - 2, row) && row->number < asked->at)
            return true;
    return false;
}

static bool s_contains(slice_t text, slice_t part)
{
    return part.len == 0 ||
           (text.len >= part.len && memmem(text.data, text.len, part.data, part.len) != NULL);
}

static bool s_fits(const asked_t *asked, const audit_t *row)
{
    return (asked->who.len == 0 || slice_eq(asked->who, row->who)) &&
           (asked->op.len == 0 || slice_eq(asked->op, row->op)) &&
           s_contains(row->object, asked->object) && row->time_ms >= asked->from_ms &&
           row->time_ms < asked->to_ms;
}

static error_code_t s_list(task_t *task)
{
    audit_t row;
    asked_t asked;
    uint64_t limit = task_uint(task, "limit", PAGE_ROWS);
    unsigned skipped = 0;
    size_t bytes = 0;
    char next[CURSOR_TEXT];
    error_code_t code = s_asked(task, &asked);
    if (code != ERROR_none)
        return code;
    json_t *rows = json_array();
    bool more = s_next(task, &asked, &row);
    while (more && json_array_size(rows) < limit && bytes < ROWS_BYTES && skipped < PAGE_SKIPS) {
        asked.at = row.number;
        bool fits = s_fits(&asked, &row);
        bytes += fits ? row.changes.len + row.object.len + 256 : 0;
        skipped += !fits;
        if (fits)
            json_array_append_new(rows, s_json(task, &row));
        more = s_next(task, &asked, &row);
    }
    if (more)
        cursor_write_number(slice_of(s_lists[asked.down]), asked.at, next);
    task->result =
        json_pack("{s:o, s:o}", "rows", rows, "next", more ? json_string(next) : json_null());
    return ERROR_none;
}

const task_row_t manage_audit[] = {
    {OP_audit_list,
     s_list,
     {{"limit", FIELD_UINT, false, 1, PAGE_MOST},
      {"after", FIELD_PLACE, false, 0, CURSOR_TEXT - 1},
      {"last", FIELD_UINT, false, 1, LAST_MOST},
      {"order", FIELD_TEXT, false, 1, 8},
      {"before", FIELD_PLACE, false, 1, CURSOR_TEXT - 1},
      {"who", FIELD_TEXT, false, 1, TASK_REFERENCE},
      {"op", FIELD_TEXT, false, 1, OP_NAME_MOST},
      {"object", FIELD_TEXT, false, 1, TASK_REFERENCE},
      {"from", FIELD_TEXT, false, 1, 40},
      {"to", FIELD_TEXT, false, 1, 40}}},
    {0},
};
