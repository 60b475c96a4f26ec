/* Formats take any bytes: as a format's text, up to the first NUL, and as an event's body behind
 * it. A text is parsed or its fault is said; what a rendering gives is a valid message or none,
 * inside its budget, and the same a second time. Each format that is built in renders the body,
 * too. */
#include "common/wire/pairs.h"
#include "workers/format/formats.h"
#include "workers/format/room.h"
#include "workers/message/message.h"

#include <stdint.h>
#include <stdlib.h>

static renderer_t *s_renderer;
static message_t *s_message;

static void s_require(bool holds)
{
    if (!holds)
        abort();
}

static char *s_copy(slice_t text)
{
    char *copy = malloc(text.len + 1);
    s_require(copy != NULL);
    if (text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}

static void s_check(const format_result_t *result)
{
    message_verdict_t verdict;
    bool has_message = result->outcome != FORMAT_DROPPED && result->outcome != FORMAT_NO_JSON;
    s_require(has_message == (result->message.len > 0));
    s_require(result->steps <= ROOM_STEPS && result->event.len <= FORMAT_EVENT);
    s_require((result->outcome == FORMAT_FAILED || result->outcome == FORMAT_NO_JSON) ==
              (result->reason[0] != '\0'));
    if (!has_message)
        return;
    message_check(s_message, result->message, &verdict);
    s_require(verdict.outcome == MESSAGE_OK);
}

static void s_render(const format_t *format, const event_t *event)
{
    format_result_t first, second;
    renderer_begin(s_renderer, event);
    format_render(s_renderer, format, &first);
    s_check(&first);
    slice_t message = first.message;
    char *kept = s_copy(message);
    renderer_begin(s_renderer, event);
    format_render(s_renderer, format, &second);
    s_require(first.outcome == second.outcome && first.rule == second.rule);
    s_require(slice_eq(slice(kept, message.len), second.message));
    free(kept);
}

/* An event whose headers are named by what its body begins with. */
static void s_event(formats_t *formats, const format_t *own, slice_t body)
{
    static const char *const names[] = {"push", "issues", "pull_request", "", "check_run"};
    pack_t headers = {0};
    slice_t name = slice_of(names[body.len % (sizeof names / sizeof *names)]);
    wire_pairs_add(&headers, slice_of("x-github-event"), name);
    wire_pairs_add(
        &headers, slice_of("content-type"),
        slice_of(body.len % 3 ? "application/json" : "application/x-www-form-urlencoded"));
    event_t event = {.headers = wire_pairs_of(&headers), .params = {0}, .body = body};
    if (own)
        s_render(own, &event);
    for (size_t i = body.len % 7; !own && i < formats_count(formats); i += 7)
        s_render(formats_row(formats, i)->format, &event);
    renderer_begin(s_renderer, &event);
    formats_detect(formats, s_renderer);
    pack_free(&headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static formats_t *formats;
    format_fault_t fault = {0};
    if (!formats) {
        formats = formats_new();
        s_renderer = renderer_new();
        s_message = message_new();
    }
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    size_t len = end ? (size_t)(end - data) : 0;
    format_t *own = end ? format_parse(slice(data, len), &fault) : NULL;
    if (end && !own)
        s_require(fault.reason[0] != '\0' && strlen(fault.reason) < FORMAT_REASON);
    slice_t body = end ? slice(data + len + 1, size - len - 1) : slice(data, size);
    s_event(formats, own, body);
    format_destroy(&own);
    return 0;
}
