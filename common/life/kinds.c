#include "common/life/kinds.h"

#include "common/base/ops.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRY = 4096 };

const char *const kinds_all[KINDS] = {
#define KIND(name) #name,
#include "common/kinds.def"
};

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
    op_owner_t owner;
    return op_owner_of(section, strlen(section), &owner);
}

bool kinds_has_handlers(const char *section)
{
    enum { STORES, HANDLERS };
    static const bool has[] = {
#define WORKER(constant, name, port, handlers, what) [OWNER_##constant] = handlers,
#include "common/kinds.def"
    };
    op_owner_t owner;
    return op_owner_of(section, strlen(section), &owner) && has[owner];
}

void kinds_key(const conf_t *conf, const char *section, char *path, size_t size)
{
    const char *key = conf_text(conf, SET_worker_key);
    if (*key)
        snprintf(path, size, "%s", key);
    else
        snprintf(path, size, "%s/%s.key", conf_text(conf, SET_data_directory), section);
}

const char *kinds_directory(const conf_t *conf, bool own, char *path, size_t size)
{
    const char *file = conf_text(conf, SET_postgres_connection);
    const char *named = conf_text(conf, SET_directory_connection);
    snprintf(path, size, "%s.directory", file);
    if (*named)
        snprintf(path, size, "%s", named);
    else if (!*file || (!own && access(path, F_OK) != 0))
        snprintf(path, size, "%s", file);
    return path;
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

static bool s_some_are_there(const conf_t *conf)
{
    kinds_user_t user;
    for (unsigned i = 0; i < KINDS; i++)
        if (kinds_user(conf, kinds_all[i], &user) == 0)
            return true;
    return false;
}

/* Files are looked at when they are opened; a directory is where others make names. */
static int s_check_directories(const char *place, char *err, size_t err_size)
{
    struct dirent *entry;
    struct stat is;
    int rc = 0;
    DIR *dir = opendir(place);
    while (dir && rc == 0 && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            fstatat(dirfd(dir), entry->d_name, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(is.st_mode) && is.st_uid != 0) {
            snprintf(
                err, err_size,
                "%s/%s belongs to user %u, and all processes would run as root beside it: "
                "set process.user to that user, make the users of gateway.user, authd.user and "
                "so on, or chown -R root %s while nothing runs",
                place, entry->d_name, (unsigned)is.st_uid, place);
            rc = -1;
        }
    if (dir)
        closedir(dir);
    return rc;
}

int kinds_check_root(const conf_t *conf, char *err, size_t err_size)
{
    setting_t lacking = kinds_lacking(conf);
    if (geteuid() != 0 || *conf_text(conf, SET_process_user) || lacking == SETTING_COUNT)
        return 0;
    if (s_some_are_there(conf)) {
        const setting_row_t *row = &setting_table[lacking];
        snprintf(
            err, err_size,
            "%s.%s: there is no '%s', and other kinds of processes have their users: make it, or "
            "set process.user, which is one user for all",
            row->section, row->key, conf_text(conf, lacking));
        return -1;
    }
    int rc = s_check_directories(conf_text(conf, SET_data_directory), err, err_size);
    return rc ? rc : s_check_directories(conf_text(conf, SET_data_sockets), err, err_size);
}
