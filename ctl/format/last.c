#include "ctl/format/last.h"

#include "common/base/ops.h"
#include "ctl/send/call.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static slice_t s_text(const json_t *value)
{
    return slice(json_string_value(value), json_string_length(value));
}

/* A parameter that was there more than once is an array. */
static void s_take_pairs(const json_t *pairs, pack_t *to)
{
    const char *name;
    json_t *value, *item;
    size_t i;
    json_object_foreach ((json_t *)pairs, name, value) {
        if (json_is_string(value))
            wire_pairs_add(to, slice_of(name), s_text(value));
        json_array_foreach (value, i, item)
            wire_pairs_add(to, slice_of(name), s_text(item));
    }
}

/* A text, or {"base64": "…"} of what is no UTF-8. */
static bool s_take_body(const json_t *body, caught_t *caught)
{
    const json_t *encoded = json_object_get(body, "base64");
    slice_t text = s_text(encoded ? encoded : body);
    caught->body = malloc(text.len + 1);
    if (!caught->body || !text.data)
        return false;
    caught->body_len = text.len;
    if (encoded)
        return sodium_base642bin((unsigned char *)caught->body, text.len, text.data, text.len, NULL,
                                 &caught->body_len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
    memcpy(caught->body, text.data, text.len);
    return true;
}

static bool s_take(const json_t *event, caught_t *caught)
{
    s_take_pairs(json_object_get(event, "headers"), &caught->headers);
    s_take_pairs(json_object_get(event, "parameters"), &caught->params);
    return s_take_body(json_object_get(event, "body"), caught);
}

/* The first message of a page that has an event: borrowed, or NULL. */
static const json_t *s_find(const json_t *page)
{
    json_t *row;
    size_t i;
    json_array_foreach (json_object_get(page, "messages"), i, row)
        if (json_is_object(json_object_get(row, "event")))
            return json_object_get(row, "event");
    return NULL;
}

static bool s_search(ctl_t *ctl, call_t *call, const char *channel, caught_t *caught)
{
    json_t *params = json_pack("{s:s, s:i}", "order", "desc", "limit", 100);
    bool found = false, more = true;
    call_follow(call);
    for (unsigned i = 0; i < LAST_PAGES && more; i++) {
        json_t *page = call_read(call, "GET", json_deep_copy(params));
        if (!page) {
            json_decref(params);
            return false;
        }
        const json_t *event = s_find(page);
        json_t *next = json_object_get(page, "next");
        found = event && s_take(event, caught);
        more = !event && json_is_integer(next);
        if (more)
            json_object_set(params, "before", next);
        json_decref(page);
    }
    json_decref(params);
    if (!found)
        ctl_error(ctl, "not_found",
                  "there is no event among the newest messages of %s: events are kept where their "
                  "format failed, or their source keeps them",
                  channel);
    return found;
}

bool last_event(ctl_t *ctl, const char *channel, caught_t *caught)
{
    call_t *call = call_of(ctl, OP_channel_history, channel);
    bool found = call && s_search(ctl, call, channel, caught);
    call_destroy(&call);
    return found;
}
