#include "workers/format/value_write.h"

#include <stdio.h>

static void s_number(const value_t *value, json_out_t *out)
{
    char text[40];
    if (value->is_whole)
        snprintf(text, sizeof text, "%lld", (long long)value->whole);
    else
        snprintf(text, sizeof text, "%.17g", value->number);
    json_lit(out, text);
}

static void s_members(room_t *room, const value_t *value, json_out_t *out)
{
    bool object = value->type == VALUE_OBJECT, any = false;
    members_t members = value_members(value);
    slice_t key;
    value_t member;
    json_lit(out, object ? "{" : "[");
    while (members_next(&members, &key, &member)) {
        json_lit(out, any ? "," : "");
        any = true;
        if (object) {
            json_quote(out, key);
            json_lit(out, ":");
        }
        value_write(room, &member, out);
    }
    json_lit(out, object ? "}" : "]");
}

void value_write(room_t *room, const value_t *value, json_out_t *out)
{
    if (!room_step_bytes(room, value->type == VALUE_TEXT ? value->text.len : 1)) {
        json_lit(out, "null");
        return;
    }
    switch (value->type) {
    case VALUE_TEXT:
        json_quote(out, value->text);
        break;
    case VALUE_BOOL:
        json_raw(out, value->text);
        break;
    case VALUE_NUMBER:
        s_number(value, out);
        break;
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        s_members(room, value, out);
        break;
    default:
        json_lit(out, "null");
    }
}
