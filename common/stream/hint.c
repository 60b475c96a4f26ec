#include "common/stream/hint.h"

#include "common/base/utf8.h"

#include <assert.h>

static const char *const s_names[EVENTS] = {[EVENT_message] = "message",
                                            [EVENT_token_used] = "token_used",
                                            [EVENT_directory] = "directory",
                                            [EVENT_health] = "health",
                                            [EVENT_delivery] = "delivery"};

unsigned event_of(slice_t name)
{
    for (unsigned i = 0; i < EVENTS; i++)
        if (slice_is(name, s_names[i]))
            return 1u << i;
    return 0;
}

const char *event_name(event_t event)
{
    assert(event < EVENTS);
    return s_names[event];
}

bool hint_is_line(slice_t text, size_t most)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20)
            return false;
    return text.len >= 2 && text.data[0] == '{' && text.data[text.len - 1] == '}' &&
           text.len <= most && utf8_valid(text);
}

void hint_write(const hint_t *hint, bytes_t *out)
{
    bytes_number(out, hint->event, 1);
    bytes_uuid(out, &hint->key);
    bytes_number(out, hint->stamp, 8);
    bytes_number(out, hint->json.len, 2);
    bytes_put(out, hint->json.data, hint->json.len);
}

bool hint_read(bytes_in_t *in, hint_t *hint)
{
    hint->event = (event_t)bytes_take_number(in, 1);
    bytes_take_uuid(in, &hint->key);
    hint->stamp = bytes_take_number(in, 8);
    hint->json = bytes_take(in, bytes_take_number(in, 2));
    return !in->failed && hint_is_line(hint->json, HINT_JSON);
}
