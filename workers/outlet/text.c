/* What a message object says, as one text in the channel's markup. */
#include "workers/format/filter.h"
#include "workers/format/markup.h"
#include "workers/outlet/render.h"

static slice_t s_text(room_t *room, const value_t *value)
{
    return value->type == VALUE_TEXT || value->type == VALUE_NUMBER ? shown_text(room, value)
                                                                    : slice("", 0);
}

static slice_t s_member(room_t *room, const value_t *object, const char *name)
{
    value_t value = value_member(room, object, slice_of(name));
    return s_text(room, &value);
}

static void s_end_line(text_t *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        text_char(out, '\n');
}

static void s_line(text_t *out, const char *before, slice_t text)
{
    if (text.len == 0)
        return;
    s_end_line(out);
    text_lit(out, before);
    text_add(out, text);
}

/* Between asterisks; a title has no markup of its own. */
static void s_title(text_t *out, slice_t text)
{
    if (text.len == 0)
        return;
    s_end_line(out);
    text_char(out, '*');
    markup_escaped(out, text);
    text_char(out, '*');
}

static void s_pair(text_t *out, slice_t label, slice_t value)
{
    s_title(out, label);
    text_lit(out, label.len ? " " : "");
    text_add(out, value);
}

/* {"label": …, "value": …}, or an object of labels and values. */
static void s_label(room_t *room, const value_t *row, text_t *out)
{
    slice_t key, label = s_member(room, row, "label"), value = s_member(room, row, "value");
    members_t members = value_members(row);
    value_t member;
    if (label.len && value.len) {
        s_pair(out, label, value);
        return;
    }
    while (members_next(&members, &key, &member))
        s_pair(out, key, s_text(room, &member));
}

static void s_row(room_t *room, const value_t *row, text_t *out)
{
    members_t members = value_members(row);
    slice_t key;
    value_t cell;
    bool any = false;
    s_end_line(out);
    while (members_next(&members, &key, &cell)) {
        text_lit(out, any ? " | " : "");
        text_add(out, s_text(room, &cell));
        any = true;
    }
}

static void s_items(room_t *room, slice_t type, const value_t *data, text_t *out)
{
    members_t members = value_members(data);
    slice_t key;
    value_t item;
    while (members_next(&members, &key, &item) && room_step(room, 1)) {
        if (slice_is(type, "label"))
            s_label(room, &item, out);
        else if (slice_is(type, "list"))
            s_line(out, "• ", s_text(room, &item));
        else if (slice_is(type, "images"))
            s_line(out, "", s_text(room, &item));
    }
}

static void s_slide(room_t *room, const value_t *slide, text_t *out)
{
    slice_t key, type = s_member(room, slide, "type");
    value_t row, data = value_member(room, slide, slice_of("data"));
    s_title(out, s_member(room, slide, "title"));
    if (slice_is(type, "text"))
        s_line(out, "", s_text(room, &data));
    else if (slice_is(type, "table")) {
        value_t rows = value_member(room, &data, slice_of("rows"));
        members_t members = value_members(&rows);
        while (members_next(&members, &key, &row) && room_step(room, 1))
            s_row(room, &row, out);
    } else {
        s_items(room, type, &data, out);
    }
}

void outlet_text(room_t *room, const value_t *message, text_t *out)
{
    value_t card = value_member(room, message, slice_of("card")),
            slides = value_member(room, message, slice_of("slides")), slide;
    members_t members = value_members(&slides);
    slice_t key;
    s_title(out, s_member(room, &card, "title"));
    s_line(out, "", s_member(room, message, "text"));
    while (members_next(&members, &key, &slide))
        s_slide(room, &slide, out);
    if (out->len == 0)
        text_lit(out, "(a message without text)");
}
