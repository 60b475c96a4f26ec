/* posternctl keys: key pairs for CURVE, the allow list and the servers' certificates. */
#include "common/link/keys.h"
#include "common/base/ops.h"
#include "common/life/life.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYS_PATH = PATH_MAX + 320, KEYS_FILE = 1 << 16 };

/* One's own keys: --dir, else "keys" beside the configuration. */
static const char *s_own_directory(ctl_t *ctl, char path[KEYS_PATH])
{
    const char *given = ctl_option(ctl, "--dir");
    snprintf(path, KEYS_PATH, "%s", given ? given : "");
    if (given)
        return path;
    ctl_conf(ctl);
    const char *conf = ctl_conf_path(ctl);
    const char *slash = strrchr(conf, '/');
    snprintf(path, KEYS_PATH, "%.*s/keys", slash ? (int)(slash - conf) : 1, slash ? conf : ".");
    return path;
}

/* What root makes is for processes of other users to read: public certificates; a secret has a mode
 * of its own. */
static void s_make_directory(const char *path)
{
    bool there = access(path, F_OK) == 0;
    life_make_dir(path);
    int fd =
        there || geteuid() != 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fchmod(fd, 0755) != 0)
        fprintf(stderr, "posternctl: %s: %s\n", path, strerror(errno));
    close(fd);
}

static int s_show(ctl_t *ctl, const key_file_t *key, const char *path, const char *next)
{
    if (ctl_json(ctl))
        return ctl_show(ctl,
                        json_pack("{s:s, s:s, s:s, s:o}", "name", key->name, "roles", key->roles,
                                  "public_key", key->text, "file", table_string(path)));
    printf("%s: %s, for %s\n%s\n", path, key->text, key->roles, next);
    return CTL_OK;
}

int keys_new_run(ctl_t *ctl)
{
    char directory[KEYS_PATH], path[KEYS_PATH + KEY_NAME + 8], err[512];
    const char *name = ctl_argument(ctl, 0), *roles = ctl_option(ctl, "--role");
    key_file_t key;
    if (!roles || key_roles(roles) == 0 || strlen(roles) >= KEY_ROLES) {
        char kinds[256];
        op_owner_list("", " or ", kinds, sizeof kinds);
        ctl_error(
            ctl, "usage",
            "--role takes gateway, authd, router, worker, %s; several are separated by commas",
            kinds);
        return CTL_USAGE;
    }
    if (!key_name_is_good(name)) {
        ctl_error(ctl, "usage", "a key's name is 1 to %d of a-z, 0-9, '.' and '-', not '%s'",
                  KEY_NAME - 1, name);
        return CTL_USAGE;
    }
    s_make_directory(s_own_directory(ctl, directory));
    snprintf(path, sizeof path, "%s/%s.pub", directory, name);
    if (key_make(directory, name, roles, err, sizeof err) != 0 ||
        key_read(path, &key, err, sizeof err) != 0) {
        ctl_error(ctl, "failed", "%s", err);
        return CTL_REFUSED;
    }
    char next[KEYS_PATH + 512];
    snprintf(next, sizeof next,
             "The secret is in %s/%s.secret and stays on its host: curve.secret names it.\n"
             "Next, on each host that it connects to: posternctl keys allow %s.pub\n"
             "and, where it is a server's, on each host that connects to it: posternctl keys trust "
             "%s.pub",
             directory, name, name, name);
    return s_show(ctl, &key, path, next);
}

/* Reads FILE, which must be a public certificate; false after the error was shown. */
static bool s_read_public(ctl_t *ctl, const char *file, key_file_t *key)
{
    char err[512];
    if (key_read(file, key, err, sizeof err) != 0) {
        ctl_error(ctl, "failed", "%s", err);
        return false;
    }
    if (key->secret)
        ctl_error(ctl, "failed",
                  "%s holds a secret key, which never leaves its host: use the .pub file beside it",
                  file);
    return !key->secret;
}

static int s_write(int fd, const char *text, size_t len)
{
    ssize_t put = write(fd, text, len);
    if (put >= 0 && (size_t)put < len)
        errno = ENOSPC;
    return put == (ssize_t)len ? fsync(fd) : -1;
}

/* A running process reads the directory at any time: the file comes whole, by rename. */
static int s_install(ctl_t *ctl, const char *file, const char *directory, const char *to)
{
    char temporary[KEYS_PATH];
    size_t len = 0;
    s_make_directory(directory);
    snprintf(temporary, sizeof temporary, "%s/.new", directory);
    unlink(temporary);
    char *text = credential_read_file(file, KEYS_FILE, &len);
    int fd = text ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    int rc = fd < 0 ? -1 : s_write(fd, text, len);
    if (rc == 0)
        rc = rename(temporary, to);
    if (rc != 0)
        ctl_error(ctl, "failed", "cannot write %s: %s", to, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(text);
    return rc;
}

/* Puts FILE into DIRECTORY as NAME.pub. Another key of that name stays unless REPLACE. */
static int s_put(ctl_t *ctl, const char *directory, bool replace, const char *conflict,
                 const char *next)
{
    char to[KEYS_PATH], err[512];
    const char *file = ctl_argument(ctl, 0);
    key_file_t key, old;
    if (!s_read_public(ctl, file, &key))
        return CTL_REFUSED;
    snprintf(to, sizeof to, "%s/%s.pub", directory, key.name);
    bool there = key_read(to, &old, err, sizeof err) == 0;
    if (there && strcmp(old.text, key.text) != 0 && !replace) {
        ctl_error(ctl, "conflict", "%s holds another key of that name: %s", to, conflict);
        return CTL_REFUSED;
    }
    if (s_install(ctl, file, directory, to) != 0)
        return CTL_REFUSED;
    return s_show(ctl, &key, to, next);
}

int keys_allow_run(ctl_t *ctl)
{
    return s_put(ctl, conf_text(ctl_conf(ctl), SET_curve_allowed), false,
                 "both are allowed at once when the new one has a name of its own",
                 "It may connect from now on, without a restart.");
}

int keys_trust_run(ctl_t *ctl)
{
    return s_put(ctl, conf_text(ctl_conf(ctl), SET_curve_servers), ctl_option(ctl, "--replace"),
                 "--replace takes the new one",
                 "Endpoints name it: tcp://host:port@NAME. A running process takes it when the "
                 "server's\nformer key fails.");
}

int keys_revoke_run(ctl_t *ctl)
{
    char path[KEYS_PATH];
    const char *name = ctl_argument(ctl, 0);
    const char *directory = conf_text(ctl_conf(ctl), SET_curve_allowed);
    if (!key_name_is_good(name)) {
        ctl_error(ctl, "usage", "'%s' is no key's name; posternctl keys list shows them", name);
        return CTL_USAGE;
    }
    snprintf(path, sizeof path, "%s/%s.pub", directory, name);
    if (unlink(path) != 0) {
        ctl_error(ctl, errno == ENOENT ? "not_found" : "failed", "cannot remove %s: %s%s", path,
                  strerror(errno), errno == ENOENT ? "; posternctl keys list shows the names" : "");
        return CTL_REFUSED;
    }
    if (ctl_json(ctl))
        return ctl_show(ctl, json_pack("{s:s}", "revoked", name));
    printf("Revoked on this host: its connections are cut within 2 s. Do the same on each other "
           "host\nthat allows it.\n");
    return CTL_OK;
}

typedef struct {
    json_t *rows;
    const char *place;
} list_t;

static void s_add_row(void *arg, const char *path)
{
    const list_t *list = arg;
    char err[512];
    key_file_t key;
    json_t *row =
        key_read(path, &key, err, sizeof err) != 0
            ? json_pack("{s:s, s:o, s:s}", "place", list->place, "file", table_string(path),
                        "roles", "not a certificate")
            : json_pack("{s:s, s:s, s:s, s:s, s:o}", "place", list->place, "name", key.name,
                        "roles", key.roles, "public_key", key.text, "file", table_string(path));
    json_array_append_new(list->rows, row);
}

/* A directory that is not there has no keys. */
static void s_add_rows(json_t *rows, const char *place, const char *directory)
{
    list_t list = {rows, place};
    key_each(directory, s_add_row, &list);
}

int keys_list_run(ctl_t *ctl)
{
    char own[KEYS_PATH];
    json_t *rows = json_array();
    const conf_t *conf = ctl_conf(ctl);
    s_add_rows(rows, "own", s_own_directory(ctl, own));
    s_add_rows(rows, "allowed", conf_text(conf, SET_curve_allowed));
    s_add_rows(rows, "servers", conf_text(conf, SET_curve_servers));
    if (ctl_json(ctl))
        return ctl_show(ctl, json_pack("{s:o}", "keys", rows));
    table_rows(rows, "place name roles public_key");
    json_decref(rows);
    return CTL_OK;
}
