#include "workers/format/filter.h"

#include "common/base/utf8.h"
#include "workers/format/markup.h"

#include <ctype.h>

slice_t filter_text(filtering_t *in)
{
    return shown_text(in->room, &in->self->value);
}

slice_t filter_arg(filtering_t *in, unsigned number)
{
    return number < in->count ? shown_text(in->room, &in->args[number].value) : slice("", 0);
}

static void s_set(filtering_t *in, slice_t text)
{
    in->self->value = value_of_text(text);
}

static int64_t s_arg_number(filtering_t *in, unsigned i, int64_t usual)
{
    double number;
    return i < in->count && value_is_number(&in->args[i].value, &number) ? (int64_t)number : usual;
}

static void s_cut(filtering_t *in)
{
    int64_t most = s_arg_number(in, 0, 0);
    slice_t text = filter_text(in), head = utf8_head(text, most > 0 ? (size_t)most : 0);
    room_step_bytes(in->room, head.len);
    if (head.len < text.len) {
        text_t out = {.room = in->room};
        head = slice_trim(head, FILTER_BLANKS);
        if (in->self->is_markup)
            head = markup_whole(head);
        text_add(&out, head);
        in->count > 1 ? text_add(&out, filter_arg(in, 1)) : text_lit(&out, "…");
        head = text_of(&out);
    }
    s_set(in, head);
}

static void s_line(filtering_t *in)
{
    slice_t text = slice_trim(filter_text(in), FILTER_BLANKS);
    const char *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    if (end)
        text.len = (size_t)(end - text.data);
    s_set(in, slice_trim(text, FILTER_BLANKS));
}

static void s_trim(filtering_t *in)
{
    s_set(in, slice_trim(filter_text(in), FILTER_BLANKS));
}

static void s_strip(filtering_t *in)
{
    slice_t text = filter_text(in);
    for (unsigned i = 0; i < in->count; i++) {
        slice_t prefix = filter_arg(in, i);
        if (text.len >= prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0) {
            s_set(in, slice(text.data + prefix.len, text.len - prefix.len));
            return;
        }
    }
    s_set(in, text);
}

static void s_strip_end(filtering_t *in)
{
    slice_t text = filter_text(in), suffix = filter_arg(in, 0);
    if (suffix.len > 0 && text.len >= suffix.len &&
        memcmp(text.data + text.len - suffix.len, suffix.data, suffix.len) == 0)
        text.len -= suffix.len;
    s_set(in, text);
}

static void s_default(filtering_t *in)
{
    for (unsigned i = 0; i < in->count && !value_is_true(&in->self->value); i++)
        *in->self = in->args[i];
}

/* ASCII letters; others stay. */
static void s_map(filtering_t *in, int (*map)(int c))
{
    slice_t text = room_copy(in->room, filter_text(in));
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x80)
            ((char *)text.data)[i] = (char)map((unsigned char)text.data[i]);
    room_step_bytes(in->room, text.len);
    s_set(in, text);
}

static void s_upper(filtering_t *in)
{
    s_map(in, toupper);
}

static void s_lower(filtering_t *in)
{
    s_map(in, tolower);
}

static int s_blank_of(int c)
{
    return c == '_' || c == '-' ? ' ' : c;
}

static void s_words(filtering_t *in)
{
    s_map(in, s_blank_of);
}

static void s_title(filtering_t *in)
{
    s_map(in, s_blank_of);
    slice_t text = in->self->value.text;
    if (text.len && (unsigned char)*text.data < 0x80)
        *(char *)text.data = (char)toupper((unsigned char)*text.data);
}

static slice_t s_joined(room_t *room, slice_t a, slice_t b, slice_t c)
{
    text_t out = {.room = room};
    text_add(&out, a);
    text_add(&out, b);
    text_add(&out, c);
    return text_of(&out);
}

void shown_fold(room_t *room, shown_t *shown)
{
    if (shown->before.len == 0 && shown->after.len == 0)
        return;
    shown->value =
        value_of_text(s_joined(room, shown->before, shown_text(room, &shown->value), shown->after));
    shown->before = shown->after = slice("", 0);
}

/* The value between texts. The format's own are kept apart, as they are not escaped; one that is a
 * value becomes a part of this one. */
static void s_around(filtering_t *in, bool before, bool after)
{
    const slice_t none = slice("", 0);
    slice_t text = filter_text(in), around = filter_arg(in, 0);
    shown_t *self = in->self;
    if (text.len == 0)
        return;
    if (in->written[0].kind == OPERAND_PATH) {
        shown_fold(in->room, self);
        s_set(in,
              s_joined(in->room, before ? around : none, filter_text(in), after ? around : none));
        return;
    }
    if (before)
        self->before = s_joined(in->room, around, self->before, none);
    if (after)
        self->after = s_joined(in->room, self->after, around, none);
}

static void s_prefix(filtering_t *in)
{
    s_around(in, true, false);
}

static void s_suffix(filtering_t *in)
{
    s_around(in, false, true);
}

static void s_wrap(filtering_t *in)
{
    s_around(in, true, true);
}

static void s_replace(filtering_t *in)
{
    slice_t text = filter_text(in), from = filter_arg(in, 0), to = filter_arg(in, 1);
    text_t out = {.room = in->room};
    size_t at = 0;
    while (from.len > 0 && text.len - at >= from.len) {
        const char *hit = memmem(text.data + at, text.len - at, from.data, from.len);
        if (!hit)
            break;
        text_add(&out, slice(text.data + at, (size_t)(hit - text.data) - at));
        text_add(&out, to);
        at = (size_t)(hit - text.data) + from.len;
        if (!room_step(in->room, 1))
            break;
    }
    text_add(&out, slice(text.data + at, text.len - at));
    room_step_bytes(in->room, text.len);
    s_set(in, text_of(&out));
}

/* The pieces of TEXT between SEPARATOR, counted; the one of number WANTED goes to *PIECE. */
static int64_t s_pieces(slice_t text, slice_t separator, int64_t wanted, slice_t *piece)
{
    int64_t number = 0;
    for (size_t at = 0;; number++) {
        const char *hit = memmem(text.data + at, text.len - at, separator.data, separator.len);
        size_t end = hit ? (size_t)(hit - text.data) : text.len;
        if (number == wanted)
            *piece = slice(text.data + at, end - at);
        if (!hit)
            return number + 1;
        at = end + separator.len;
    }
}

static void s_split(filtering_t *in)
{
    slice_t text = filter_text(in), separator = filter_arg(in, 0), piece = {"", 0};
    int64_t index = s_arg_number(in, 1, 0);
    room_step_bytes(in->room, 2 * text.len);
    if (separator.len > 0 && text.len > 0 && index < 0)
        index += s_pieces(text, separator, -1, &piece);
    if (separator.len > 0 && text.len > 0 && index >= 0)
        s_pieces(text, separator, index, &piece);
    s_set(in, piece);
}

static void s_choose(filtering_t *in)
{
    slice_t text = filter_text(in);
    for (unsigned i = 0; i + 1 < in->count; i += 2)
        if (slice_eq(text, filter_arg(in, i))) {
            *in->self = in->args[i + 1];
            return;
        }
    if (in->count % 2)
        *in->self = in->args[in->count - 1];
    else
        s_set(in, slice("", 0));
}

static void s_raw(filtering_t *in)
{
    s_set(in, filter_text(in));
    in->self->is_markup = true;
}

struct filter_row {
    const char *name;
    void (*apply)(filtering_t *in);
    unsigned least, most; /* arguments */
    enum { KEEPS, AROUND, TEXT, MARKUP, ADDRESS } result;
    const char *what;
};

/* KEEPS: markup stays markup; AROUND: and the texts around stay apart; TEXT: what comes out is
 * escaped again where it is written. */
static const filter_row_t s_rows[] = {
    {"as", filter_as, 1, 1, MARKUP,
     "as('markdown'): the channel's markup as markdown, slack, html (html_lines: with its line "
     "ends) or text; for what leaves by an outlet"},
    {"bold", filter_bold, 0, 0, MARKUP, "between asterisks, on one line"},
    {"bytes", filter_bytes, 0, 0, TEXT, "a number of bytes for people: 1.5 MiB"},
    {"choose", s_choose, 2, SYNTAX_ARGS, TEXT,
     "choose('a', 'x', 'b', 'y', 'else'): x for a, y for b, else for another; without else "
     "nothing"},
    {"code", filter_code, 0, 0, MARKUP, "between backticks, on one line"},
    {"count", filter_count, 1, 2, TEXT,
     "count('commit'): \"3 commits\" of a number or of the members; a plural of its own as second"},
    {"cut", s_cut, 1, 2, KEEPS,
     "cut(40): at most so many characters, then …; cut(7, '') without it"},
    {"date", filter_date, 0, 1, TEXT,
     "a time (ISO 8601, seconds or milliseconds since 1970) in UTC; date('%H:%M'): as strftime"},
    {"default", s_default, 1, 16, AROUND,
     "the first argument that is not empty, when the value is"},
    {"duration", filter_duration, 0, 1, TEXT,
     "seconds for people: 3 min 20 s; duration('ms') of milliseconds"},
    {"encode", filter_encode, 0, 0, TEXT, "percent-encoded, for a piece of an address"},
    {"first", filter_first, 0, 0, KEEPS, "the first member"},
    {"join", filter_join, 0, 3, TEXT,
     "join(', ', 'name', 5): the members, or their field, with so many at most"},
    {"json", filter_json, 0, 0, TEXT, "the value as JSON"},
    {"keys", filter_keys, 0, 1, TEXT, "the names of an object's members, joined"},
    {"last", filter_last, 0, 0, KEEPS, "the last member"},
    {"length", filter_length, 0, 0, TEXT, "how many members, or characters"},
    {"line", s_line, 0, 0, TEXT, "the first line that is not empty"},
    {"link", filter_link, 1, 1, MARKUP,
     "link(url): a link with the value as its text; the text alone when there is no good address"},
    {"lower", s_lower, 0, 0, TEXT, "in small letters (ASCII)"},
    {"mark", filter_mark, 0, 0, TEXT,
     "a colour (#rrggbb, a number, good, danger, red): a mark and a blank, "
     "🔴, 🟡 or 🟢; else nothing"},
    {"md", filter_md, 0, 1, MARKUP,
     "the sender's own Markdown, as the channel's; md(500): so many characters of it at most"},
    {"money", filter_money, 1, 1, TEXT, "money('usd'): of minor units, 12.50 USD"},
    {"mrkdwn", filter_mrkdwn, 0, 0, MARKUP, "Slack's markup, as the channel's"},
    {"number", filter_number, 0, 0, TEXT, "with commas: 1,234,567"},
    {"percent", filter_percent, 1, 1, TEXT, "percent(total): 42 %"},
    {"plain", filter_plain, 0, 0, TEXT, "HTML or Markdown as text without either"},
    {"pre", filter_pre, 0, 1, MARKUP, "a block of code; pre(2000): so many characters at most"},
    {"prefix", s_prefix, 1, 1, AROUND, "a text before what is not empty"},
    {"quote", filter_quote, 0, 0, MARKUP, "each line with > before it"},
    {"raw", s_raw, 0, 0, MARKUP, "not escaped: for what is the channel's markup already"},
    {"replace", s_replace, 2, 2, TEXT, "replace('a', 'b'): each a becomes b"},
    {"round", filter_round, 0, 1, TEXT, "round(2): a number to at most so many places"},
    {"split", s_split, 1, 2, TEXT,
     "split('/', 1): the second piece; a negative place from the end"},
    {"strip", s_strip, 1, 8, TEXT, "without the first of these beginnings that it has"},
    {"strip_end", s_strip_end, 1, 1, TEXT, "without this end"},
    {"suffix", s_suffix, 1, 1, AROUND, "a text behind what is not empty"},
    {"title", s_title, 0, 0, TEXT, "pull_request: Pull request"},
    {"trim", s_trim, 0, 0, KEEPS, "without blanks at both ends"},
    {"upper", s_upper, 0, 0, TEXT, "in capitals (ASCII)"},
    {"url", filter_url, 0, 0, ADDRESS, "an address: http, https or mailto, else nothing"},
    {"words", s_words, 0, 0, TEXT, "pull_request: pull request"},
    {"wrap", s_wrap, 1, 1, AROUND, "a text before and behind what is not empty"},
};
enum { ROWS = sizeof s_rows / sizeof *s_rows };

const filter_row_t *filter_find(slice_t name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (slice_is(name, s_rows[i].name))
            return &s_rows[i];
    return NULL;
}

/* Whether one of them becomes the other by a change of one letter or two. */
static bool s_is_near(slice_t name, const char *other)
{
    size_t len = strlen(other), same = 0, end = 0;
    while (same < len && same < name.len && name.data[same] == other[same])
        same++;
    while (end < len - same && end < name.len - same &&
           name.data[name.len - 1 - end] == other[len - 1 - end])
        end++;
    return len - same - end <= 2 && name.len - same - end <= 2 && same + end >= 2;
}

const char *filter_near(slice_t name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (s_is_near(name, s_rows[i].name))
            return s_rows[i].name;
    return NULL;
}

unsigned filter_least(const filter_row_t *row)
{
    return row->least;
}

unsigned filter_most(const filter_row_t *row)
{
    return row->most;
}

void filter_apply(const filter_row_t *row, filtering_t *in)
{
    if (!room_step(in->room, 1))
        return;
    if (row->result != AROUND)
        shown_fold(in->room, in->self);
    row->apply(in);
    if (row->result == TEXT)
        in->self->is_markup = false;
    if (row->result == TEXT || row->result == MARKUP)
        in->self->is_address = false;
}

bool filter_ends_in_address(const expr_t *expr)
{
    return expr->count > 0 && expr->calls[expr->count - 1].row->result == ADDRESS;
}

bool filter_tell(size_t number, const char **name, const char **what)
{
    if (number >= ROWS)
        return false;
    *name = s_rows[number].name;
    *what = s_rows[number].what;
    return true;
}
