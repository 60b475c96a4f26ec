#include "ctl/said_here.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether an option gives FIELD, or is called so. */
static bool s_is_of(const option_t *option, const char *field)
{
    const char *name = option->name + 2;
    if (option->param.field)
        return strcmp(option->param.field, field) == 0;
    while (*name && (*name == *field || (*name == '-' && *field == '_')))
        name++, field++;
    return *name == *field;
}

/* The option or argument that FIELD comes from, into WORD; false: there is none. */
static bool s_source(const command_t *command, const char *field, char word[COMMAND_WORD])
{
    for (const option_t *option = command->options; option->name; option++)
        if (s_is_of(option, field)) {
            snprintf(word, COMMAND_WORD, "%s", option->name);
            return true;
        }
    for (unsigned i = 0; command_argument(command, i, word); i++)
        if (strcmp(field, "target") == 0 || strcasecmp(word, field) == 0)
            return true;
    return false;
}

/* Puts TO in place of the LEN bytes at AT. */
static void s_put(char *message, size_t size, size_t at, size_t len, const char *to)
{
    char *rest = strdup(message + at + len);
    if (!rest)
        abort();
    snprintf(message + at, size - at, "%s%s", to, rest);
    free(rest);
}

static void s_put_each(char *message, size_t size, const char *from, const char *to)
{
    const char *found = strstr(message, from);
    if (found)
        s_put(message, size, (size_t)(found - message), strlen(from), to);
}

void said_here(const command_t *command, char *message, size_t size)
{
    char field[COMMAND_WORD], word[COMMAND_WORD];
    size_t len = strspn(message, "abcdefghijklmnopqrstuvwxyz_");
    size_t index = message[len] == '[' ? strcspn(message + len, "]") : 0;
    index += message[len + index] == ']';
    s_put_each(message, size, "Repeat with confirm.", "--yes does it.");
    s_put_each(message, size, "Repeat with move_to or confirm.", "--move-to or --yes does it.");
    if (len == 0 || len >= COMMAND_WORD || strncmp(message + len + index, ": ", 2) != 0)
        return;
    snprintf(field, sizeof field, "%.*s", (int)len, message);
    if (s_source(command, field, word))
        s_put(message, size, 0, len, word);
}
