#include "workers/format/filter.h"

#include "common/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { JSON_MOST = 1000, LOOKS_A_STEP = 32, TEXT_MOST = 32 << 10 };

value_t value_of_text(slice_t text)
{
    return (value_t){.type = VALUE_TEXT, .text = text.len ? text : slice("", 0)};
}

value_t value_of_number(double number)
{
    value_t value = {.type = VALUE_NUMBER, .number = number};
    if (number == floor(number) && fabs(number) < 1e15) {
        value.is_whole = true;
        value.whole = (int64_t)number;
    }
    return value;
}

static slice_t s_number(room_t *room, const value_t *value)
{
    char text[40];
    if (value->is_whole) {
        snprintf(text, sizeof text, "%lld", (long long)value->whole);
        return room_copy(room, slice_of(text));
    }
    /* the shortest form that is the same number again */
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value->number);
        if (strtod(text, NULL) == value->number)
            break;
    }
    return room_copy(room, slice_of(text));
}

/* A string of JSON. */
static void s_quote(text_t *out, slice_t text)
{
    text_char(out, '"');
    for (size_t i = 0; i < text.len && out->len < JSON_MOST; i++) {
        unsigned char c = (unsigned char)text.data[i];
        char escaped[8];
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c < ' ')
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else
            snprintf(escaped, sizeof escaped, "%c", c);
        text_lit(out, escaped);
    }
    text_char(out, '"');
}

static void s_json(text_t *out, const value_t *value)
{
    if (value->type == VALUE_NULL || value->type == VALUE_MISSING)
        text_lit(out, "null");
    else if (value->type == VALUE_TEXT)
        s_quote(out, value->text);
    else if (value->type == VALUE_BOOL)
        text_add(out, value->text);
    else if (value->type == VALUE_NUMBER)
        text_add(out, s_number(out->room, value));
    if (value->type != VALUE_ARRAY && value->type != VALUE_OBJECT)
        return;
    bool is_array = value->type == VALUE_ARRAY;
    text_char(out, is_array ? '[' : '{');
    members_t members = value_members(value);
    value_t member;
    slice_t key;
    for (bool first = true; out->len < JSON_MOST && members_next(&members, &key, &member);
         first = false) {
        if (!first)
            text_char(out, ',');
        if (!is_array) {
            s_quote(out, key);
            text_char(out, ':');
        }
        s_json(out, &member);
        room_step(out->room, 1);
    }
    text_char(out, is_array ? ']' : '}');
}

static slice_t s_container(room_t *room, const value_t *value)
{
    text_t out = {.room = room};
    s_json(&out, value);
    if (out.len <= JSON_MOST)
        return text_of(&out);
    out.len = utf8_within(text_of(&out), JSON_MOST).len;
    text_lit(&out, "…");
    return text_of(&out);
}

slice_t shown_text(room_t *room, const value_t *value)
{
    switch (value->type) {
    case VALUE_TEXT:
    case VALUE_BOOL:
        /* no field of a message takes more; so no filter is given more to go through */
        return utf8_within(value->text, TEXT_MOST);
    case VALUE_NUMBER:
        return s_number(room, value);
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        return s_container(room, value);
    default:
        return slice("", 0);
    }
}

void filter_json(filtering_t *in)
{
    text_t out = {.room = in->room};
    s_json(&out, &in->self->value);
    in->self->value = value_of_text(text_of(&out));
}

bool value_is_number(const value_t *value, double *number)
{
    char text[40], *end;
    if (value->type == VALUE_NUMBER) {
        *number = value->number;
        return true;
    }
    if (value->type != VALUE_TEXT || value->text.len == 0 || value->text.len >= sizeof text ||
        !is_one_of(value->text.data[0], "0123456789-."))
        return false;
    memcpy(text, value->text.data, value->text.len);
    text[value->text.len] = '\0';
    *number = strtod(text, &end);
    return end == text + value->text.len && isfinite(*number);
}

bool value_is_true(const value_t *value)
{
    switch (value->type) {
    case VALUE_MISSING:
    case VALUE_NULL:
        return false;
    case VALUE_BOOL:
        return slice_is(value->text, "true");
    case VALUE_TEXT:
        return value->text.len > 0;
    case VALUE_NUMBER:
        return true;
    default: {
        members_t members = value_members(value);
        slice_t key;
        value_t member;
        return members_next(&members, &key, &member);
    }
    }
}

value_t value_member(room_t *room, const value_t *value, slice_t name)
{
    size_t looks;
    value_t member =
        value_find(value, name, (size_t)room->steps * LOOKS_A_STEP + LOOKS_A_STEP, &looks);
    room_step(room, (unsigned)(looks / LOOKS_A_STEP));
    return member;
}

value_t value_at(room_t *room, const value_t *value, int64_t index)
{
    if (value->type != VALUE_ARRAY)
        return (value_t){.type = VALUE_MISSING};
    if (index < 0)
        index += (int64_t)value_count(value);
    members_t members = value_members(value);
    slice_t key;
    value_t member;
    for (int64_t i = 0; index >= 0 && members_next(&members, &key, &member); i++) {
        if (i == index)
            return member;
        if (i % LOOKS_A_STEP == 0 && !room_step(room, 1))
            break;
    }
    return (value_t){.type = VALUE_MISSING};
}
