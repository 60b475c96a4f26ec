#include "ctl/command.h"

#include <stdio.h>
#include <string.h>

const command_t *command_find(const char *name)
{
    for (size_t i = 0; i < command_table_len; i++)
        if (strcmp(command_table[i].name, name) == 0)
            return &command_table[i];
    return NULL;
}

/* What of a command's name follows the group's words; NULL when it is not in the group. */
static const char *s_rest(const command_t *command, const char *group)
{
    size_t len = strlen(group);
    if (len == 0)
        return command->name;
    if (strncmp(command->name, group, len) != 0 || command->name[len] != ' ')
        return NULL;
    return command->name + len + 1;
}

bool command_is_group(const char *words)
{
    for (size_t i = 0; i < command_table_len; i++)
        if (s_rest(&command_table[i], words))
            return true;
    return false;
}

bool command_word(const command_t *command, const char *group, char *word, size_t size)
{
    const char *rest = s_rest(command, group);
    if (!rest)
        return false;
    snprintf(word, size, "%.*s", (int)strcspn(rest, " "), rest);
    return true;
}

bool command_argument(const command_t *command, unsigned i, char word[COMMAND_WORD])
{
    const char *at = command->arguments;
    for (; *at && i > 0; i--)
        at += strcspn(at, " ") + (strchr(at, ' ') != NULL);
    snprintf(word, COMMAND_WORD, "%.*s", (int)strcspn(at, " "), at);
    return *word != '\0';
}

static const option_t *s_option(const option_t *options, const char *name)
{
    for (; options->name; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

static const option_t *s_present_option(const command_t *command, const char *name)
{
    const option_t *option = command ? s_option(command->options, name) : NULL;
    return option ? option : s_option(command_globals, name);
}

const command_former_t *command_former(const command_t *command, const char *name)
{
    const command_former_t *former = command_formers;
    while (former->name && strcmp(former->option.name, name) != 0)
        former++;
    return former->name && !s_present_option(command, name) ? former : NULL;
}

const option_t *command_option(const command_t *command, const char *name)
{
    const option_t *option = s_present_option(command, name);
    const command_former_t *former = option ? NULL : command_former(command, name);
    return former ? &former->option : option;
}

/* How many letters are to be changed, added, dropped or swapped with their neighbour to make one
 * word of the other. */
static unsigned s_distance(const char *a, const char *b)
{
    enum { LEN = 40 };
    unsigned rows[LEN + 1][LEN + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > LEN || m > LEN)
        return LEN;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (rows[i - 1][j] + 1 < best)
                best = rows[i - 1][j] + 1;
            if (rows[i][j - 1] + 1 < best)
                best = rows[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                rows[i - 2][j - 2] + 1 < best)
                best = rows[i - 2][j - 2] + 1;
            rows[i][j] = best;
        }
    return rows[n][m];
}

/* Keeps in NEAREST the nearest candidate; a word that is a beginning of the candidate is near. */
static void s_consider(const char *word, const char *candidate, unsigned *best, char *nearest,
                       size_t size)
{
    unsigned distance = s_distance(word, candidate);
    size_t len = strlen(word);
    if (len >= 2 && strncmp(word, candidate, len) == 0)
        distance = 1;
    if (distance < *best) {
        *best = distance;
        snprintf(nearest, size, "%s", candidate);
    }
}

static unsigned s_threshold(const char *word)
{
    return strlen(word) > 4 ? 3 : 2;
}

/* What other programs call what a command does: no letters lead from one to the other. */
static const char *const s_elsewhere[][2] = {
    {"stream", "tail"},  {"follow", "tail"},    {"watch", "tail"},
    {"post", "send"},    {"message", "send"},   {"messages", "history"},
    {"read", "history"}, {"webhook", "source"}, {"status", "health"}};

static const char *s_here(const char *group, const char *word)
{
    for (size_t i = 0; !*group && i < sizeof s_elsewhere / sizeof *s_elsewhere; i++)
        if (strcmp(s_elsewhere[i][0], word) == 0)
            return s_elsewhere[i][1];
    return NULL;
}

const char *command_nearest_word(const char *group, const char *word)
{
    const char *here = s_here(group, word);
    if (here)
        return here;
    static char nearest[64];
    unsigned best = s_threshold(word);
    nearest[0] = '\0';
    for (size_t i = 0; i < command_table_len; i++) {
        char candidate[64];
        if (command_word(&command_table[i], group, candidate, sizeof candidate))
            s_consider(word, candidate, &best, nearest, sizeof nearest);
    }
    return *nearest ? nearest : NULL;
}

const char *command_nearest_option(const command_t *command, const char *name)
{
    static char nearest[64];
    unsigned best = s_threshold(name);
    nearest[0] = '\0';
    for (const option_t *option = command->options; option->name; option++)
        s_consider(name, option->name, &best, nearest, sizeof nearest);
    for (const option_t *option = command_globals; option->name; option++)
        s_consider(name, option->name, &best, nearest, sizeof nearest);
    return *nearest ? nearest : NULL;
}

/* Columns of LEN bytes of UTF-8 on a terminal. */
static int s_columns(const char *text, size_t len)
{
    int columns = 0;
    for (size_t i = 0; i < len; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

/* TEXT from column INDENT on, broken between words where a line would pass HELP_LINE columns. */
static void s_paragraph(const char *text, int indent, FILE *out)
{
    enum { HELP_LINE = 100 };
    int column = indent;
    for (const char *word = text; *word; word += strspn(word, " ")) {
        size_t len = strcspn(word, " ");
        int columns = s_columns(word, len);
        if (column > indent && column + columns >= HELP_LINE) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        fprintf(out, "%s%.*s", column > indent ? " " : "", (int)len, word);
        column += columns + (column > indent);
        word += len;
    }
    fputc('\n', out);
}

/* NAME, and what it means beside it; below it where NAME is longer than WIDTH. */
static void s_entry(const char *name, int width, const char *text, FILE *out)
{
    int columns = s_columns(name, strlen(name));
    if (columns > width)
        fprintf(out, "  %s\n%*s", name, width + 3, "");
    else
        fprintf(out, "  %s%*s", name, width + 1 - columns, "");
    s_paragraph(text, width + 3, out);
}

static void s_options_help(const option_t *options, FILE *out)
{
    for (; options->name; options++) {
        char text[64];
        snprintf(text, sizeof text, "%s%s%s", options->name, options->value ? " " : "",
                 options->value ? options->value : "");
        s_entry(text, 26, options->help, out);
    }
}

static void s_examples_help(const char *examples, FILE *out)
{
    for (const char *at = examples; *at;) {
        int len = (int)strcspn(at, "\n");
        fprintf(out, "  posternctl %.*s\n", len, at);
        at += len + (at[len] == '\n');
    }
}

void command_help(const command_t *command, FILE *out)
{
    fprintf(out, "%s: %s\n\nUsage: posternctl %s%s%s%s\n\n", command->name, command->help,
            command->name, *command->arguments ? " " : "", command->arguments,
            command->options[0].name ? " [OPTIONS]" : "");
    fputs("Options:\n", out);
    s_options_help(command->options, out);
    s_options_help(command_globals, out);
    fputs("\nExamples:\n", out);
    s_examples_help(command->examples, out);
}

static const char *s_group_line(const char *name)
{
    for (size_t i = 0; i < command_groups_len; i++)
        if (strcmp(command_groups[i].name, name) == 0)
            return command_groups[i].help;
    return NULL;
}

/* One line for each word that may follow, in the table's order. */
static void s_words_help(const char *group, FILE *out)
{
    char last[64] = "";
    for (size_t i = 0; i < command_table_len; i++) {
        char word[64], path[128];
        if (!command_word(&command_table[i], group, word, sizeof word) || strcmp(word, last) == 0)
            continue;
        memcpy(last, word, sizeof last);
        snprintf(path, sizeof path, "%s%s%s", group, *group ? " " : "", word);
        const command_t *command = command_find(path);
        const char *line = command ? command->help : s_group_line(path);
        s_entry(word, 12, line ? line : "", out);
    }
}

void command_group_help(const char *group, FILE *out)
{
    if (*group)
        fprintf(out, "%s: %s\n\nUsage: posternctl %s COMMAND …\n\nCommands:\n", group,
                s_group_line(group) ? s_group_line(group) : "", group);
    else
        fputs("posternctl: runs and manages Postern, the gateway for incoming webhooks\n\n"
              "Usage: posternctl [OPTIONS] COMMAND …\n\nCommands:\n",
              out);
    s_words_help(group, out);
    fputs("\nOptions of every command:\n", out);
    s_options_help(command_globals, out);
    if (!*group) {
        fputs("\nEnvironment:\n", out);
        s_options_help(command_variables, out);
    }
    fputs("\nExamples:\n", out);
    if (!*group) {
        fputs("  posternctl init\n  posternctl up --demo\n"
              "  posternctl user create ada@example.org\n"
              "  posternctl token create ada@example.org --name ci\n"
              "  posternctl COMMAND --help\n\n"
              "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 78 configuration.\n"
              "A secret is read from the environment, a file or stdin, never from an argument:\n"
              "every user of this host can read the arguments of a process.\n",
              out);
        return;
    }
    for (size_t i = 0; i < command_table_len; i++)
        if (s_rest(&command_table[i], group))
            s_examples_help(command_table[i].examples, out);
}
