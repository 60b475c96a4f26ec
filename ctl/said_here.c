#include "ctl/said_here.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 64 };

/* Fields whose options are called otherwise. */
static const struct {
    const char *field, *option;
} s_others[] = {
    {"expires_in", "--expires"},
    {"networks", "--from"},
    {"archived", "--take-back"},
    {"confirm", "--yes"},
};

/* The option that gives FIELD, into WORD; false: there is none. */
static bool s_option(const command_t *command, const char *field, char word[WORD])
{
    size_t len = (size_t)snprintf(word, WORD, "--%s", field);
    for (size_t i = 0; i < len && i < WORD; i++)
        if (word[i] == '_')
            word[i] = '-';
    for (size_t i = 0; i < sizeof s_others / sizeof *s_others; i++)
        if (strcmp(s_others[i].field, field) == 0)
            snprintf(word, WORD, "%s", s_others[i].option);
    const option_t *option = command->options;
    while (option->name && strcmp(option->name, word) != 0)
        option++;
    return option->name != NULL;
}

/* The argument that is called as FIELD, or for the target the first. */
static bool s_argument(const command_t *command, const char *field, char word[WORD])
{
    bool target = strcmp(field, "target") == 0;
    for (const char *at = command->arguments; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        if (target || (strlen(field) == len && strncasecmp(at, field, len) == 0)) {
            snprintf(word, WORD, "%.*s", (int)len, at);
            return true;
        }
        at += len;
    }
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
    char field[WORD], word[WORD];
    size_t len = strspn(message, "abcdefghijklmnopqrstuvwxyz_");
    size_t index = message[len] == '[' ? strcspn(message + len, "]") : 0;
    index += message[len + index] == ']';
    s_put_each(message, size, "Repeat with confirm.", "--yes does it.");
    s_put_each(message, size, "Repeat with move_to or confirm.", "--move-to or --yes does it.");
    if (len == 0 || len >= WORD || strncmp(message + len + index, ": ", 2) != 0)
        return;
    snprintf(field, sizeof field, "%.*s", (int)len, message);
    if (s_option(command, field, word) || s_argument(command, field, word))
        s_put(message, size, 0, len, word);
}
