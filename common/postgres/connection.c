#include "common/postgres/connection.h"

#include "common/base/hex.h"
#include "common/life/path.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_BYTES = 24 };

static int s_say(const char *path, const char *what, char *err, size_t err_size)
{
    if (*path)
        snprintf(err, err_size, "the connection file %s: %s", path, what);
    else
        snprintf(err, err_size, "postgres.connection names no file: %s", what);
    return -1;
}

/* WHY has the path already (path.h). */
static int s_say_open(const char *why, char *err, size_t err_size)
{
    snprintf(err, err_size, "the connection file %s", why);
    return -1;
}

static int s_check_file(int fd, const char *path, char *err, size_t err_size)
{
    struct stat is;
    if (fstat(fd, &is) != 0)
        return s_say(path, strerror(errno), err, err_size);
    if (is.st_mode & 077)
        return s_say(path, "others than its owner may read it: chmod 600", err, err_size);
    return is.st_size < CONNECTION_BYTES ? 0 : s_say(path, "is too long", err, err_size);
}

/* White space at both ends goes. */
static char *s_trimmed(char *text)
{
    static const char blank[] = " \t\r\n";
    size_t from = strspn(text, blank), len = strlen(text);
    while (len > from && strchr(blank, text[len - 1]))
        len--;
    text[len] = '\0';
    char *made = strdup(text + from);
    if (!made)
        abort();
    return made;
}

char *connection_read(const char *path, char *err, size_t err_size)
{
    char text[CONNECTION_BYTES + 1], why[PATH_ERROR];
    if (!path || !*path) {
        s_say("", "worker.engine = postgres needs a connection string there", err, err_size);
        return NULL;
    }
    int fd = path_open(path, O_RDONLY, 0, why, sizeof why);
    if (fd < 0) {
        s_say_open(why, err, err_size);
        return NULL;
    }
    bool good = s_check_file(fd, path, err, err_size) == 0;
    ssize_t len = good ? read(fd, text, CONNECTION_BYTES) : -1;
    if (good && len < 0)
        s_say(path, strerror(errno), err, err_size);
    close(fd);
    if (len < 0)
        return NULL;
    text[len] = '\0';
    char *made = s_trimmed(text);
    explicit_bzero(text, sizeof text);
    char *database = connection_value(made, "dbname");
    if (!database) {
        s_say(path, "has no connection string with a dbname: host=… dbname=… user=… password=…",
              err, err_size);
        connection_forget(&made);
    }
    free(database);
    return made;
}

void connection_forget(char **connection_p)
{
    if (*connection_p)
        explicit_bzero(*connection_p, strlen(*connection_p));
    free(*connection_p);
    *connection_p = NULL;
}

char *connection_value(const char *connection, const char *name)
{
    char *reason = NULL, *value = NULL;
    PQconninfoOption *all = PQconninfoParse(connection, &reason);
    for (const PQconninfoOption *one = all; one && one->keyword; one++)
        if (strcmp(one->keyword, name) == 0 && one->val && *one->val)
            value = strdup(one->val);
    PQconninfoFree(all);
    PQfreemem(reason);
    return value;
}

/* As a value of a connection string. */
static void s_write_value(FILE *to, const char *name, const char *value)
{
    fprintf(to, "%s='", name);
    for (; *value; value++)
        fprintf(to, "%s%c", *value == '\'' || *value == '\\' ? "\\" : "", *value);
    fputs("' ", to);
}

/* All of the administrator's that is no name, no password, and no certificate of its own. */
static void s_write(FILE *to, const char *role, const char *admin)
{
    static const char *const kept[] = {"host",    "hostaddr",    "port",   "dbname",
                                       "sslmode", "sslrootcert", "sslcrl", "channel_binding"};
    unsigned char drawn[PASSWORD_BYTES];
    char password[2 * PASSWORD_BYTES + 1];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        char *value = connection_value(admin, kept[i]);
        if (value)
            s_write_value(to, kept[i], value);
        free(value);
    }
    if (getrandom(drawn, sizeof drawn, 0) != sizeof drawn)
        abort();
    for (size_t i = 0; i < sizeof drawn; i++) {
        password[2 * i] = HEX_LOWER[drawn[i] >> 4];
        password[2 * i + 1] = HEX_LOWER[drawn[i] & 15];
    }
    password[sizeof password - 1] = '\0';
    s_write_value(to, "user", role);
    s_write_value(to, "password", password);
    fputc('\n', to);
    explicit_bzero(drawn, sizeof drawn);
    explicit_bzero(password, sizeof password);
}

int connection_make(const char *path, const char *role, const char *admin, char *err,
                    size_t err_size)
{
    char why[PATH_ERROR];
    struct stat is;
    if (!*path)
        return s_say("", "set it to a file of its own", err, err_size);
    if (stat(path, &is) == 0 && is.st_size > 0)
        return 0;
    int fd = path_open(path, O_WRONLY | O_CREAT, 0600, why, sizeof why);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to)
        return fd >= 0 ? s_say(path, strerror(errno), err, err_size)
                       : s_say_open(why, err, err_size);
    s_write(to, role, admin);
    bool good = fflush(to) == 0 && fsync(fd) == 0;
    good &= fclose(to) == 0;
    return good ? 1 : s_say(path, strerror(errno), err, err_size);
}

int connection_copy(const char *path, const char *connection, uid_t user, gid_t group, char *err,
                    size_t err_size)
{
    char why[PATH_ERROR];
    struct stat is;
    if (lstat(path, &is) == 0)
        return 0;
    int fd = path_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600, why, sizeof why);
    if (fd < 0)
        return s_say_open(why, err, err_size);
    bool good =
        dprintf(fd, "%s\n", connection) > 0 && fchown(fd, user, group) == 0 && fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (good)
        return 1;
    unlink(path);
    return s_say(path, strerror(error), err, err_size);
}
