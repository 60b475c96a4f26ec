#include "ctl/kept.h"

#include "common/base/secret.h"
#include "ctl/credential.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 4096, URL_MOST = 1024 };

/* One spelling for what is one place: scheme and host in lower case, no slash at the end. */
static bool s_url(const char *url, char text[URL_MOST])
{
    const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
    size_t len = strlen(url), names = (size_t)(host - url) + strcspn(host, "/");
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (len == 0 || len >= URL_MOST)
        return false;
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(i < names ? tolower((unsigned char)url[i]) : url[i]);
    text[len] = '\0';
    return true;
}

/* The URL as the name of a file: no two of them have the same. */
static bool s_name(const char *url, char *name, size_t size)
{
    size_t at = 0;
    for (; *url && at + 4 < size; url++) {
        bool plain = isalnum((unsigned char)*url) || *url == '-' || *url == '.';
        at += (size_t)snprintf(name + at, size - at, plain ? "%c" : "%%%02x", (unsigned char)*url);
    }
    return *url == '\0';
}

/* As the XDG Base Directory Specification has it: what is not absolute does not count. */
static bool s_directory(char *path, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int len = -1;
    if (config && *config == '/')
        len = snprintf(path, size, "%s/postern/sessions", config);
    else if (home && *home == '/')
        len = snprintf(path, size, "%s/.config/postern/sessions", home);
    return len > 0 && (size_t)len < size;
}

const char *kept_path(ctl_t *ctl, const char *url)
{
    static char path[PATH_MAX];
    char directory[PATH_MAX - NAME_MAX], text[URL_MOST], name[NAME_MAX - sizeof ".json.new"];
    const char *given = ctl_option(ctl, "--session-file");
    if (given)
        return given;
    if (!s_directory(directory, sizeof directory) || !s_url(url, text) ||
        !s_name(text, name, sizeof name))
        return NULL;
    snprintf(path, sizeof path, "%s/%s.json", directory, name);
    return path;
}

/* An open file that is safe to read; -1 with errno, EPERM when others may read it. */
static int s_open(const char *path)
{
    struct stat is;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && (is.st_mode & 077) == 0 &&
        is.st_uid == geteuid())
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

/* The object in the file; NULL with errno, EINVAL where it holds none. */
static json_t *s_load(const char *path)
{
    char text[FILE_MOST];
    int fd = s_open(path);
    if (fd < 0)
        return NULL;
    ssize_t len = read(fd, text, sizeof text);
    close(fd);
    json_t *object = len > 0 ? json_loadb(text, (size_t)len, 0, NULL) : NULL;
    secret_wipe(text, sizeof text);
    if (json_is_string(json_object_get(object, "url")) &&
        json_is_string(json_object_get(object, "session")))
        return object;
    json_decref(object);
    errno = EINVAL;
    return NULL;
}

static kept_t s_unreadable(ctl_t *ctl, const char *path)
{
    if (errno == ENOENT && !ctl_option(ctl, "--session-file"))
        return KEPT_NONE;
    if (errno == EPERM)
        ctl_error(ctl, "failed", "%s: others may read it, or it is not yours: chmod 600 it", path);
    else if (errno == EINVAL)
        ctl_error(ctl, "failed", "%s: is no session that posternctl login --save has kept", path);
    else
        ctl_error(ctl, "failed", "cannot read %s: %s", path, strerror(errno));
    return KEPT_REFUSED;
}

kept_t kept_read(ctl_t *ctl, const char *url, char **session)
{
    char text[URL_MOST];
    kept_t kept = KEPT_READ;
    const char *path = kept_path(ctl, url);
    if (!path)
        return KEPT_NONE;
    json_t *object = s_load(path);
    if (!object)
        return s_unreadable(ctl, path);
    const char *of = json_string_value(json_object_get(object, "url"));
    if (s_url(url, text) && strcmp(text, of) == 0) {
        *session = strdup(json_string_value(json_object_get(object, "session")));
    } else {
        ctl_error(ctl, "failed", "%s: is a session of %s, and is not sent to %s", path, of, url);
        kept = KEPT_REFUSED;
    }
    json_decref(object);
    return kept;
}

/* Each directory above PATH that is not there, for its owner only. */
static int s_make_directories(char *path)
{
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        int rc = mkdir(path, 0700);
        *at = '/';
        if (rc != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* The whole file or none, and for its owner only from its first moment. */
static int s_write(const char *path, const char *text)
{
    char new[PATH_MAX];
    size_t len = strlen(text);
    if ((size_t)snprintf(new, sizeof new, "%s.new", path) >= sizeof new) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (s_make_directories(new) != 0)
        return -1;
    unlink(new);
    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool written = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    written = close(fd) == 0 && written && rename(new, path) == 0;
    if (!written)
        unlink(new);
    return written ? 0 : -1;
}

int kept_save(ctl_t *ctl, const char *url, json_t *reply)
{
    char of[URL_MOST];
    const char *path = kept_path(ctl, url);
    if (!path || !s_url(url, of)) {
        ctl_error(ctl, "failed",
                  "there is no place to keep the session: set $HOME, or name --session-file");
        return -1;
    }
    json_t *object = json_pack("{s:s, s:O, s:O}", "url", of, "id", json_object_get(reply, "id"),
                               "session", json_object_get(reply, "session"));
    char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    int rc = text ? s_write(path, text) : -1;
    if (rc != 0)
        ctl_error(ctl, "failed", "cannot keep the session in %s: %s", path, strerror(errno));
    credential_free(&text);
    json_object_del(reply, "session");
    json_object_del(reply, "csrf");
    return rc;
}

void kept_forget(ctl_t *ctl, const char *url, const char *session)
{
    const char *path = kept_path(ctl, url);
    json_t *object = path ? s_load(path) : NULL;
    const char *kept = json_string_value(json_object_get(object, "session"));
    if (kept && strcmp(kept, session) == 0)
        unlink(path);
    json_decref(object);
}
