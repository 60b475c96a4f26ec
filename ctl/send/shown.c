#include "ctl/send/shown.h"

#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>

/* What a person wants to see of a message or an event. */
static void s_print_what(const json_t *row)
{
    if (json_object_get(row, "deleted")) {
        printf("deleted %s", json_string_value(json_object_get(row, "id")));
        return;
    }
    if (json_object_get(row, "revision"))
        fputs("edited: ", stdout);
    const json_t *event = json_object_get(row, "event");
    const json_t *text = json_object_get(json_object_get(row, "message"), "text");
    if (event) {
        const char *method = json_string_value(json_object_get(event, "method"));
        printf("%s ", method ? method : "-");
    }
    if (!json_is_string(text))
        text = event ? json_object_get(event, "body") : json_object_get(row, "message");
    char *value = table_value(text);
    table_text(stdout, value);
    free(value);
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
