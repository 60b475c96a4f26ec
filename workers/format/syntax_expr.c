#include "workers/format/cursor.h"
#include "workers/format/filter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cursor_fail(cursor_t *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->syntax->reason, SYNTAX_REASON, format, args);
    va_end(args);
    return -1;
}

void cursor_skip_blanks(cursor_t *self)
{
    while (self->at < self->end && is_one_of(*self->at, " \t\r\n"))
        self->at++;
}

int cursor_end(cursor_t *self)
{
    cursor_skip_blanks(self);
    return self->at == self->end
               ? 0
               : cursor_fail(self, "\"%.*s\" is left over", (int)(self->end - self->at), self->at);
}

bool cursor_take(cursor_t *self, const char *punctuation)
{
    cursor_skip_blanks(self);
    size_t len = strlen(punctuation);
    if ((size_t)(self->end - self->at) < len || memcmp(self->at, punctuation, len) != 0)
        return false;
    self->at += len;
    return true;
}

static bool s_begins_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

static bool s_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static slice_t s_peek_word(const cursor_t *self)
{
    const char *to = self->at;
    if (to < self->end && s_begins_word(*to))
        while (to < self->end && (s_begins_word(*to) || s_is_digit(*to) || *to == '-'))
            to++;
    return slice(self->at, (size_t)(to - self->at));
}

slice_t cursor_word(cursor_t *self)
{
    cursor_skip_blanks(self);
    slice_t word = s_peek_word(self);
    self->at += word.len;
    return word;
}

bool cursor_take_word(cursor_t *self, const char *word)
{
    cursor_skip_blanks(self);
    bool is_next = slice_is(s_peek_word(self), word);
    if (is_next)
        self->at += strlen(word);
    return is_next;
}

int cursor_number(cursor_t *self, int64_t *number)
{
    cursor_skip_blanks(self);
    const char *to = self->at;
    bool minus = to < self->end && *to == '-';
    *number = 0;
    for (to += minus; to < self->end && s_is_digit(*to) && to - self->at < 16; to++)
        *number = *number * 10 + (*to - '0');
    if (to - self->at == minus)
        return cursor_fail(self, "a number is expected before \"%.20s\"", self->at);
    if (minus)
        *number = -*number;
    self->at = to;
    return 0;
}

/* A text in single or double quotes, with \n, and \ before another character for itself. */
static int s_text(cursor_t *self, slice_t *text)
{
    char quote = *self->at++;
    const char *close = self->at;
    while (close < self->end && *close != quote)
        close += *close == '\\' && close + 1 < self->end ? 2 : 1;
    char *copy = room_take(self->syntax->room, (size_t)(close - self->at) + 1);
    size_t len = 0;
    for (; self->at < self->end && *self->at != quote; self->at++) {
        bool escaped = *self->at == '\\' && self->at + 1 < self->end;
        self->at += escaped;
        copy[len++] = escaped && *self->at == 'n' ? '\n' : *self->at;
    }
    if (self->at == self->end)
        return cursor_fail(self, "a text's closing %c is missing", quote);
    self->at++;
    *text = slice(copy, len);
    return 0;
}

static bool s_is_quote(const cursor_t *self)
{
    return self->at < self->end && (*self->at == '\'' || *self->at == '"');
}

static int s_bracket(cursor_t *self, segment_t *segment)
{
    cursor_skip_blanks(self);
    segment->is_index = !s_is_quote(self);
    int rc =
        segment->is_index ? cursor_number(self, &segment->index) : s_text(self, &segment->name);
    if (rc == 0 && !cursor_take(self, "]"))
        return cursor_fail(self, "a ] is missing in a path");
    return rc;
}

static int s_dotted(cursor_t *self, segment_t *segment)
{
    if (self->at < self->end && s_is_digit(*self->at)) {
        segment->is_index = true;
        return cursor_number(self, &segment->index);
    }
    segment->name = s_peek_word(self);
    self->at += segment->name.len;
    return segment->name.len ? 0 : cursor_fail(self, "a name is missing behind a dot");
}

/* The names and places behind the first word of a path. */
static int s_segments(cursor_t *self, segment_t *segments, unsigned *count)
{
    while (self->at < self->end && (*self->at == '.' || *self->at == '[')) {
        if (*count == SYNTAX_SEGMENTS)
            return cursor_fail(self, "a path has more than %d names", SYNTAX_SEGMENTS);
        segment_t *segment = &segments[(*count)++];
        *segment = (segment_t){0};
        bool bracket = *self->at++ == '[';
        if ((bracket ? s_bracket(self, segment) : s_dotted(self, segment)) != 0)
            return -1;
    }
    return 0;
}

/* Where a path with this first word begins; the word is one of its names when it is FROM_ITEM and
 * not "item". */
static from_t s_from(slice_t word)
{
    static const struct {
        const char *word;
        from_t from;
    } rows[] = {{"body", FROM_BODY},   {"header", FROM_HEADER}, {"query", FROM_QUERY},
                {"index", FROM_INDEX}, {"key", FROM_KEY},       {"more", FROM_MORE},
                {"up", FROM_UP}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (slice_is(word, rows[i].word))
            return rows[i].from;
    return FROM_ITEM;
}

/* up.up.x is two items outwards. */
static void s_count_ups(path_t *path)
{
    path->up = 1;
    while (path->count > 0 && !path->segments->is_index && slice_is(path->segments->name, "up")) {
        path->up++;
        path->segments++;
        path->count--;
    }
}

static int s_path(cursor_t *self, path_t *path)
{
    segment_t segments[SYNTAX_SEGMENTS + 1];
    unsigned count = 0;
    slice_t word = cursor_word(self);
    path->from = s_from(word);
    if (path->from == FROM_ITEM && !slice_is(word, "item"))
        segments[count++] = (segment_t){.name = word};
    if (s_segments(self, segments, &count) != 0)
        return -1;
    if ((path->from == FROM_HEADER || path->from == FROM_QUERY) &&
        (count != 1 || segments[0].is_index))
        return cursor_fail(self, "%.*s is followed by one name: %.*s.name", SLICE_ARG(word),
                           SLICE_ARG(word));
    path->count = count;
    path->segments = room_take(self->syntax->room, count * sizeof *segments);
    memcpy(path->segments, segments, count * sizeof *segments);
    if (path->from == FROM_UP)
        s_count_ups(path);
    return 0;
}

static int s_number(cursor_t *self, operand_t *operand)
{
    char text[32];
    const char *from = self->at;
    while (self->at < self->end && (s_is_digit(*self->at) || is_one_of(*self->at, "-.")))
        self->at++;
    size_t len = (size_t)(self->at - from);
    if (len >= sizeof text)
        return cursor_fail(self, "a number has too many digits");
    memcpy(text, from, len);
    text[len] = '\0';
    char *end;
    operand->value = value_of_number(strtod(text, &end));
    return *end == '\0' ? 0 : cursor_fail(self, "\"%s\" is no number", text);
}

static int s_operand(cursor_t *self, operand_t *operand)
{
    *operand = (operand_t){.kind = OPERAND_TEXT};
    cursor_skip_blanks(self);
    if (s_is_quote(self)) {
        slice_t text;
        int rc = s_text(self, &text);
        operand->value = value_of_text(text);
        return rc;
    }
    if (self->at < self->end && (s_is_digit(*self->at) || *self->at == '-')) {
        operand->kind = OPERAND_NUMBER;
        return s_number(self, operand);
    }
    slice_t word = s_peek_word(self);
    if (slice_is(word, "true") || slice_is(word, "false")) {
        operand->value = value_of_text(cursor_word(self));
        return 0;
    }
    operand->kind = OPERAND_PATH;
    if (word.len == 0)
        return cursor_fail(self, "a name, a text or a number is expected before \"%.*s\"",
                           (int)(self->end - self->at > 20 ? 20 : self->end - self->at), self->at);
    return s_path(self, &operand->path);
}

static int s_args(cursor_t *self, filter_call_t *call)
{
    operand_t args[SYNTAX_ARGS];
    if (cursor_take(self, "(") && !cursor_take(self, ")")) {
        do {
            if (call->count == SYNTAX_ARGS)
                return cursor_fail(self, "a filter has more than %d arguments", SYNTAX_ARGS);
            if (s_operand(self, &args[call->count++]) != 0)
                return -1;
        } while (cursor_take(self, ","));
        if (!cursor_take(self, ")"))
            return cursor_fail(self, "a ) is missing behind a filter's arguments");
    }
    call->args = room_take(self->syntax->room, call->count * sizeof *args);
    memcpy(call->args, args, call->count * sizeof *args);
    return 0;
}

static int s_call(cursor_t *self, filter_call_t *call)
{
    slice_t name = cursor_word(self);
    *call = (filter_call_t){.row = filter_find(name)};
    if (!call->row) {
        const char *near = filter_near(name);
        return cursor_fail(self, "no filter \"%.*s\"%s%s%s", SLICE_ARG(name),
                           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (s_args(self, call) != 0)
        return -1;
    if (call->count < filter_least(call->row) || call->count > filter_most(call->row))
        return cursor_fail(self, "%.*s takes %u to %u arguments", SLICE_ARG(name),
                           filter_least(call->row), filter_most(call->row));
    return 0;
}

int cursor_expr(cursor_t *self, expr_t *expr)
{
    filter_call_t calls[SYNTAX_FILTERS];
    *expr = (expr_t){0};
    if (s_operand(self, &expr->operand) != 0)
        return -1;
    while (cursor_take(self, "|")) {
        if (expr->count == SYNTAX_FILTERS)
            return cursor_fail(self, "a value has more than %d filters", SYNTAX_FILTERS);
        if (s_call(self, &calls[expr->count++]) != 0)
            return -1;
    }
    expr->calls = room_take(self->syntax->room, expr->count * sizeof *calls);
    memcpy(expr->calls, calls, expr->count * sizeof *calls);
    return 0;
}

int syntax_expr(syntax_t *self, slice_t text, expr_t *expr)
{
    cursor_t cursor = {self, text.data, text.data + text.len, 0};
    return cursor_expr(&cursor, expr) == 0 ? cursor_end(&cursor) : -1;
}
