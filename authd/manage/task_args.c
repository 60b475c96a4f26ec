/* What a management operation is given, checked against its row. */
#include "authd/manage/etag.h"
#include "authd/manage/task.h"
#include "common/base/utf8.h"

#include <inttypes.h>
#include <string.h>

enum { JSON_FLAGS = JSON_REJECT_DUPLICATES };

static bool s_is_plain(const json_t *value, bool lines)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; i < json_string_length(value); i++)
        if (((unsigned char)text[i] < 0x20 &&
             !(lines && (text[i] == '\n' || text[i] == '\t' || text[i] == '\r'))) ||
            text[i] == 0x7f)
            return false;
    return true;
}

static bool s_is_text(const json_t *value, uint64_t min, uint64_t max, bool lines)
{
    size_t len = json_string_length(value);
    return json_is_string(value) && len >= min && len <= max && s_is_plain(value, lines);
}

/* "must be WHAT min to max UNIT"; the details have min and max, too. */
static error_code_t s_misshapen(task_t *task, const field_t *field, const char *what,
                                const char *unit)
{
    task_detail(task, "min", json_integer((json_int_t)field->min));
    task_detail(task, "max", json_integer((json_int_t)field->max));
    return task_because(task,
                        task_field(task, ERROR_invalid_param, field->name,
                                   "must be %s %" PRIu64 " to %" PRIu64 "%s.", what, field->min,
                                   field->max, unit),
                        REASON_shape);
}

static error_code_t s_check_list(task_t *task, const field_t *field, const json_t *value)
{
    size_t i;
    const json_t *item;
    size_t len = json_array_size(value);
    if (!json_is_array(value) || len < field->min || len > field->max)
        return s_misshapen(task, field, "an array of", " texts");
    json_array_foreach (value, i, item) {
        if (!s_is_text(item, 1, TASK_REFERENCE, false))
            return task_because(task,
                                task_item(task, ERROR_invalid_param, field->name, i,
                                          "must be a text of 1 to %d bytes.", TASK_REFERENCE),
                                REASON_shape);
    }
    return ERROR_none;
}

static error_code_t s_check_field(task_t *task, const field_t *field)
{
    const json_t *value = json_object_get(task->args, field->name);
    if (!value)
        return field->required ? task_missing(task, field->name) : ERROR_none;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_LINES:
        if (!s_is_text(value, field->min, field->max, field->type == FIELD_LINES))
            return s_misshapen(task, field, "a text of", " bytes without control characters");
        return ERROR_none;
    case FIELD_UINT:
        if (!json_is_integer(value) || json_integer_value(value) < (json_int_t)field->min ||
            json_integer_value(value) > (json_int_t)field->max)
            return s_misshapen(task, field, "a number from", "");
        return ERROR_none;
    case FIELD_BOOL:
        if (!json_is_boolean(value))
            return task_because(
                task, task_field(task, ERROR_invalid_param, field->name, "must be true or false."),
                REASON_shape);
        return ERROR_none;
    case FIELD_LIST:
        return s_check_list(task, field, value);
    case FIELD_PLACE:
        if (!s_is_text(value, 1, field->max, false) &&
            (!json_is_integer(value) || json_integer_value(value) < (json_int_t)field->min))
            return task_because(task,
                                task_field(task, ERROR_invalid_param, field->name,
                                           "must be the next of the page before."),
                                REASON_shape);
        return ERROR_none;
    case FIELD_OBJECT:
        if (!json_is_object(value) && !json_is_null(value))
            return task_because(
                task,
                task_field(task, ERROR_invalid_param, field->name, "must be an object, or null."),
                REASON_shape);
        return ERROR_none;
    }
    return ERROR_internal;
}

/* What came beside the body as the argument that it is. */
static error_code_t s_take(task_t *task, const char *name, slice_t value)
{
    if (value.len == 0)
        return ERROR_none;
    if (json_object_get(task->args, name))
        return task_field(task, ERROR_invalid_param, name, "is in the request's header already.");
    json_object_set_new(task->args, name, task_json_text(value));
    return ERROR_none;
}

/* Any edit takes the tag of what it is to change. */
static error_code_t s_check_if_match(task_t *task, const op_t *op)
{
    const json_t *value = json_object_get(task->args, "if_match");
    if (!value)
        return ERROR_none;
    if (op->methods != OP_PUT)
        return task_field(task, ERROR_invalid_param, "if_match",
                          "is not a field of this operation.");
    if (!s_is_text(value, 1, ETAG_TEXT - 1, false))
        return task_field(task, ERROR_invalid_param, "if_match", "must be an etag.");
    return ERROR_none;
}

/* An unknown name is repeated where it can be no credential that went astray. */
static bool s_is_name(const char *key)
{
    size_t len = strlen(key);
    return len > 0 && len <= 24 && strspn(key, "abcdefghijklmnopqrstuvwxyz_") == len;
}

static error_code_t s_no_field(task_t *task, const char *key)
{
    static const char what[] = "is not a field of this operation.";
    if (!s_is_name(key))
        return task_because(task,
                            task_fail(task, ERROR_invalid_param, "One of the fields: %s", what),
                            REASON_not_a_field);
    return task_because(task, task_field(task, ERROR_invalid_param, key, "%s", what),
                        REASON_not_a_field);
}

static error_code_t s_check_args(task_t *task, const task_row_t *row)
{
    const char *key;
    json_t *value;
    json_object_foreach (task->args, key, value) {
        const field_t *field = row->fields;
        while (field < row->fields + TASK_FIELDS && field->name && strcmp(field->name, key) != 0)
            field++;
        if ((field == row->fields + TASK_FIELDS || !field->name) && strcmp(key, "if_match") != 0)
            return s_no_field(task, key);
    }
    for (unsigned i = 0; i < TASK_FIELDS && row->fields[i].name; i++) {
        error_code_t code = s_check_field(task, &row->fields[i]);
        if (code != ERROR_none)
            return code;
    }
    return ERROR_none;
}

/* The place of the fault, never jansson's text: that quotes the input. */
static error_code_t s_parse(task_t *task, slice_t body)
{
    json_error_t error;
    body = utf8_unmarked(body);
    task->args = body.len ? json_loadb(body.data, body.len, JSON_FLAGS, &error) : json_object();
    if (!task->args)
        return task_fail(task, ERROR_invalid_json,
                         "The body is not valid JSON, or names a field twice: line %d, column %d.",
                         error.line, error.column);
    if (!json_is_object(task->args))
        return task_fail(task, ERROR_invalid_json, "The body must be a JSON object.");
    return ERROR_none;
}

error_code_t task_read(task_t *task, const manage_request_t *request, const op_t *op,
                       const task_row_t *row)
{
    error_code_t code = s_parse(task, request->body);
    if (code == ERROR_none)
        code = s_take(task, "if_match", request->if_match);
    if (code == ERROR_none)
        code = s_take(task, "session", request->session);
    if (code == ERROR_none)
        code = s_check_if_match(task, op);
    return code == ERROR_none ? s_check_args(task, row) : code;
}
