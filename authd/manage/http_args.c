#include "authd/manage/http_args.h"

#include "authd/manage/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "application/json", with parameters or without. */
static bool s_is_json(slice_t type)
{
    static const char json[] = "application/json";
    size_t len = sizeof json - 1;
    if (type.len < len || strncasecmp(type.data, json, len) != 0)
        return false;
    while (len < type.len && (type.data[len] == ' ' || type.data[len] == '\t'))
        len++;
    return len == type.len || type.data[len] == ';';
}

/* One entity tag, "…", without its quotes; empty for "*", which any object fits. A list, and a weak
 * tag, which never fits, are errors: nobody could mean them here. */
static error_code_t s_if_match(http_args_t *self, slice_t headers)
{
    slice_t value;
    if (!wire_pairs_find(headers, "if-match", &value) || slice_is(value, "*"))
        return ERROR_none;
    self->detail = "If-Match: must be one etag in quotes as an answer gave it, or *.";
    if (value.len < 3 || value.data[0] != '"' || value.data[value.len - 1] != '"')
        return ERROR_invalid_request;
    self->if_match = slice(value.data + 1, value.len - 2);
    return memchr(self->if_match.data, '"', self->if_match.len) ? ERROR_invalid_request
                                                                : ERROR_none;
}

static const field_t *s_field(unsigned op, slice_t name)
{
    const task_row_t *row = task_row(op);
    for (unsigned i = 0; row && i < TASK_FIELDS && row->fields[i].name; i++)
        if (slice_is(name, row->fields[i].name))
            return &row->fields[i];
    return NULL;
}

/* A parameter as its field has it; as a text where it is of another shape, which is refused then.
 */
static json_t *s_value(const field_t *field, slice_t text)
{
    enum { DIGITS = 18 };
    bool number = text.len > 0 && text.len <= DIGITS;
    json_int_t value = 0;
    for (size_t i = 0; number && i < text.len; i++) {
        number = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (text.data[i] - '0');
    }
    if (field && (field->type == FIELD_UINT || field->type == FIELD_PLACE) && number)
        return json_integer(value);
    if (field && field->type == FIELD_BOOL && (slice_is(text, "true") || slice_is(text, "false")))
        return json_boolean(slice_is(text, "true"));
    return json_stringn(text.data, text.len);
}

static error_code_t s_add(http_args_t *self, json_t *args, unsigned op, slice_t name, slice_t text)
{
    char key[TASK_REFERENCE];
    const field_t *field = s_field(op, name);
    self->detail = "Send the session as Authorization: Bearer or its cookie, not in the URL.";
    if (slice_is(name, "session"))
        return ERROR_invalid_param;
    self->detail = "A query parameter is of no use here: its name is too long.";
    if (name.len == 0 || name.len >= sizeof key)
        return ERROR_invalid_param;
    memcpy(key, name.data, name.len);
    key[name.len] = '\0';
    json_t *known = json_object_get(args, key);
    if (field && field->type == FIELD_LIST) {
        if (!known)
            json_object_set_new(args, key, known = json_array());
        json_array_append_new(known, json_stringn(text.data, text.len));
        return ERROR_none;
    }
    self->detail = "A query parameter is there twice.";
    if (known)
        return ERROR_invalid_param;
    json_object_set_new(args, key, s_value(field, text));
    return ERROR_none;
}

static error_code_t s_query(http_args_t *self, unsigned op, slice_t params)
{
    slice_t name, value;
    error_code_t code = ERROR_none;
    json_t *args = json_object();
    wire_pairs_t pairs = wire_pairs_begin(params);
    while (code == ERROR_none && wire_pairs_next(&pairs, &name, &value))
        code = s_add(self, args, op, name, value);
    if (code == ERROR_none) {
        self->made = json_dumps(args, JSON_COMPACT | JSON_SORT_KEYS);
        assert(self->made);
        self->body = slice_of(self->made);
    }
    json_decref(args);
    return code;
}

error_code_t http_args_read(http_args_t *self, const op_t *op, const wire_request_t *request,
                            slice_t body)
{
    slice_t type = slice("", 0), name, value;
    *self = (http_args_t){.body = body, .if_match = slice("", 0)};
    error_code_t code = s_if_match(self, request->headers);
    if (code != ERROR_none)
        return code;
    if (op->methods == OP_GET || op->methods == OP_DELETE) {
        self->detail = "This operation takes its arguments as query parameters, and no body.";
        return body.len ? ERROR_invalid_request : s_query(self, op->number, request->params);
    }
    self->detail = "This operation takes its arguments in a JSON body, not in the URL.";
    wire_pairs_t pairs = wire_pairs_begin(request->params);
    if (wire_pairs_next(&pairs, &name, &value))
        return ERROR_invalid_param;
    self->detail = "Send a JSON object with Content-Type: application/json.";
    wire_pairs_find(request->headers, "content-type", &type);
    if (body.len && !s_is_json(type))
        return ERROR_unsupported_media;
    self->detail = NULL;
    return ERROR_none;
}

void http_args_free(http_args_t *self)
{
    free(self->made);
    self->made = NULL;
}
