/* format_try: what a format makes of an event; nothing is stored. At most ROOM_STEPS steps of the
 * language, some milliseconds, on the thread of management. */
#include "authd/directory/kept_formats.h"
#include "authd/manage/attempt.h"
#include "authd/manage/format_refuse.h"
#include "common/base/clock.h"
#include "common/base/percent.h"
#include "common/wire/pairs.h"
#include "workers/format/formats.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TRY_HEADERS = 16 << 10, TRY_QUERY = 8 << 10, TRY_BODY = 256 << 10, TRY_NAME = 256 };

typedef struct {
    formats_t *set;
    format_t *given; /* of the argument "format" */
    const format_t *format;
    renderer_t *renderer;
    pack_t headers, params;
    char *room; /* for parameters */
} try_t;

/* "Name: value", a line each. */
static error_code_t s_take_headers(task_t *task, try_t *self)
{
    slice_t left = task_text(task, "headers");
    while (left.len) {
        char name[TRY_NAME];
        const char *end = memchr(left.data, '\n', left.len);
        slice_t line = slice(left.data, end ? (size_t)(end - left.data) : left.len);
        left = slice(left.data + line.len + (end != NULL), left.len - line.len - (end != NULL));
        const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
        size_t len = colon ? (size_t)(colon - line.data) : 0;
        if (slice_trim(line, OWS "\r").len == 0)
            continue;
        if (len == 0 || len > sizeof name)
            return task_field(task, ERROR_invalid_param, "headers",
                              "must be lines of \"Name: value\".");
        for (size_t i = 0; i < len; i++)
            name[i] = (char)tolower((unsigned char)line.data[i]);
        wire_pairs_add(&self->headers, slice(name, len),
                       slice_trim(slice(colon + 1, line.len - len - 1), OWS "\r"));
    }
    return ERROR_none;
}

/* Decodes TEXT at *AT. */
static slice_t s_decode(slice_t text, char **at)
{
    ssize_t len = percent_decode(text, true, *at);
    slice_t decoded = len < 0 ? text : slice(*at, (size_t)len);
    *at += len < 0 ? 0 : len;
    return decoded;
}

static void s_take_query(const task_t *task, try_t *self)
{
    slice_t left = task_text(task, "query");
    char *at = self->room = malloc(left.len + 1);
    if (!at)
        abort();
    while (left.len) {
        const char *end = memchr(left.data, '&', left.len);
        slice_t pair = slice(left.data, end ? (size_t)(end - left.data) : left.len);
        left = slice(left.data + pair.len + (end != NULL), left.len - pair.len - (end != NULL));
        const char *equals = pair.len ? memchr(pair.data, '=', pair.len) : NULL;
        size_t len = equals ? (size_t)(equals - pair.data) : pair.len;
        slice_t name = s_decode(slice(pair.data, len), &at);
        slice_t value =
            equals ? s_decode(slice(equals + 1, pair.len - len - 1), &at) : slice("", 0);
        if (pair.len)
            wire_pairs_add(&self->params, name, value);
    }
}

/* The built-in ones, and in their place those of the installation. */
static void s_open(task_t *task, try_t *self)
{
    pack_t kept = {0};
    char fault[FORMATS_FAULT];
    kept_format_t format;
    self->set = formats_new();
    for (bool more = kept_formats_next(task->view, NULL, &format); more;
         more = kept_formats_next(task->view, &format.id, &format))
        wire_pairs_add(&kept, format.name, format.text);
    formats_keep(self->set, wire_pairs_of(&kept), fault);
    pack_free(&kept);
}

static error_code_t s_find(task_t *task, try_t *self)
{
    slice_t name = task_text(task, "name"), text = task_text(task, "format");
    format_fault_t fault;
    const formats_row_t *row = NULL;
    if (text.len) {
        self->format = self->given = format_parse(text, &fault);
        if (self->given)
            return ERROR_none;
        return format_refuse(task, &fault);
    }
    s_open(task, self);
    row = name.len ? formats_find(self->set, name) : formats_detect(self->set, self->renderer);
    self->format = row ? row->format : NULL;
    if (!row && name.len)
        return task_field(task, ERROR_invalid_param, "name", "there is no format of this name.");
    return row ? ERROR_none
               : task_field(task, ERROR_invalid_param, "name",
                            "no format knows this event: name one, or give one.");
}

static json_t *s_text(slice_t text)
{
    return text.len ? task_json_text(text) : json_null();
}

static void s_tell(task_t *task, const try_t *self, const format_result_t *result)
{
    slice_t message = result->message;
    json_t *made = message.len ? json_loadb(message.data, message.len, 0, NULL) : NULL;
    task->result = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "format", format_sender(self->format),
        "outcome", format_outcome_name(result->outcome), "event", s_text(result->event), "delivery",
        s_text(result->id), "branch", s_text(result->branch), "rule",
        result->rule < 0 ? json_null() : json_integer(result->rule), "steps",
        (json_int_t)result->steps, "reason",
        result->reason[0] ? task_json_text(slice_of(result->reason)) : json_null(), "message",
        made ? made : json_null());
}

static error_code_t s_do(task_t *task, try_t *self)
{
    error_code_t code = s_take_headers(task, self);
    if (code != ERROR_none)
        return code;
    s_take_query(task, self);
    const event_t event = {.headers = wire_pairs_of(&self->headers),
                           .params = wire_pairs_of(&self->params),
                           .body = task_text(task, "body")};
    format_result_t result;
    renderer_begin(self->renderer, &event);
    code = s_find(task, self);
    if (code != ERROR_none)
        return code;
    format_render(self->renderer, self->format, &result);
    s_tell(task, self, &result);
    return ERROR_none;
}

/* One takes up to some ms of the thread that all management goes through. Who has the control
 * socket waits for nobody. */
static error_code_t s_charge(task_t *task)
{
    limiter_state_t state;
    if (attempt_is_control(task) ||
        limiter_charge(task->accounts->tries, &task->actor->user, ACCOUNTS_TRIES_S, ACCOUNTS_TRIES,
                       clock_us(), &state))
        return ERROR_none;
    task->wait_ms = state.reset_s * 1000;
    return task_fail(task, ERROR_rate_limited,
                     "%d events a second can be tried, %d at once: try again in %llu s.",
                     ACCOUNTS_TRIES_S, ACCOUNTS_TRIES, (unsigned long long)state.reset_s);
}

static error_code_t s_try(task_t *task)
{
    error_code_t code = s_charge(task);
    if (code != ERROR_none)
        return code;
    try_t self = {.renderer = renderer_new()};
    code = s_do(task, &self);
    renderer_destroy(&self.renderer);
    format_destroy(&self.given);
    formats_destroy(&self.set);
    pack_free(&self.headers);
    pack_free(&self.params);
    free(self.room);
    return code;
}

/* clang-format off */
const task_row_t manage_format_try[] = {
    {OP_format_try, s_try, {{"format", FIELD_LINES, false, 1, KEPT_FORMAT_TEXT}, {"name", FIELD_TEXT, false, 1, KEPT_FORMAT_NAME},
                            {"headers", FIELD_LINES, false, 0, TRY_HEADERS}, {"query", FIELD_TEXT, false, 0, TRY_QUERY},
                            {"body", FIELD_LINES, false, 0, TRY_BODY}}},
    {0},
};
/* clang-format on */
