/* Operations on formats of the installation. */
#include "workers/format/formats.h"
#include "authd/directory/kept_formats.h"
#include "authd/manage/format_refuse.h"
#include "authd/manage/page.h"

#include <stdio.h>
#include <string.h>

/* The format of the path: by id or name. */
static error_code_t s_target(task_t *task, kept_format_t *format)
{
    uuid_t7 id;
    bool found = uuid_parse(task->target.data, task->target.len, &id) == 0
                     ? kept_formats_get(task->view, &id, format)
                     : kept_formats_find(task->view, task->target, format);
    return found ? ERROR_none : task_gone(task, ERROR_unknown_format, NULL);
}

static json_t *s_json(const kept_format_t *format)
{
    json_t *all = json_pack("{s:o, s:o, s:o, s:I}", "id", task_json_id(&format->id), "name",
                            task_json_text(format->name), "format", task_json_text(format->text),
                            "version", (json_int_t)format->version);
    json_object_set_new(all, "created", task_json_time(format->created_ms));
    json_object_set_new(all, "changed", task_json_time(format->changed_ms));
    return all;
}

error_code_t format_refuse(task_t *task, const format_fault_t *fault)
{
    char line[32] = "";
    if (fault->line > 0) {
        snprintf(line, sizeof line, "line %u: ", fault->line);
        task_detail(task, "line", json_integer(fault->line));
    }
    return task_field(task, ERROR_invalid_param, "format", "%s%.400s", line, fault->reason);
}

/* Reads the argument "format" as a worker will; its sender is the name. */
static error_code_t s_take(task_t *task, char name[FORMAT_NAME], kept_format_t *format)
{
    format_fault_t fault;
    format->text = task_text(task, "format");
    format_t *parsed = format_parse(format->text, &fault);
    if (!parsed)
        return format_refuse(task, &fault);
    size_t len = strlen(format_sender(parsed));
    memcpy(name, format_sender(parsed), len + 1);
    format_destroy(&parsed);
    format->name = slice(name, len);
    return ERROR_none;
}

/* With FORMAT in the place of what it was. */
static error_code_t s_fits(task_t *task, const kept_format_t *format)
{
    kept_format_t other;
    uuid_t7 last;
    size_t bytes = format->text.len;
    for (bool more = kept_formats_next(task->view, NULL, &other); more;
         more = kept_formats_next(task->view, &last, &other)) {
        last = other.id;
        if (!uuid_eq(&last, &format->id))
            bytes += other.text.len;
    }
    if (bytes <= KEPT_FORMATS_BYTES)
        return ERROR_none;
    return task_full(task, ERROR_conflict, KEPT_FORMATS_BYTES,
                     "The formats together would have %zu bytes, and %d are the most: delete one, "
                     "or shorten one.",
                     bytes, KEPT_FORMATS_BYTES);
}

static void s_raise(const task_t *task, kept_format_t *format)
{
    /* Past what was told before a restore of an older directory, too. */
    format->version = format->version + 1 > task->now_ms ? format->version + 1 : task->now_ms;
    format->changed_ms = task->now_ms;
}

static error_code_t s_save(task_t *task, kept_format_t *format)
{
    error_code_t code = s_fits(task, format);
    if (code != ERROR_none)
        return code;
    s_raise(task, format);
    task_object(task, &format->id, format->name);
    task->result = s_json(format);
    kept_formats_put(task->view, format);
    return ERROR_none;
}

static error_code_t s_create(task_t *task)
{
    char name[FORMAT_NAME];
    kept_format_t format = {.created_ms = task->now_ms}, other;
    error_code_t code = s_take(task, name, &format);
    if (code != ERROR_none)
        return code;
    if (kept_formats_find(task->view, format.name, &other))
        return task_because(task,
                            task_fail(task, ERROR_conflict, "There is a format %s already.", name),
                            REASON_taken);
    if (kept_formats_count(task->view) >= KEPT_FORMATS_MOST)
        return task_full(task, ERROR_conflict, KEPT_FORMATS_MOST,
                         "There are %d formats, which is the most. Delete one.", KEPT_FORMATS_MOST);
    uuid_new(&format.id);
    return s_save(task, &format);
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    kept_format_t format;
    error_code_t code = page_begin(&page, task, "formats", PAGE_BY_NAME);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = kept_formats_next(task->view, page_after(&page), &format); more;
             more = kept_formats_next(task->view, &format.id, &format)) {
            page_key_t key = {format.name, 0};
            if (page_wants(&page, &format.id, &key) &&
                !page_add(&page, &format.id, s_json(&format)))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_show(task_t *task)
{
    kept_format_t format;
    error_code_t code = s_target(task, &format);
    if (code == ERROR_none)
        task->result = s_json(&format);
    return code;
}

static error_code_t s_edit(task_t *task)
{
    char name[FORMAT_NAME];
    kept_format_t format;
    error_code_t code = s_target(task, &format);
    if (code != ERROR_none)
        return code;
    slice_t former = format.name;
    task->before = s_json(&format);
    code = s_take(task, name, &format);
    if (code != ERROR_none)
        return code;
    if (!slice_eq(former, format.name))
        return task_field(task, ERROR_invalid_param, "format",
                          "sender is %s, but the format is %.*s: make another one of that name.",
                          name, SLICE_ARG(former));
    return s_save(task, &format);
}

static error_code_t s_delete(task_t *task)
{
    kept_format_t format;
    error_code_t code = s_target(task, &format);
    if (code != ERROR_none)
        return code;
    task_object(task, &format.id, format.name);
    task->result = s_json(&format);
    kept_formats_delete(task->view, &format.id);
    return ERROR_none;
}

/* clang-format off */
#define TEXT {"format", FIELD_LINES, true, 1, KEPT_FORMAT_TEXT}

const task_row_t manage_formats[] = {
    {OP_format_create, s_create, {TEXT}},
    {OP_format_list, s_list, {PAGE_FIELDS}},
    {OP_format_show, s_show, {{0}}},
    {OP_format_edit, s_edit, {TEXT}},
    {OP_format_delete, s_delete, {{0}}},
    {0},
};
/* clang-format on */
