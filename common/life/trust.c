#include "common/life/trust.h"

#include "common/life/hop.h"
#include "common/life/kinds.h"
#include "common/life/path.h"

#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uid_t s_user(const conf_t *conf)
{
    struct stat is;
    uid_t self = geteuid();
    if (self != 0)
        return self;
    const char *name = conf_text(conf, SET_process_user);
    char text[1024];
    struct passwd entry, *found = NULL;
    if (*name)
        return getpwnam_r(name, &entry, text, sizeof text, &found) == 0 && found ? found->pw_uid
                                                                                 : self;
    return stat(conf_text(conf, SET_data_directory), &is) == 0 ? is.st_uid : self;
}

static int s_check(const conf_t *conf, uid_t user, const char *directory, char *err,
                   size_t err_size)
{
    path_trust_t trust = {.user = user, .base = conf ? conf_base(conf) : ""};
    return path_check(directory, &trust, err, err_size);
}

int trust_check(const conf_t *conf, const char *directory, char *err, size_t err_size)
{
    return s_check(conf, conf ? s_user(conf) : geteuid(), directory, err, err_size);
}

int trust_endpoint(const conf_t *conf, const char *endpoint, const char *binder, char *err,
                   size_t err_size)
{
    char directory[PATH_MAX], address[HOP_PATH];
    kinds_user_t user;
    if (strncmp(endpoint, "ipc:///", 7) != 0)
        return 0;
    bool own = hop_address(endpoint, address);
    snprintf(directory, sizeof directory, "%s", address + 6);
    char *slash = strrchr(directory, '/');
    slash[slash == directory] = '\0';
    if (own && conf && binder && kinds_user(conf, binder, &user) == 0)
        return s_check(conf, user.user, directory, err, err_size);
    return trust_check(conf, directory, err, err_size);
}
