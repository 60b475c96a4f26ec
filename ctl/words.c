/* posternctl help, version and config …: what it knows by itself. */
#include "ctl/command.h"
#include "ctl/table.h"

#include "common/life/engine.h"

#include <limits.h>
#include <stdio.h>

int help_run(ctl_t *ctl)
{
    char path[128] = "";
    size_t len = 0;
    const char *word = ctl_argument(ctl, 0);
    for (unsigned i = 1; word && len < sizeof path; word = ctl_argument(ctl, i++))
        len += (size_t)snprintf(path + len, sizeof path - len, "%s%s", len ? " " : "", word);
    const command_t *command = command_find(path);
    if (command) {
        command_help(command, stdout);
        return CTL_OK;
    }
    if (command_is_group(path)) {
        command_group_help(path, stdout);
        return CTL_OK;
    }
    ctl_error(ctl, "usage", "there is no command '%s'. See posternctl --help", path);
    return CTL_USAGE;
}

/* Whether the gateway of this build has the console (CMakeLists.txt, POSTERN_CONSOLE). */
static const int s_console = POSTERN_HAS_CONSOLE;

int version_run(ctl_t *ctl)
{
    if (!ctl_json(ctl)) {
        printf("posternctl " POSTERN_VERSION " (%s the console)\n", s_console ? "with" : "without");
        return CTL_OK;
    }
    json_t *version = json_pack("{s:s, s:b}", "version", POSTERN_VERSION, "console", s_console);
    table_json(version);
    json_decref(version);
    return CTL_OK;
}

int config_check_run(ctl_t *ctl)
{
    char err[PATH_MAX + 512];
    const conf_t *conf = ctl_conf_plain(ctl);
    if (conf_check_files(conf, NULL, err, sizeof err) != 0 ||
        engine_check_all(conf, err, sizeof err) != 0) {
        ctl_error(ctl, "configuration", "%s: %s", ctl_conf_path(ctl), err);
        return CTL_CONFIG;
    }
    json_t *good = json_pack("{s:o, s:b}", "file", table_string(ctl_conf_path(ctl)), "good", true);
    if (ctl_json(ctl))
        table_json(good);
    else
        printf("%s is good.\n", ctl_conf_path(ctl));
    json_decref(good);
    return CTL_OK;
}

int config_show_run(ctl_t *ctl)
{
    conf_print(ctl_conf(ctl));
    return CTL_OK;
}
