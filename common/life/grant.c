#include "common/life/grant.h"

#include "common/life/path.h"
#include "common/life/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum { MAKE_DIRECTORY, MAKE_TREE, MAKE_FILE, MAKE_NOTHING } make_t;

static int s_keep_errno(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* EPERM: it is somebody else's; EMLINK: neither a directory nor a file with one name. */
static int s_open(int parent, const char *name, const grant_t *to, struct stat *is)
{
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, is) != 0)
        return s_keep_errno(fd);
    bool known = is->st_uid == 0 || is->st_uid == to->user || is->st_uid == to->former ||
                 to->former == GRANT_ANYBODY;
    errno = !known ? EPERM : EMLINK;
    if (!known || (!S_ISDIR(is->st_mode) && (!S_ISREG(is->st_mode) || is->st_nlink > 1)))
        return s_keep_errno(fd);
    return fd;
}

/* The owner first: a change of owner may take bits of the mode away. */
static int s_own(int fd, const struct stat *is, const grant_t *to, mode_t mode)
{
    int rc = 0;
    if (geteuid() == 0 && (is->st_uid != to->user || is->st_gid != to->group))
        rc = fchown(fd, to->user, to->group);
    return rc ? rc : fchmod(fd, mode);
}

/* Takes the descriptor of a directory. A process that is there may remove a file meanwhile: that is
 * nobody's to be given. */
static int s_below(int fd, const grant_t *to)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int rc = dir ? 0 : -1;
    while (rc == 0 && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            (rc = grant_below(dirfd(dir), entry->d_name, to)) != 0 && errno == ENOENT)
            rc = 0;
    int error = errno;
    if (dir)
        closedir(dir);
    else
        close(fd);
    errno = error;
    return rc;
}

int grant_below(int parent, const char *name, const grant_t *to)
{
    struct stat is;
    int fd = s_open(parent, name, to, &is);
    if (fd < 0)
        return -1;
    bool directory = S_ISDIR(is.st_mode);
    if (s_own(fd, &is, to, directory ? 0700 : 0600) != 0)
        return s_keep_errno(fd);
    if (directory)
        return s_below(fd, to);
    close(fd);
    return 0;
}

/* Only then does nobody else make names in it any more. Takes the descriptor. */
static int s_emptied(int fd, const struct stat *was, const grant_t *to)
{
    if (to->emptied && was->st_uid != 0 && was->st_uid != to->user)
        return remove_below(fd);
    close(fd);
    return 0;
}

static int s_one(int parent, const char *name, const grant_t *to, bool directory)
{
    struct stat is;
    int fd = s_open(parent, name, to, &is);
    if (fd < 0)
        return -1;
    errno = directory ? ENOTDIR : EISDIR;
    if (S_ISDIR(is.st_mode) != directory || s_own(fd, &is, to, directory ? to->mode : 0600) != 0)
        return s_keep_errno(fd);
    return s_emptied(fd, &is, to);
}

static int s_make(int parent, const char *name, make_t make)
{
    if (make == MAKE_NOTHING)
        return 0;
    if (make != MAKE_FILE)
        return mkdirat(parent, name, 0700) == 0 || errno == EEXIST ? 0 : -1;
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno == EEXIST ? 0 : -1;
}

static int s_say(const char *path, char *err, size_t err_size)
{
    int error = errno;
    const char *what = strerror(error);
    if (error == EPERM)
        what = "belongs to another user (or something in it does): chown -R root it while nothing "
               "runs, and start again";
    else if (error == EMLINK)
        what = "has another name or is neither a file nor a directory (or something in it): look "
               "at it, and remove that";
    else if (error == EAGAIN)
        what = "a process holds a lease on it (or on something in it): end what else uses it, and "
               "start again";
    else if (error == ELOOP)
        what = "a symbolic link: remove it, or name in the configuration where it leads";
    snprintf(err, err_size, "%s: %s", path, what);
    errno = error;
    return -1;
}

/* Whether nobody but root chooses what has a name in the directory of NAME, the end of PATH. */
static int s_check(const char *path, const char *name, char *err, size_t err_size)
{
    char parent[PATH_MAX];
    path_trust_t root = {.user = 0, .base = ""};
    snprintf(parent, sizeof parent, "%.*s", (int)(name - path), path);
    return path_check(*parent ? parent : ".", &root, err, err_size);
}

static int s_grant(const char *path, const grant_t *to, make_t make, char *err, size_t err_size)
{
    const char *name;
    int parent = path_parent(path, &name, err, err_size);
    if (parent < 0)
        return -1;
    if (s_check(path, name, err, err_size) != 0)
        return s_keep_errno(parent);
    int rc = s_make(parent, name, make);
    if (rc == 0 && make == MAKE_TREE)
        rc = grant_below(parent, name, to);
    else if (rc == 0)
        rc = s_one(parent, name, to, make == MAKE_DIRECTORY);
    if (rc != 0 && make == MAKE_NOTHING && errno == ENOENT)
        rc = 0;
    if (rc != 0)
        s_say(path, err, err_size);
    if (rc != 0)
        return s_keep_errno(parent);
    close(parent);
    return 0;
}

int grant_directory(const char *path, const grant_t *to, char *err, size_t err_size)
{
    return s_grant(path, to, MAKE_DIRECTORY, err, err_size);
}

int grant_tree(const char *path, const grant_t *to, char *err, size_t err_size)
{
    return s_grant(path, to, MAKE_TREE, err, err_size);
}

int grant_file(const char *path, const grant_t *to, char *err, size_t err_size)
{
    return s_grant(path, to, MAKE_FILE, err, err_size);
}

int grant_found(const char *path, const grant_t *to, char *err, size_t err_size)
{
    return s_grant(path, to, MAKE_NOTHING, err, err_size);
}
