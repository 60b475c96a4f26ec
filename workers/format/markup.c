#include "workers/format/markup.h"

#include "common/base/percent.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <strings.h>

size_t markup_left_out(slice_t text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    if (text.len > 0 && at[0] >= ' ' && at[0] < 0x7f)
        return 0;
    if (text.len > 0 && (at[0] == 0x7f || (at[0] < ' ' && !is_one_of(at[0], "\t\n"))))
        return 1;
    if (text.len >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
        return 2;
    if (text.len >= 3 && at[0] == 0xe2 && at[1] == 0x80 &&
        ((at[2] >= 0xaa && at[2] <= 0xae) || at[2] == 0x8e || at[2] == 0x8f))
        return 3; /* U+202A to U+202E, U+200E, U+200F */
    if (text.len >= 3 && at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9)
        return 3; /* U+2066 to U+2069 */
    return 0;
}

static bool s_is_word(slice_t text, size_t at)
{
    return at < text.len &&
           (isalnum((unsigned char)text.data[at]) || (unsigned char)text.data[at] >= 0x80);
}

static bool s_begins_line(slice_t text, size_t at)
{
    while (at > 0 && (text.data[at - 1] == ' ' || text.data[at - 1] == '\t'))
        at--;
    return at == 0 || text.data[at - 1] == '\n';
}

/* Whether the character at AT would be read as markup. */
static bool s_is_markup(slice_t text, size_t at)
{
    char c = text.data[at];
    bool after_word = at > 0 && s_is_word(text, at - 1);
    switch (c) {
    case '*':
    case '`':
    case '[':
    case ']':
        return true;
    case '\\':
        return at + 1 == text.len || ispunct((unsigned char)text.data[at + 1]);
    case '_':
    case '~':
        return !(after_word && s_is_word(text, at + 1));
    case '@':
        return !after_word;
    case '<':
        return at + 1 < text.len &&
               (isalpha((unsigned char)text.data[at + 1]) || is_one_of(text.data[at + 1], "/!@#"));
    case '#':
    case '>':
    case '!':
        return s_begins_line(text, at);
    default:
        return false;
    }
}

/* The bytes that are or begin what s_is_markup and markup_left_out look for. */
static const bool s_may_mean[256] = {
    ['*'] = true,      ['`'] = true,  ['['] = true,  [']'] = true, ['\\'] = true, ['_'] = true,
    ['~'] = true,      ['@'] = true,  ['<'] = true,  ['#'] = true, ['>'] = true,  ['!'] = true,
    [0 ... 31] = true, [0x7f] = true, [0xc2] = true, [0xe2] = true};

/* The first byte of TEXT from AT on that BEGINS something; its length where there is none. */
static size_t s_next(slice_t text, size_t at, const bool begins[256])
{
    const unsigned char *byte = (const unsigned char *)text.data;
    while (text.len - at >= 4 &&
           !(begins[byte[at]] | begins[byte[at + 1]] | begins[byte[at + 2]] | begins[byte[at + 3]]))
        at += 4;
    while (at < text.len && !begins[byte[at]])
        at++;
    return at;
}

void markup_escaped(text_t *out, slice_t text)
{
    for (size_t i = 0, from = 0; i <= text.len; i++) {
        i = s_next(text, i, s_may_mean);
        size_t left_out = i < text.len ? markup_left_out(slice(text.data + i, text.len - i)) : 0;
        bool escape = i < text.len && left_out == 0 && s_is_markup(text, i);
        if (i < text.len && !left_out && !escape)
            continue;
        text_add(out, slice(text.data + from, i - from));
        if (escape)
            text_char(out, '\\');
        from = i + left_out;
        i += left_out ? left_out - 1 : 0;
        if (out->room->spent)
            return;
    }
    room_step_bytes(out->room, text.len);
}

/* The bytes that are blanks, or begin what markup_left_out looks for. */
static const bool s_may_part[256] = {
    [0 ... ' '] = true, [0x7f] = true, [0xc2] = true, [0xe2] = true};

void markup_flat(text_t *out, slice_t text)
{
    for (size_t i = 0; i < text.len && !out->room->spent; i++) {
        size_t from = i;
        i = s_next(text, i, s_may_part);
        text_add(out, slice(text.data + from, i - from));
        if (i == text.len)
            break;
        size_t left_out = markup_left_out(slice(text.data + i, text.len - i));
        if (left_out)
            i += left_out - 1;
        else if (!is_one_of(text.data[i], "\t\n "))
            text_char(out, text.data[i]);
        else if (out->len > 0 && out->data[out->len - 1] != ' ')
            text_char(out, ' ');
    }
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    room_step_bytes(out->room, text.len);
}

static bool s_begins(slice_t text, const char *with)
{
    return text.len >= strlen(with) && strncasecmp(text.data, with, strlen(with)) == 0;
}

/* The bytes that s_encoded names, or that begin what it names. */
static const bool s_may_end[256] = {
    ['('] = true,  [')'] = true,       ['<'] = true,  ['>'] = true,  ['"'] = true,
    ['\''] = true, ['`'] = true,       ['\\'] = true, ['['] = true,  [']'] = true,
    ['*'] = true,  [0 ... ' '] = true, [0x7f] = true, [0xc2] = true, [0xe2] = true};

/* The bytes that TEXT, of an address, begins with and that are encoded: what could end a link, or
 * begin what is markup, and what is left out elsewhere; 0: it begins with none. */
static size_t s_encoded(slice_t text)
{
    size_t left_out = markup_left_out(text);
    unsigned char c = (unsigned char)*text.data;
    return left_out ? left_out : s_may_end[c] && c < 0x80;
}

bool markup_address(text_t *out, slice_t address)
{
    enum { LONGEST = 2048 };
    address = slice_trim(address, FILTER_BLANKS);
    bool good = s_begins(address, "http://") || s_begins(address, "https://") ||
                s_begins(address, "mailto:");
    if (!good || address.len > LONGEST)
        return false;
    for (size_t i = 0, from = 0; i <= address.len; i++) {
        i = s_next(address, i, s_may_end);
        size_t encoded = i < address.len ? s_encoded(slice(address.data + i, address.len - i)) : 0;
        if (i < address.len && encoded == 0)
            continue;
        text_add(out, slice(address.data + from, i - from));
        for (from = i + encoded; i < from; i++) {
            char escape[PERCENT_ESCAPE];
            percent_escape(address.data[i], HEX_UPPER, escape);
            text_add(out, slice(escape, sizeof escape));
        }
        i -= encoded > 0;
    }
    return true;
}

/* Where the link begins that TEXT ends inside of; its length when there is none. */
static size_t s_open_link(slice_t text)
{
    size_t open = text.len;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\\')
            i++;
        else if (text.data[i] == '[' && open == text.len)
            open = i;
        else if (text.data[i] == ']' && !(i + 1 < text.len && text.data[i + 1] == '('))
            open = i + 1 == text.len ? open : text.len;
        else if (text.data[i] == ')')
            open = text.len;
    }
    return open;
}

slice_t markup_whole(slice_t text)
{
    size_t slashes = 0;
    while (slashes < text.len && text.data[text.len - 1 - slashes] == '\\')
        slashes++;
    text.len -= slashes % 2;
    text.len = s_open_link(text);
    return text;
}

void markup_operand(text_t *out, const shown_t *shown, bool trusted)
{
    slice_t text = shown_text(out->room, &shown->value);
    text_add(out, shown->before);
    if (trusted || shown->is_markup || shown->is_address || out->room->flat)
        text_add(out, text);
    else
        markup_escaped(out, text);
    text_add(out, shown->after);
}

static void s_set_markup(filtering_t *in, const text_t *out)
{
    in->self->value = value_of_text(text_of(out));
    in->self->is_markup = true;
}

void filter_url(filtering_t *in)
{
    text_t out = {.room = in->room};
    in->self->is_address = markup_address(&out, filter_text(in));
    in->self->value = value_of_text(text_of(&out));
}

void filter_link(filtering_t *in)
{
    text_t out = {.room = in->room}, address = {.room = in->room}, label = {.room = in->room};
    bool good = markup_address(&address, shown_text(in->room, &in->args[0].value));
    markup_operand(&label, in->self, false);
    if (good && label.len > 0 && !in->room->flat) {
        text_char(&out, '[');
        text_add(&out, text_of(&label));
        text_lit(&out, "](");
        text_add(&out, text_of(&address));
        text_char(&out, ')');
    } else {
        text_add(&out, label.len > 0 ? text_of(&label) : text_of(&address));
    }
    s_set_markup(in, &out);
}

/* TEXT with TO in the place of each FROM. */
static void s_add_with(text_t *out, slice_t text, char from, char to)
{
    size_t before = out->len;
    text_add(out, text);
    for (size_t i = before; i < out->len; i++)
        if (out->data[i] == from)
            out->data[i] = to;
}

void filter_bold(filtering_t *in)
{
    text_t inner = {.room = in->room}, out = {.room = in->room};
    markup_operand(&inner, in->self, false);
    slice_t text = slice_trim(text_of(&inner), FILTER_BLANKS);
    if (text.len > 0 && in->room->flat) {
        text_add(&out, text);
    } else if (text.len > 0) {
        text_char(&out, '*');
        s_add_with(&out, text, '\n', ' ');
        text_char(&out, '*');
    }
    s_set_markup(in, &out);
}

void filter_code(filtering_t *in)
{
    text_t flat = {.room = in->room}, out = {.room = in->room};
    markup_flat(&flat, filter_text(in));
    if (flat.len > 0 && in->room->flat) {
        text_add(&out, text_of(&flat));
    } else if (flat.len > 0) {
        text_char(&out, '`');
        s_add_with(&out, text_of(&flat), '`', '\'');
        text_char(&out, '`');
    }
    s_set_markup(in, &out);
}

/* At most COUNT characters of TEXT, with an ellipsis when there are more. */
static slice_t s_most(filtering_t *in, slice_t text)
{
    double most;
    if (in->count == 0 || !value_is_number(&in->args[0].value, &most))
        return text;
    most = most < 0 ? 0 : most > ROOM_TEXT ? ROOM_TEXT : most; /* no text is longer */
    slice_t head = utf8_head(text, (size_t)most);
    if (head.len == text.len)
        return text;
    text_t out = {.room = in->room};
    text_add(&out, slice_trim(head, FILTER_BLANKS));
    text_lit(&out, "…");
    return text_of(&out);
}

void filter_pre(filtering_t *in)
{
    slice_t text = s_most(in, filter_text(in));
    text_t out = {.room = in->room};
    if (text.len > 0) {
        text_lit(&out, "```\n");
        for (size_t i = 0; i < text.len && !in->room->spent; i++) {
            size_t left_out = markup_left_out(slice(text.data + i, text.len - i));
            if (left_out)
                i += left_out - 1;
            else
                text_char(&out, text.data[i] == '`' ? '\'' : text.data[i]);
        }
        text_lit(&out, out.data[out.len - 1] == '\n' ? "```" : "\n```");
    }
    s_set_markup(in, &out);
}

void filter_quote(filtering_t *in)
{
    text_t inner = {.room = in->room}, out = {.room = in->room};
    markup_operand(&inner, in->self, false);
    slice_t text = slice_trim(text_of(&inner), FILTER_BLANKS);
    for (size_t i = 0; i < text.len; i++) {
        if (i == 0 || text.data[i - 1] == '\n')
            text_lit(&out, "> ");
        text_char(&out, text.data[i]);
    }
    s_set_markup(in, &out);
}

void filter_md(filtering_t *in)
{
    text_t out = {.room = in->room};
    markup_from_markdown(&out, s_most(in, filter_text(in)));
    s_set_markup(in, &out);
}

void filter_mrkdwn(filtering_t *in)
{
    text_t out = {.room = in->room};
    markup_from_mrkdwn(&out, filter_text(in));
    s_set_markup(in, &out);
}

void filter_plain(filtering_t *in)
{
    text_t out = {.room = in->room};
    markup_stripped(&out, filter_text(in));
    in->self->value = value_of_text(text_of(&out));
}
