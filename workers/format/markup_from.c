#include "workers/format/markup.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* A place in a sender's markup. */
typedef struct {
    slice_t text;
    size_t at;
    text_t *out;
} scan_t;

static slice_t s_rest(const scan_t *self)
{
    return slice(self->text.data + self->at, self->text.len - self->at);
}

static bool s_next_is(const scan_t *self, const char *what)
{
    slice_t rest = s_rest(self);
    return rest.len >= strlen(what) && memcmp(rest.data, what, strlen(what)) == 0;
}

/* The bytes up to END, which is left out; false when END is nowhere within MOST bytes. */
static bool s_until(const scan_t *self, size_t from, const char *end, size_t most, slice_t *found)
{
    size_t begin = self->at + from;
    if (begin > self->text.len)
        return false;
    size_t left = self->text.len - begin;
    const char *hit = memmem(self->text.data + begin, left < most ? left : most, end, strlen(end));
    if (!hit) {
        room_step_bytes(self->out->room, left < most ? left : most);
        return false;
    }
    *found = slice(self->text.data + begin, (size_t)(hit - self->text.data) - begin);
    return true;
}

/* The character of an entity of HTML, and how long the entity is; 0: TEXT begins with none. */
static size_t s_entity(slice_t text, char *c)
{
    static const struct {
        const char *name;
        char c;
    } rows[] = {{"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},  {"&quot;", '"'},
                {"&#39;", '\''}, {"&apos;", '\''}, {"&nbsp;", ' '}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (text.len >= strlen(rows[i].name) &&
            memcmp(text.data, rows[i].name, strlen(rows[i].name)) == 0) {
            *c = rows[i].c;
            return strlen(rows[i].name);
        }
    return 0;
}

/* A tag or comment of HTML: its length; 0: TEXT begins with none. */
static size_t s_tag(slice_t text)
{
    enum { LONGEST = 1000 };
    if (text.len < 3 || text.data[0] != '<' ||
        !(isalpha((unsigned char)text.data[1]) || is_one_of(text.data[1], "/!")))
        return 0;
    bool comment = text.len >= 4 && memcmp(text.data, "<!--", 4) == 0;
    const char *end = comment ? memmem(text.data, text.len, "-->", 3)
                              : memchr(text.data, '>', text.len < LONGEST ? text.len : LONGEST);
    if (!end)
        return comment ? text.len : 0; /* what is never closed goes to the end */
    return (size_t)(end - text.data) + (comment ? 3 : 1);
}

static bool s_is_break(slice_t tag)
{
    static const char *const names[] = {"<br", "</p", "</div", "</li", "</h", "</tr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tag.len > strlen(names[i]) && strncasecmp(tag.data, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void s_link(text_t *out, slice_t label, slice_t address)
{
    text_t checked = {.room = out->room};
    bool good = markup_address(&checked, address);
    if (good && label.len > 0)
        text_char(out, '[');
    markup_escaped(out, label);
    if (good && label.len > 0)
        text_lit(out, "](");
    if (good)
        text_add(out, text_of(&checked));
    if (good && label.len > 0)
        text_char(out, ')');
}

/* What means the same in the channel's markup and the sender's stays; a character that would be
 * more, or a mention, is escaped. */
static void s_char(scan_t *self)
{
    slice_t rest = s_rest(self);
    size_t left_out = markup_left_out(rest);
    char c = *rest.data;
    bool after_word = self->at > 0 && isalnum((unsigned char)self->text.data[self->at - 1]);
    if (left_out == 0) {
        if (is_one_of(c, "[]") || (c == '@' && !after_word))
            text_char(self->out, '\\');
        text_char(self->out, c);
    }
    self->at += left_out ? left_out : 1;
}

/* A span or a block of code, as it stands; false when none begins here. */
static bool s_code(scan_t *self)
{
    const char *fence = s_next_is(self, "```") ? "```" : s_next_is(self, "`") ? "`" : NULL;
    slice_t inner;
    if (!fence || !s_until(self, strlen(fence), fence, SIZE_MAX, &inner))
        return false;
    text_lit(self->out, fence);
    for (size_t i = 0; i < inner.len; i++) {
        size_t left_out = markup_left_out(slice(inner.data + i, inner.len - i));
        char c;
        size_t entity = s_entity(slice(inner.data + i, inner.len - i), &c);
        if (entity)
            text_char(self->out, c);
        else if (!left_out)
            text_char(self->out, inner.data[i]);
        i += entity ? entity - 1 : left_out ? left_out - 1 : 0;
    }
    text_lit(self->out, fence);
    self->at += inner.len + 2 * strlen(fence);
    return true;
}

/* Slack: <address|label>, <#C1|name>, <@U1|name>, <!here>, <!date^…|fallback>. */
static bool s_slack_angle(scan_t *self)
{
    slice_t inner;
    if (!s_next_is(self, "<") || !s_until(self, 1, ">", 4000, &inner) || inner.len == 0 ||
        memchr(inner.data, '\n', inner.len))
        return false;
    self->at += inner.len + 2;
    const char *bar = memchr(inner.data, '|', inner.len);
    slice_t target = slice(inner.data, bar ? (size_t)(bar - inner.data) : inner.len);
    slice_t label = bar ? slice(bar + 1, inner.len - target.len - 1) : slice("", 0);
    if (!is_one_of(*target.data, "#@!")) {
        s_link(self->out, label, target);
        return true;
    }
    slice_t name = label.len ? label : slice(target.data + 1, target.len - 1);
    bool is_date = target.len > 5 && memcmp(target.data, "!date", 5) == 0;
    if (!is_date && name.len && *name.data != *target.data && *name.data != '@')
        text_lit(self->out, *target.data == '#' ? "#" : "\\@");
    markup_escaped(self->out, name);
    return true;
}

void markup_from_mrkdwn(text_t *out, slice_t text)
{
    scan_t scan = {text, 0, out};
    room_step_bytes(out->room, text.len);
    while (scan.at < text.len && !out->room->spent) {
        char c;
        size_t entity = s_entity(s_rest(&scan), &c);
        if (entity) {
            text_char(out, c);
            scan.at += entity;
        } else if (!s_code(&scan) && !s_slack_angle(&scan)) {
            s_char(&scan);
        }
    }
}

/* [label](address "title"), ![label](address); the label may have pairs of [ ]. */
static bool s_markdown_link(scan_t *self)
{
    enum { LONGEST = 1000, LONGEST_ADDRESS = 2100 };
    bool is_image = s_next_is(self, "![");
    slice_t rest = s_rest(self);
    size_t from = is_image ? 2 : 1, to = from;
    if (!is_image && !s_next_is(self, "["))
        return false;
    for (unsigned open = 1; to < rest.len && to < LONGEST; to++) {
        if (rest.data[to] == '\\')
            to++;
        else if (rest.data[to] == '[')
            open++;
        else if (rest.data[to] == ']' && --open == 0)
            break;
    }
    if (to + 1 >= rest.len || to >= LONGEST || rest.data[to] != ']' || rest.data[to + 1] != '(') {
        room_step_bytes(self->out->room, to);
        return false;
    }
    slice_t address, label = slice(rest.data + from, to - from);
    if (!s_until(self, to + 2, ")", LONGEST_ADDRESS, &address))
        return false;
    self->at += to + 2 + address.len + 1;
    const char *blank = memchr(address.data, ' ', address.len);
    if (blank)
        address.len = (size_t)(blank - address.data);
    text_t plain = {.room = self->out->room};
    markup_stripped(&plain, label);
    s_link(self->out, text_of(&plain), address);
    return true;
}

/* <https://…> is the address; another tag goes, <br> becomes a line end. */
static bool s_html(scan_t *self)
{
    slice_t rest = s_rest(self);
    size_t len = s_tag(rest);
    if (len == 0)
        return false;
    slice_t tag = slice(rest.data, len);
    text_t address = {.room = self->out->room};
    if (markup_address(&address, slice(tag.data + 1, len - 2)))
        text_add(self->out, text_of(&address));
    else if (s_is_break(tag))
        text_char(self->out, '\n');
    self->at += len;
    return true;
}

/* Strong is one star here, and emphasis an underscore. */
static bool s_emphasis(scan_t *self)
{
    if (s_next_is(self, "**") || s_next_is(self, "__")) {
        text_char(self->out, '*');
        self->at += 2;
        return true;
    }
    if (s_next_is(self, "~~")) {
        text_char(self->out, '~');
        self->at += 2;
        return true;
    }
    if (!s_next_is(self, "*"))
        return false;
    text_char(self->out, '_');
    self->at++;
    return true;
}

/* The marks that a line begins with: a heading becomes strong, a list's item a dash. Returns
 * whether the line is a heading, whose end is strong, too. */
static bool s_line_start(scan_t *self)
{
    size_t blanks = 0, marks = 0;
    slice_t rest = s_rest(self);
    while (blanks < rest.len && rest.data[blanks] == ' ')
        blanks++;
    while (blanks + marks < rest.len && rest.data[blanks + marks] == '#')
        marks++;
    size_t after = blanks + marks;
    if (marks >= 1 && marks <= 6 && after + 1 < rest.len && rest.data[after] == ' ') {
        text_char(self->out, '*');
        self->at += after + 1;
        return true;
    }
    if (blanks + 1 < rest.len && is_one_of(rest.data[blanks], "*+") &&
        rest.data[blanks + 1] == ' ') {
        text_add(self->out, slice(rest.data, blanks));
        text_lit(self->out, "- ");
        self->at += blanks + 2;
    }
    return false;
}

void markup_from_markdown(text_t *out, slice_t text)
{
    scan_t scan = {text, 0, out};
    bool heading = s_line_start(&scan);
    room_step_bytes(out->room, text.len);
    while (scan.at < text.len && !out->room->spent) {
        char c = text.data[scan.at];
        if (c == '\n') {
            if (heading)
                text_char(out, '*');
            text_char(out, c);
            scan.at++;
            heading = s_line_start(&scan);
        } else if (c == '\\' && scan.at + 1 < text.len &&
                   ispunct((unsigned char)text.data[scan.at + 1])) {
            text_add(out, slice(text.data + scan.at, 2));
            scan.at += 2;
        } else if (!s_code(&scan) && !s_markdown_link(&scan) && !s_html(&scan) &&
                   !s_emphasis(&scan)) {
            s_char(&scan);
        }
    }
    if (heading)
        text_char(out, '*');
}

void markup_stripped(text_t *out, slice_t text)
{
    scan_t scan = {text, 0, out};
    room_step_bytes(out->room, text.len);
    while (scan.at < text.len && !out->room->spent) {
        slice_t rest = s_rest(&scan);
        char c;
        size_t entity = s_entity(rest, &c), tag = entity ? 0 : s_tag(rest);
        if (entity)
            text_char(out, c);
        else if (tag && s_is_break(slice(rest.data, tag)))
            text_char(out, '\n');
        else if (!tag && !is_one_of(*rest.data, "*`~"))
            text_char(out, *rest.data);
        scan.at += entity ? entity : tag ? tag : 1;
    }
}
