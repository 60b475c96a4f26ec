/* posternctl completion bash: a script made from the command table. */
#include "ctl/command.h"

#include <stdio.h>
#include <string.h>

/* The words before the cursor that are no options or values of options make the path; what may
 * follow a path stands in two tables. */
static const char s_function[] =
    "_posternctl() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= word i\n"
    "    case $prev in\n"
    "        -c|--file|--body|--token-file|--session-file|--rsa-key) COMPREPLY=($(compgen -f -- "
    "\"$cur\")); "
    "return ;;\n"
    "        --environment) COMPREPLY=($(compgen -W 'sandbox marketplace' -- \"$cur\")); return "
    ";;\n"
    "    esac\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        case $word in\n"
    "            -c|-s) ((i++)) ;;\n"
    "            -*) ;;\n"
    "            *) [[ -n ${_posternctl_next[${path:--}]+x} ]] && path=${path:+$path }$word ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ $cur == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"${_posternctl_options[${path:--}]-} "
    "${_posternctl_options[-]}\" "
    "-- \"$cur\"))\n"
    "    else\n"
    "        COMPREPLY=($(compgen -W \"${_posternctl_next[${path:--}]-}\" -- \"$cur\"))\n"
    "    fi\n"
    "}\n"
    "complete -F _posternctl posternctl\n";

static void s_words(const char *group)
{
    char last[64] = "";
    printf("    [\"%s\"]=\"", *group ? group : "-");
    for (size_t i = 0; i < command_table_len; i++) {
        char word[64];
        if (!command_word(&command_table[i], group, word, sizeof word) || strcmp(word, last) == 0)
            continue;
        printf("%s%s", *last ? " " : "", word);
        memcpy(last, word, sizeof last);
    }
    puts("\"");
}

static void s_options(const char *path, const option_t *options)
{
    printf("    [\"%s\"]=\"", path);
    for (const option_t *option = options; option->name; option++)
        printf("%s%s", option == options ? "" : " ", option->name);
    puts("\"");
}

int completion_run(ctl_t *ctl)
{
    if (strcmp(ctl_argument(ctl, 0), "bash") != 0) {
        fputs("posternctl: completion is there for bash only\n", stderr);
        return CTL_USAGE;
    }
    puts("# bash completion of posternctl, printed by posternctl completion bash\n"
         "declare -gA _posternctl_next=(");
    s_words("");
    for (size_t i = 0; i < command_groups_len; i++)
        s_words(command_groups[i].name);
    puts("    [\"completion\"]=\"bash\"\n)\ndeclare -gA _posternctl_options=(");
    s_options("-", command_globals);
    for (size_t i = 0; i < command_table_len; i++)
        s_options(command_table[i].name, command_table[i].options);
    puts(")");
    fputs(s_function, stdout);
    return CTL_OK;
}
