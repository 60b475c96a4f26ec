#include "workers/format/markup.h"

#include "common/base/hex.h"
#include "common/base/percent.h"

#include <ctype.h>

enum { NESTED = 8, SPAN = 1000 /* longest text between two marks */, ADDRESS = 2048 };

/* How a markup writes what the channel's has. */
typedef struct {
    const char *name;
    const char *bold[2], *italic[2], *strike[2], *code[2], *block[2];
    enum { ESCAPE_NONE, ESCAPE_SLASH, ESCAPE_ANGLES, ESCAPE_HTML } escape;
    enum { LINK_TEXT, LINK_MARKDOWN, LINK_ANGLES, LINK_HTML } link;
    const char *line; /* a line's end */
} markup_dialect_t;

static const markup_dialect_t s_dialects[] = {
    {"text", {"", ""}, {"", ""}, {"", ""}, {"", ""}, {"", ""}, ESCAPE_NONE, LINK_TEXT, "\n"},
    {"markdown",
     {"**", "**"},
     {"_", "_"},
     {"~~", "~~"},
     {"`", "`"},
     {"```\n", "\n```"},
     ESCAPE_SLASH,
     LINK_MARKDOWN,
     "\n"},
    {"slack",
     {"*", "*"},
     {"_", "_"},
     {"~", "~"},
     {"`", "`"},
     {"```\n", "\n```"},
     ESCAPE_ANGLES,
     LINK_ANGLES,
     "\n"},
    {"html",
     {"<b>", "</b>"},
     {"<i>", "</i>"},
     {"<s>", "</s>"},
     {"<code>", "</code>"},
     {"<pre>", "</pre>"},
     ESCAPE_HTML,
     LINK_HTML,
     "<br>"},
    {"html_lines",
     {"<b>", "</b>"},
     {"<i>", "</i>"},
     {"<s>", "</s>"},
     {"<code>", "</code>"},
     {"<pre>", "</pre>"},
     ESCAPE_HTML,
     LINK_HTML,
     "\n"},
};

/* NULL: there is none of this name. */
static const markup_dialect_t *s_dialect(slice_t name)
{
    for (size_t i = 0; i < sizeof s_dialects / sizeof *s_dialects; i++)
        if (slice_is(name, s_dialects[i].name))
            return &s_dialects[i];
    return NULL;
}

/* A text of the channel's on its way. */
typedef struct {
    text_t *out;
    const markup_dialect_t *as;
    slice_t text;
    size_t at;
    unsigned nested;
} scan_t;

static void s_write(scan_t *self);

static slice_t s_rest(const scan_t *self)
{
    return slice(self->text.data + self->at, self->text.len - self->at);
}

static void s_literal(text_t *out, const markup_dialect_t *as, char c)
{
    bool angles = as->escape == ESCAPE_ANGLES || as->escape == ESCAPE_HTML;
    if (angles && c == '&')
        text_lit(out, "&amp;");
    else if (angles && c == '<')
        text_lit(out, "&lt;");
    else if (angles && c == '>')
        text_lit(out, "&gt;");
    else if (as->escape == ESCAPE_HTML && c == '"')
        text_lit(out, "&quot;");
    else if (as->escape == ESCAPE_SLASH && is_one_of(c, "\\`*_~[]<>#|"))
        text_add(out, slice((char[]){'\\', c}, 2));
    else
        text_char(out, c);
}

/* Inside of code only what the dialect has entities for is one. */
static void s_code_text(text_t *out, const markup_dialect_t *as, slice_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if (as->escape == ESCAPE_SLASH)
            text_char(out, text.data[i]);
        else
            s_literal(out, as, text.data[i]);
}

static bool s_begins(slice_t text, const char *with)
{
    return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* What stands between FENCE and the next one; false: there is none. */
static bool s_fenced(const scan_t *self, const char *fence, slice_t *inner)
{
    slice_t rest = s_rest(self);
    size_t len = strlen(fence);
    if (!s_begins(rest, fence))
        return false;
    const char *end = memmem(rest.data + len, rest.len - len, fence, len);
    room_step_bytes(self->out->room, end ? (size_t)(end - rest.data) : rest.len);
    if (!end)
        return false;
    *inner = slice(rest.data + len, (size_t)(end - rest.data) - len);
    return true;
}

static bool s_block(scan_t *self)
{
    slice_t inner;
    if (!s_fenced(self, "```", &inner))
        return false;
    self->at += inner.len + 6;
    text_lit(self->out, self->as->block[0]);
    s_code_text(self->out, self->as, slice_trim(inner, FILTER_BLANKS));
    text_lit(self->out, self->as->block[1]);
    return true;
}

static bool s_code(scan_t *self)
{
    slice_t inner;
    if (!s_fenced(self, "`", &inner) || inner.len == 0 || memchr(inner.data, '\n', inner.len))
        return false;
    self->at += inner.len + 2;
    text_lit(self->out, self->as->code[0]);
    s_code_text(self->out, self->as, inner);
    text_lit(self->out, self->as->code[1]);
    return true;
}

static void s_inner(scan_t *self, slice_t inner)
{
    scan_t below = {self->out, self->as, inner, 0, self->nested + 1};
    s_write(&below);
}

static void s_write_link(scan_t *self, slice_t label, slice_t address)
{
    const char *before = "", *between = " (", *after = ")";
    bool label_first = true;
    if (self->as->link == LINK_MARKDOWN)
        before = "[", between = "](", after = ")";
    else if (self->as->link == LINK_HTML)
        before = "<a href=\"", between = "\">", after = "</a>", label_first = false;
    else if (self->as->link == LINK_ANGLES)
        before = "<", between = "|", after = ">", label_first = false;
    text_lit(self->out, before);
    for (unsigned i = 0; i < 2; i++) {
        if (label_first == (i == 0))
            s_inner(self, label);
        else
            s_code_text(self->out, self->as, address);
        text_lit(self->out, i == 0 ? between : after);
    }
}

/* [label](address); of a reference, [label]($key), the label alone. */
static bool s_link(scan_t *self)
{
    slice_t rest = s_rest(self);
    if (rest.len > SPAN + ADDRESS)
        rest.len = SPAN + ADDRESS;
    const char *middle = s_begins(rest, "[") ? memmem(rest.data, rest.len, "](", 2) : NULL;
    const char *end = middle ? memchr(middle, ')', rest.len - (size_t)(middle - rest.data)) : NULL;
    room_step_bytes(self->out->room, *rest.data == '[' ? rest.len : 0);
    if (!end || self->nested == NESTED || memchr(rest.data, '\n', (size_t)(end - rest.data)))
        return false;
    slice_t label = slice(rest.data + 1, (size_t)(middle - rest.data) - 1);
    slice_t target = slice(middle + 2, (size_t)(end - middle) - 2);
    text_t address = {.room = self->out->room};
    bool good = markup_address(&address, target);
    if (label.len == 0 || (!good && !s_begins(target, "$")))
        return false;
    self->at += (size_t)(end - rest.data) + 1;
    if (good)
        s_write_link(self, label, text_of(&address));
    else
        s_inner(self, label);
    return true;
}

/* Where the text that the mark C at TEXT's begin opens ends; 0: it opens none. */
static size_t s_mark_end(slice_t text, char c)
{
    size_t most = text.len < SPAN ? text.len : SPAN;
    if (most < 3 || isspace((unsigned char)text.data[1]) || text.data[1] == c)
        return 0;
    for (size_t i = 2; i < most && text.data[i] != '\n'; i++) {
        bool closes = text.data[i] == c && !isspace((unsigned char)text.data[i - 1]) &&
                      text.data[i - 1] != '\\';
        if (closes && (i + 1 == text.len || !isalnum((unsigned char)text.data[i + 1])))
            return i;
    }
    return 0;
}

static bool s_mark(scan_t *self)
{
    slice_t rest = s_rest(self);
    char c = *rest.data, before = self->at ? self->text.data[self->at - 1] : ' ';
    const char *const *marks = c == '*'   ? self->as->bold
                               : c == '_' ? self->as->italic
                               : c == '~' ? self->as->strike
                                          : NULL;
    if (!marks || self->nested == NESTED || isalnum((unsigned char)before))
        return false;
    size_t end = s_mark_end(rest, c);
    room_step_bytes(self->out->room, end ? end : SPAN);
    if (!end)
        return false;
    text_lit(self->out, marks[0]);
    s_inner(self, slice(rest.data + 1, end - 1));
    text_lit(self->out, marks[1]);
    self->at += end + 1;
    return true;
}

static void s_char(scan_t *self)
{
    slice_t rest = s_rest(self);
    bool escaped = *rest.data == '\\' && rest.len > 1 && ispunct((unsigned char)rest.data[1]);
    char c = rest.data[escaped];
    self->at += escaped ? 2 : 1;
    if (c == '\n')
        text_lit(self->out, self->as->line);
    else if (c == '>' && !escaped && self->as->escape == ESCAPE_SLASH)
        text_char(self->out, c); /* a line that is quoted */
    else
        s_literal(self->out, self->as, c);
}

static void s_write(scan_t *self)
{
    while (self->at < self->text.len && !self->out->room->spent)
        if (!s_block(self) && !s_code(self) && !s_link(self) && !s_mark(self))
            s_char(self);
}

void filter_as(filtering_t *in)
{
    text_t out = {.room = in->room};
    const markup_dialect_t *as = s_dialect(shown_text(in->room, &in->args[0].value));
    slice_t text = filter_text(in);
    scan_t writing = {&out, as ? as : &s_dialects[0], text, 0, 0};
    room_step_bytes(in->room, text.len);
    s_write(&writing);
    in->self->value = value_of_text(text_of(&out));
    in->self->is_markup = true;
}

void filter_encode(filtering_t *in)
{
    text_t out = {.room = in->room};
    slice_t text = filter_text(in);
    for (size_t i = 0; i < text.len; i++) {
        char escape[PERCENT_ESCAPE];
        if (percent_is_unreserved(text.data[i])) {
            text_char(&out, text.data[i]);
            continue;
        }
        percent_escape(text.data[i], HEX_UPPER, escape);
        text_add(&out, slice(escape, sizeof escape));
    }
    in->self->value = value_of_text(text_of(&out));
}
