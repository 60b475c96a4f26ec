#include "ctl/send/shown.h"

#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands below a message's first line. */
#define INDENT "    "

/* Further lines below the first one; no line of a text begins where messages do. */
static void s_print_lines(const char *text)
{
    size_t len = strlen(text);
    char *copy = strdup(text), *line = copy, *next;
    while (copy && len > 0 && (copy[len - 1] == '\n' || copy[len - 1] == '\r'))
        copy[--len] = '\0';
    for (; line; line = next) {
        if ((next = strchr(line, '\n')))
            *next++ = '\0';
        size_t end = strlen(line);
        if (next && end > 0 && line[end - 1] == '\r')
            line[end - 1] = '\0';
        table_text(stdout, line);
        if (next)
            fputs("\n" INDENT, stdout);
    }
    free(copy);
}

static void s_print_value(const json_t *value)
{
    char *text = table_value(value);
    s_print_lines(text);
    free(text);
}

/* Its values, with " | " between. */
static void s_print_cells(const json_t *values)
{
    const char *name, *between = "";
    json_t *value;
    size_t i;
    json_array_foreach (values, i, value) {
        fputs(between, stdout);
        s_print_value(value);
        between = " | ";
    }
    json_object_foreach ((json_t *)values, name, value) {
        fputs(between, stdout);
        s_print_value(value);
        between = " | ";
    }
}

/* "name: value" of each member; of a chart's {label, value} these two. */
static void s_print_pairs(const json_t *item)
{
    const char *name, *between = "";
    const json_t *label = json_object_get(item, "label");
    json_t *value;
    if (label && json_object_get(item, "value")) {
        s_print_value(label);
        fputs(": ", stdout);
        s_print_value(json_object_get(item, "value"));
        return;
    }
    json_object_foreach ((json_t *)item, name, value) {
        fputs(between, stdout);
        table_text(stdout, name);
        fputs(": ", stdout);
        s_print_value(value);
        between = ", ";
    }
}

static void s_print_item(const json_t *item)
{
    fputs("\n" INDENT "- ", stdout);
    json_is_object(item) ? s_print_pairs(item) : s_print_value(item);
}

static void s_print_table(const json_t *data)
{
    json_t *row, *rows = json_object_get(data, "rows");
    const json_t *headers = json_object_get(data, "headers");
    size_t i, c;
    json_t *header;
    if (headers) {
        fputs("\n" INDENT, stdout);
        s_print_cells(headers);
    }
    json_array_foreach (rows, i, row) {
        fputs("\n" INDENT, stdout);
        json_t *cells = headers ? json_array() : NULL;
        json_array_foreach (headers, c, header) {
            json_t *cell = json_object_get(row, json_string_value(header));
            json_array_append_new(cells, cell ? json_incref(cell) : json_string(""));
        }
        s_print_cells(cells ? cells : row);
        json_decref(cells);
    }
}

static void s_print_buttons(const json_t *buttons)
{
    json_t *button;
    size_t i;
    json_array_foreach (buttons, i, button) {
        const char *label = json_string_value(json_object_get(button, "label"));
        fputs(i ? " [" : "\n" INDENT "[", stdout);
        table_text(stdout, label ? label : "-");
        putchar(']');
    }
}

static void s_print_slide(const json_t *slide)
{
    const char *title = json_string_value(json_object_get(slide, "title"));
    const json_t *data = json_object_get(slide, "data");
    json_t *item;
    size_t i;
    if (title) {
        fputs("\n" INDENT, stdout);
        s_print_lines(title);
    }
    json_array_foreach (data, i, item)
        s_print_item(item);
    if (json_is_object(data))
        s_print_table(data);
    if (json_is_string(data)) {
        fputs("\n" INDENT, stdout);
        s_print_value(data);
    }
    s_print_buttons(json_object_get(slide, "buttons"));
}

/* What a message has below its text. */
static void s_print_below(const json_t *message)
{
    json_t *slide;
    size_t i;
    const json_t *card = json_object_get(message, "card");
    const char *title = json_string_value(json_object_get(card, "title"));
    if (title) {
        fputs("\n" INDENT, stdout);
        s_print_lines(title);
    }
    json_array_foreach (json_object_get(message, "slides"), i, slide)
        s_print_slide(slide);
    s_print_buttons(json_object_get(message, "buttons"));
    s_print_buttons(json_object_get(card, "buttons"));
}

/* What a person wants to see of a message or an event. */
static void s_print_what(const json_t *row)
{
    if (json_object_get(row, "deleted")) {
        printf("deleted %s", json_string_value(json_object_get(row, "id")));
        return;
    }
    if (json_object_get(row, "revision"))
        fputs("edited: ", stdout);
    const json_t *event = json_object_get(row, "event"), *message = json_object_get(row, "message");
    const json_t *text = json_object_get(message, "text");
    if (event) {
        const char *method = json_string_value(json_object_get(event, "method"));
        printf("%s ", method ? method : "-");
    }
    if (json_object_get(row, "erased")) {
        fputs("erased", stdout);
        return;
    }
    if (!json_is_string(text))
        text = event ? json_object_get(event, "body") : message;
    s_print_value(text);
    if (json_is_string(json_object_get(message, "text")))
        s_print_below(message);
}

/* ANSI's: 2 is faint, 1 is bold, 36 is cyan. */
static void s_print_part(const char *text, const char *colour, bool colours)
{
    if (colours)
        printf("\033[%sm", colour);
    table_text(stdout, text ? text : "-");
    fputs(colours ? "\033[0m  " : "  ", stdout);
}

void shown_message(const json_t *row, const char *where, bool colours)
{
    const json_t *sender = json_object_get(row, "sender");
    const json_t *user = sender ? sender : json_object_get(json_object_get(row, "event"), "user");
    if (where)
        s_print_part(where, "36", colours);
    printf("%" JSON_INTEGER_FORMAT "  ", json_integer_value(json_object_get(row, "sequence")));
    s_print_part(json_string_value(json_object_get(row, "time")), "2", colours);
    s_print_part(json_string_value(json_object_get(user, "name")), "1", colours);
    s_print_what(row);
    putchar('\n');
}
