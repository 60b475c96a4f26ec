#include "ctl/table.h"

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What turns the direction of the text around it, the characters with the property Bidi_Control
 * (Unicode 15, PropList), and the two that end a line or a paragraph. */
static const unsigned s_directions[] = {
    0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b,
    0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
};

static bool s_steers(unsigned code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return true;
    for (size_t i = 0; i < sizeof s_directions / sizeof *s_directions; i++)
        if (s_directions[i] == code)
            return true;
    return false;
}

/* The character at TEXT, in CODE: its bytes. A byte that begins none counts as the C1 control that
 * some terminals take it for. */
static size_t s_character(const char *text, unsigned *code)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t len = utf8_length(slice(text, strnlen(text, 4)));
    *code = c[0];
    if (len == 0) {
        *code = 0x80;
        return 1;
    }
    if (len > 1)
        *code &= 0xffu >> (len + 1);
    for (size_t i = 1; i < len; i++)
        *code = *code << 6 | (c[i] & 0x3fu);
    return len;
}

void table_text(FILE *out, const char *text)
{
    unsigned code;
    for (size_t len; *text; text += len) {
        len = s_character(text, &code);
        if (s_steers(code))
            fputc('?', out);
        else
            fwrite(text, 1, len, out);
    }
}

json_t *table_string(const char *text)
{
    char *whole = utf8_replaced(slice_of(text));
    json_t *string = json_string(whole);
    free(whole);
    return string;
}

static void s_json(const json_t *value, size_t flags)
{
    unsigned code;
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
    assert(text);
    for (size_t at = 0, len; text[at]; at += len) {
        len = s_character(text + at, &code);
        if (s_steers(code) && code != '\n')
            printf("\\u%04X", code);
        else
            fwrite(text + at, 1, len, stdout);
    }
    putchar('\n');
    secret_wipe(text, strlen(text));
    free(text);
}

void table_json(const json_t *value)
{
    s_json(value, JSON_INDENT(2));
    fflush(stdout);
}

void table_json_line(const json_t *value)
{
    s_json(value, JSON_COMPACT);
}

/* Characters, not bytes. */
static size_t s_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static char *s_copy(const char *text)
{
    char *copy = strdup(text);
    assert(copy);
    return copy;
}

/* A string may hold NULs. */
static char *s_text(const json_t *string)
{
    size_t len = json_string_length(string);
    char *copy = malloc(len + 1);
    assert(copy);
    memcpy(copy, json_string_value(string), len + 1);
    for (char *nul = copy; (nul = memchr(nul, '\0', len - (size_t)(nul - copy)));)
        *nul = '?';
    return copy;
}

static bool s_is_time(const json_t *value)
{
    json_int_t n = json_integer_value(value);
    return json_is_integer(value) && n > 1000000000000 && n < 100000000000000;
}

static bool s_is_scalar(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value);
}

/* "a, b, c" of an array without nested ones. */
static char *s_join(const json_t *array)
{
    size_t len = 1, i;
    json_t *item;
    char **texts = calloc(json_array_size(array) + 1, sizeof *texts);
    assert(texts);
    json_array_foreach (array, i, item) {
        texts[i] = table_value(item);
        len += strlen(texts[i]) + 2;
    }
    char *joined = calloc(1, len), *at = joined;
    assert(joined);
    for (i = 0; i < json_array_size(array); i++) {
        at = stpcpy(stpcpy(at, i ? ", " : ""), texts[i]);
        free(texts[i]);
    }
    free(texts);
    return joined;
}

char *table_value(const json_t *value)
{
    char text[64];

    if (json_is_string(value))
        return json_string_length(value) ? s_text(value) : s_copy("-");
    if (!value || json_is_null(value))
        return s_copy("-");
    if (json_is_boolean(value))
        return s_copy(json_is_true(value) ? "yes" : "no");
    if (s_is_time(value)) {
        char time[CLOCK_TEXT];
        clock_text(json_integer_value(value), time);
        return s_copy(time);
    }
    if (json_is_integer(value)) {
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return s_copy(text);
    }
    if (json_is_array(value) &&
        (json_array_size(value) == 0 || s_is_scalar(json_array_get(value, 0))))
        return s_join(value);
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert(dump);
    return dump;
}

static void s_cell(const char *text, size_t width, bool last)
{
    table_text(stdout, text);
    for (size_t n = s_width(text); !last && n < width + 2; n++)
        putchar(' ');
}

/* Column names are letters and underscores; the heading shows them in capitals. */
static void s_heading(char *text)
{
    for (; *text; text++)
        *text = *text == '_' ? ' ' : *text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text;
}

enum { COLUMNS = 16 };

static unsigned s_columns(const char *columns, char names[COLUMNS][32])
{
    unsigned n = 0;
    for (const char *at = columns; *at && n < COLUMNS; n++) {
        int len = (int)strcspn(at, " ");
        snprintf(names[n], sizeof names[n], "%.*s", len, at);
        at += len + strspn(at + len, " ");
    }
    return n;
}

void table_rows(const json_t *rows, const char *columns)
{
    char names[COLUMNS][32];
    unsigned n = s_columns(columns, names);
    size_t width[COLUMNS], r;
    json_t *row;
    for (unsigned c = 0; c < n; c++)
        width[c] = s_width(names[c]);
    json_array_foreach (rows, r, row)
        for (unsigned c = 0; c < n; c++) {
            char *text = table_value(json_object_get(row, names[c]));
            if (s_width(text) > width[c])
                width[c] = s_width(text);
            free(text);
        }
    for (unsigned c = 0; c < n; c++) {
        char heading[32];
        memcpy(heading, names[c], sizeof heading);
        s_heading(heading);
        s_cell(heading, width[c], c + 1 == n);
    }
    putchar('\n');
    json_array_foreach (rows, r, row) {
        for (unsigned c = 0; c < n; c++) {
            char *text = table_value(json_object_get(row, names[c]));
            s_cell(text, width[c], c + 1 == n);
            free(text);
        }
        putchar('\n');
    }
}

static void s_fields(const json_t *object, int indent)
{
    const char *key;
    json_t *value;
    size_t width = 0;
    json_object_foreach ((json_t *)object, key, value)
        if (s_width(key) > width)
            width = s_width(key);
    json_object_foreach ((json_t *)object, key, value) {
        if (json_is_null(value))
            continue;
        printf("%*s", indent, "");
        if (json_is_object(value)) {
            table_text(stdout, key);
            fputs(":\n", stdout);
            s_fields(value, indent + 2);
            continue;
        }
        if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
            size_t i;
            json_t *item;
            table_text(stdout, key);
            fputs(":\n", stdout);
            json_array_foreach (value, i, item) {
                if (i > 0)
                    putchar('\n');
                s_fields(item, indent + 2);
            }
            continue;
        }
        char *text = table_value(value);
        table_text(stdout, key);
        printf(":%*s", (int)(width - s_width(key)) + 1, "");
        table_text(stdout, text);
        putchar('\n');
        free(text);
    }
}

void table_fields(const json_t *object)
{
    s_fields(object, 0);
}
