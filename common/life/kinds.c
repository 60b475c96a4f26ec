#include "common/life/kinds.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum { ENTRY = 4096 };

const char *const kinds_all[KINDS] = {"gateway", "authd", "router", "channel", "bot", "extension"};

int kinds_user(const conf_t *conf, const char *section, kinds_user_t *to)
{
    char text[ENTRY];
    struct passwd entry, *found = NULL;
    const char *name = conf_text(conf, conf_setting(section, "user"));
    if (!*name || getpwnam_r(name, &entry, text, sizeof text, &found) != 0 || !found)
        return -1;
    *to = (kinds_user_t){found->pw_uid, found->pw_gid};
    return 0;
}

int kinds_workers(const conf_t *conf, gid_t *to)
{
    char text[ENTRY];
    struct group entry, *found = NULL;
    const char *name = conf_text(conf, SET_worker_group);
    if (!*name || getgrnam_r(name, &entry, text, sizeof text, &found) != 0 || !found)
        return -1;
    *to = found->gr_gid;
    return 0;
}

bool kinds_is_worker(const char *section)
{
    return strcmp(section, "channel") == 0 || strcmp(section, "bot") == 0 ||
           strcmp(section, "extension") == 0;
}

setting_t kinds_lacking(const conf_t *conf)
{
    kinds_user_t user;
    gid_t group;
    for (unsigned i = 0; i < KINDS; i++)
        if (kinds_user(conf, kinds_all[i], &user) != 0)
            return conf_setting(kinds_all[i], "user");
    return kinds_workers(conf, &group) == 0 ? SETTING_COUNT : SET_worker_group;
}

bool kinds_apart(const conf_t *conf)
{
    return geteuid() == 0 && !*conf_text(conf, SET_process_user) &&
           kinds_lacking(conf) == SETTING_COUNT;
}
