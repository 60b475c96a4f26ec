/* posternctl completion: a script for each shell, which asks posternctl itself what may follow
 * ("completion words"), so that the table of commands and the names of what is there answer. */
#include "common/base/ops.h"
#include "ctl/command.h"

#include <stdio.h>
#include <string.h>

/* What a shell is told to complete by itself. */
static const char s_file[] = ":file";

static const struct {
    const char *name, *script;
} s_shells[] = {
    {"bash",
     "# bash completion of posternctl, printed by posternctl completion bash\n"
     "_posternctl() {\n"
     "    local IFS=$'\\n' line=${COMP_LINE:0:COMP_POINT} part cur words=()\n"
     "    # bash has split at @, : and = what is one word here: joined again where no blank is\n"
     "    for part in \"${COMP_WORDS[@]:0:COMP_CWORD+1}\"; do\n"
     "        if [[ ${#words[@]} -gt 0 && $line != [[:space:]]* ]]; then\n"
     "            words[${#words[@]}-1]+=$part\n"
     "        else\n"
     "            words+=(\"$part\")\n"
     "            line=${line#\"${line%%[![:space:]]*}\"}\n"
     "        fi\n"
     "        line=${line#\"$part\"}\n"
     "    done\n"
     "    cur=${words[${#words[@]}-1]}\n"
     "    COMPREPLY=($(posternctl completion words -- \"${words[@]:1}\" 2>/dev/null))\n"
     "    [[ ${COMPREPLY[0]-} != :file ]] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
     "    # and puts what is offered in place of the last piece: behind a : or =, but from an @ "
     "on\n"
     "    [[ $part != [:=]* ]] || part=\n"
     "    [[ ${cur%\"$part\"} != *@ ]] || part=@$part\n"
     "    COMPREPLY=(\"${COMPREPLY[@]#\"${cur%\"$part\"}\"}\")\n"
     "}\n"
     "complete -F _posternctl posternctl\n"},
    {"zsh", "#compdef posternctl\n"
            "# zsh completion of posternctl, printed by posternctl completion zsh\n"
            "_posternctl() {\n"
            "    local -a found\n"
            "    found=(\"${(@f)$(posternctl completion words -- \"${(@)words[2,CURRENT]}\" "
            "2>/dev/null)}\")\n"
            "    if [[ ${found[1]} == :file ]]; then _files; else compadd -- $found; fi\n"
            "}\n"
            "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then _posternctl \"$@\"\n"
            "else compdef _posternctl posternctl; fi\n"},
    {"fish", "# fish completion of posternctl, printed by posternctl completion fish\n"
             "function __posternctl\n"
             "    set -l typed (commandline -opc)\n"
             "    set -l found (posternctl completion words -- $typed[2..-1] (commandline -ct) "
             "2>/dev/null)\n"
             "    if test \"$found[1]\" = :file\n"
             "        __fish_complete_path (commandline -ct)\n"
             "    else\n"
             "        printf '%s\\n' $found\n"
             "    end\n"
             "end\n"
             "complete -c posternctl -f -a '(__posternctl)'\n"},
};

/* What was typed up to the word that is to be completed. */
typedef struct {
    ctl_t *ctl;
    const command_t *command; /* NULL: the path leads to none yet */
    char path[128];
    unsigned arguments;    /* of the command, before the word */
    const char *first;     /* of these; "": there is none */
    const option_t *value; /* the option whose value the word is */
    const char *word;
    const char *before; /* what stands before it without a blank: "--role=" */
} typed_t;

static void s_offer(const typed_t *self, const char *candidate)
{
    if (strncmp(candidate, self->word, strlen(self->word)) == 0)
        printf("%s%s\n", self->before, candidate);
}

/* bash puts what it is offered into the command line as it is, and who chose the name is not who
 * presses Enter: "$(…)@example.org" is an email address. Such names are for typing. */
static bool s_is_word(const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._-+";
    return name[0] != '-' && name[strspn(name, plain)] == '\0';
}

static void s_take_word(typed_t *self, const char *word)
{
    size_t len = strlen(self->path);
    if (self->command) {
        if (self->arguments++ == 0)
            self->first = word;
        return;
    }
    snprintf(self->path + len, sizeof self->path - len, "%s%s", len ? " " : "", word);
    self->command = command_find(self->path);
}

static void s_take(typed_t *self, const char *word)
{
    if (self->value) {
        self->value = NULL;
        return;
    }
    if (word[0] != '-' || !word[1]) {
        s_take_word(self, word);
        return;
    }
    const option_t *option = command_option(self->command, word);
    self->value = option && option->value ? option : NULL;
}

/* Names of what is there, as far as whoever asks may see it: the first column of the list of NOUN.
 */
static void s_offer_names(const typed_t *self, const char *noun)
{
    char list[64], column[32];
    size_t i;
    json_t *row;
    snprintf(list, sizeof list, "%s list", noun);
    const command_t *command = command_find(list);
    snprintf(column, sizeof column, "%.*s", (int)strcspn(command->columns, " "), command->columns);
    json_t *all = ctl_list(self->ctl, command->op, "", command->rows, NULL);
    json_array_foreach (json_object_get(all, command->rows), i, row) {
        const char *name = json_string_value(json_object_get(row, column));
        if (name && s_is_word(name))
            s_offer(self, name);
    }
    json_decref(all);
}

/* What stands for the values: "FILE", "USER", "NAME", "bot|extension"; OF says of what a NAME is.
 */
static void s_offer_values(const typed_t *self, const char *what, const char *of)
{
    static const char *const kinds[] = {"channel", "bot", "extension"};
    if (strstr(what, "FILE")) {
        puts(s_file);
    } else if (strstr(what, "USER")) {
        s_offer_names(self, "user");
        s_offer_names(self, "service");
    } else if (strstr(what, "ACCOUNT")) {
        s_offer_names(self, "service");
    } else if (strstr(what, "NAME") || strcmp(what, "CHANNEL") == 0 || strcmp(what, "BOT") == 0 ||
               strcmp(what, "EXTENSION") == 0) {
        for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strstr(of, kinds[i]))
                s_offer_names(self, kinds[i]);
    } else if (strchr(what, '|')) {
        char one[32];
        for (const char *at = what; *at; at += strspn(at, "|")) {
            size_t len = strcspn(at, "|");
            snprintf(one, sizeof one, "%.*s", (int)len, at);
            s_offer(self, one);
            at += len;
        }
    }
}

static void s_offer_value(const typed_t *self)
{
    const char *name = self->value->name;
    if (strcmp(name, "--environment") == 0)
        s_offer_values(self, "sandbox|marketplace", "");
    else if (strcmp(name, "--role") == 0)
        s_offer_values(self, "member|admin|owner", "");
    else
        s_offer_values(self, self->value->value, name);
}

static void s_offer_options(const typed_t *self)
{
    const option_t *none = command_globals;
    while (none->name)
        none++;
    for (const option_t *option = self->command ? self->command->options : none; option->name;
         option++)
        s_offer(self, option->name);
    for (const option_t *option = command_globals; option->name; option++)
        s_offer(self, option->name);
}

static void s_offer_next(const typed_t *self)
{
    char word[64], last[64] = "";
    for (size_t i = 0; i < command_table_len; i++) {
        if (!command_word(&command_table[i], self->path, word, sizeof word) ||
            strcmp(word, last) == 0)
            continue;
        s_offer(self, word);
        memcpy(last, word, sizeof last);
    }
}

/* The command's next argument, as its usage line calls it. */
static void s_offer_argument(const typed_t *self)
{
    char what[COMMAND_WORD];
    unsigned i = self->arguments;
    while (!command_argument(self->command, i, what))
        if (i-- == 0)
            return;
    if (i < self->arguments && !strstr(what, "…"))
        return;
    char of[160];
    snprintf(of, sizeof of, "%s %s", self->command->name, self->first);
    const char *word = what + (*what == '['); /* "[KIND NAME]" */
    s_offer_values(self, strcmp(word, "KIND") == 0 ? "bot|extension" : what, of);
}

/* "--role=me" is a value with what it belongs to. */
static void s_split(typed_t *self, char before[64])
{
    const char *equals = strncmp(self->word, "--", 2) == 0 ? strchr(self->word, '=') : NULL;
    size_t len = equals ? (size_t)(equals - self->word) : 0;
    if (self->value || len == 0 || len >= 63)
        return;
    snprintf(before, 64, "%.*s", (int)len, self->word);
    const option_t *option = command_option(self->command, before);
    if (!option || !option->value)
        return;
    before[len] = '=';
    before[len + 1] = '\0';
    self->before = before;
    self->value = option;
    self->word = equals + 1;
}

static int s_words(ctl_t *ctl)
{
    char before[64];
    typed_t typed = {.ctl = ctl, .first = "", .word = "", .before = ""};
    for (unsigned i = 1; ctl_argument(ctl, i); i++) {
        if (ctl_argument(ctl, i + 1))
            s_take(&typed, ctl_argument(ctl, i));
        else
            typed.word = ctl_argument(ctl, i);
    }
    s_split(&typed, before);
    if (typed.value)
        s_offer_value(&typed);
    else if (typed.word[0] == '-')
        s_offer_options(&typed);
    else if (typed.command)
        s_offer_argument(&typed);
    else
        s_offer_next(&typed);
    return CTL_OK;
}

int completion_run(ctl_t *ctl)
{
    const char *shell = ctl_argument(ctl, 0);
    if (strcmp(shell, "words") == 0)
        return s_words(ctl);
    for (unsigned i = 0; i < sizeof s_shells / sizeof *s_shells; i++)
        if (strcmp(s_shells[i].name, shell) == 0) {
            fputs(s_shells[i].script, stdout);
            return CTL_OK;
        }
    ctl_error(ctl, "usage", "completion is there for bash, zsh and fish, not for %s", shell);
    return CTL_USAGE;
}
