#include "workers/format/filter.h"

#include "common/base/utf8.h"

#include <stdio.h>

static bool s_has_members(const value_t *value)
{
    return value->type == VALUE_ARRAY || value->type == VALUE_OBJECT;
}

/* The member itself, or its field. */
static slice_t s_item(filtering_t *in, const value_t *member, slice_t field)
{
    if (field.len == 0)
        return shown_text(in->room, member);
    value_t inner = value_member(in->room, member, field);
    return shown_text(in->room, &inner);
}

void filter_join(filtering_t *in)
{
    slice_t between = in->count > 0 ? filter_arg(in, 0) : slice_of(", "), field = filter_arg(in, 1),
            key;
    double most = SYNTAX_MOST;
    if (in->count > 2)
        value_is_number(&in->args[2].value, &most);
    text_t out = {.room = in->room};
    if (!s_has_members(&in->self->value))
        return;
    members_t members = value_members(&in->self->value);
    value_t member;
    size_t written = 0, left = value_count(&in->self->value);
    for (; (double)written < most && members_next(&members, &key, &member); left--) {
        slice_t item = s_item(in, &member, field);
        if (item.len > 0 && written++ > 0)
            text_add(&out, between);
        text_add(&out, item);
        if (!room_step(in->room, 1))
            break;
    }
    if (left > 0 && written > 0) {
        char more[40];
        snprintf(more, sizeof more, " and %zu more", left);
        text_lit(&out, more);
    }
    in->self->value = value_of_text(text_of(&out));
}

void filter_keys(filtering_t *in)
{
    slice_t between = in->count > 0 ? filter_arg(in, 0) : slice_of(", "), key;
    text_t out = {.room = in->room};
    members_t members = value_members(&in->self->value);
    value_t member;
    for (unsigned i = 0; i < SYNTAX_MOST && members_next(&members, &key, &member); i++) {
        if (i > 0)
            text_add(&out, between);
        text_add(&out, key);
        if (!room_step(in->room, 1))
            break;
    }
    in->self->value = value_of_text(text_of(&out));
}

static double s_amount(const value_t *value)
{
    double number = 0;
    if (s_has_members(value))
        return (double)value_count(value);
    value_is_number(value, &number);
    return number;
}

void filter_count(filtering_t *in)
{
    double amount = s_amount(&in->self->value);
    text_t out = {.room = in->room};
    value_t number = value_of_number(amount);
    text_add(&out, shown_text(in->room, &number));
    text_char(&out, ' ');
    text_add(&out, filter_arg(in, amount != 1 && in->count > 1 ? 1 : 0));
    if (amount != 1 && in->count == 1)
        text_char(&out, 's');
    in->self->value = value_of_text(text_of(&out));
}

void filter_length(filtering_t *in)
{
    const value_t *value = &in->self->value;
    double length = 0;
    if (s_has_members(value)) {
        length = (double)value_count(value);
    } else {
        slice_t text = shown_text(in->room, value);
        room_step_bytes(in->room, text.len);
        length = (double)utf8_count(text);
    }
    in->self->value = value_of_number(length);
}

static void s_member(filtering_t *in, bool last)
{
    value_t *value = &in->self->value;
    if (value->type == VALUE_ARRAY)
        *value = value_at(in->room, value, last ? -1 : 0);
    else if (value->type == VALUE_OBJECT) {
        members_t members = value_members(value);
        slice_t key;
        value_t found = {.type = VALUE_MISSING};
        while (members_next(&members, &key, &found) && last && room_step(in->room, 1))
            ;
        *value = found;
    }
}

void filter_first(filtering_t *in)
{
    s_member(in, false);
}

void filter_last(filtering_t *in)
{
    s_member(in, true);
}
