#include "common/life/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MOST = 16, HOLD = O_PATH | O_NOFOLLOW | O_CLOEXEC };

typedef struct {
    int at;         /* where the walk is (O_PATH) */
    struct stat is; /* of that */
    bool make;      /* makes the directories that are missing */
    bool roots;     /* nobody but root can write the directories that the walk came through */
    bool sticky;    /* the last one of them is such that anybody can make files in it */
    unsigned links; /* followed so far */
    const path_trust_t *trust; /* of path_check, else NULL */
    size_t len;                /* of the part of the path that the next step is at the end of */
    const char *path;          /* the whole of it, for the reason */
    char *err;
    size_t err_size;
} walk_t;

static int s_refuse(const walk_t *self, int error, const char *name, const char *what)
{
    snprintf(self->err, self->err_size, "%s%s%s: %s", self->path, *name ? ", at " : "", name, what);
    errno = error;
    return -1;
}

static int s_fail(const walk_t *self)
{
    return s_refuse(self, errno, "", strerror(errno));
}

/* Whether nobody but root and OTHER can rename, remove or exchange what is in a directory. */
static bool s_is_private(const struct stat *is, uid_t other)
{
    return (is->st_uid == 0 || is->st_uid == other) &&
           ((is->st_mode & 022) == 0 || (is->st_mode & S_ISVTX));
}

/* Whether the directory is on the way to the base, which no link has left. */
static bool s_is_above_base(const walk_t *self)
{
    const char *base = self->trust->base;
    return self->links == 0 && strncmp(base, self->path, self->len) == 0 &&
           (self->len <= 1 || base[self->len] == '/' || base[self->len] == '\0');
}

/* Of path_check: whether somebody else has the directory where the walk is, or may write it. */
static int s_check(const walk_t *self, const char *name)
{
    char what[160];
    uid_t owner = self->is.st_uid;
    if (!self->trust)
        return 0;
    if (owner != 0 && owner != geteuid() && owner != self->trust->user && !s_is_above_base(self)) {
        snprintf(what, sizeof what,
                 "belongs to user %u, who could exchange what is in it: chown it to root, or name "
                 "another directory",
                 (unsigned)owner);
        return s_refuse(self, EACCES, name, what);
    }
    if ((self->is.st_mode & 022) == 0 || (self->is.st_mode & S_ISVTX))
        return 0;
    snprintf(
        what, sizeof what,
        "others can write this directory (mode %04o), and exchange what is in it: chmod go-w it",
        (unsigned)self->is.st_mode & 07777);
    return s_refuse(self, EACCES, name, what);
}

static int s_begin(walk_t *self, const char *path)
{
    if (self->at >= 0)
        close(self->at);
    self->at = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self->at < 0 || fstat(self->at, &self->is) != 0)
        return s_fail(self);
    self->len = *path == '/';
    return s_check(self, *path == '/' ? "/" : ".");
}

/* FD is at NAME, below where the walk is. */
static int s_enter(walk_t *self, int fd, const struct stat *is, const char *name)
{
    self->roots = self->roots && s_is_private(&self->is, 0);
    self->sticky = (self->is.st_mode & 022) != 0;
    close(self->at);
    self->at = fd;
    self->is = *is;
    return s_check(self, name);
}

static int s_walk(walk_t *self, const char *path);

static int s_follow(walk_t *self, int link, const struct stat *is, const char *name)
{
    char text[PATH_MAX];
    uid_t self_uid = geteuid();
    bool ours = (is->st_uid == 0 || is->st_uid == self_uid) && s_is_private(&self->is, self_uid);
    ssize_t len = readlinkat(link, "", text, sizeof text - 1);
    close(link);
    if (!ours)
        return s_refuse(self, ELOOP, name,
                        "a symbolic link that another user could have made: remove it, or name in "
                        "the configuration where it leads");
    if (len < 0 || ++self->links > LINKS_MOST)
        return s_refuse(self, ELOOP, name, "too many symbolic links");
    text[len] = '\0';
    if (*text == '/' && s_begin(self, text) != 0)
        return -1;
    return s_walk(self, text);
}

static int s_step(walk_t *self, const char *name)
{
    struct stat is;
    int fd = openat(self->at, name, HOLD);
    if (fd < 0 && errno == ENOENT && self->make && mkdirat(self->at, name, 0755) == 0)
        fd = openat(self->at, name, HOLD);
    if (fd < 0)
        return s_fail(self);
    if (fstat(fd, &is) != 0) {
        close(fd);
        return s_fail(self);
    }
    return S_ISLNK(is.st_mode) ? s_follow(self, fd, &is, name) : s_enter(self, fd, &is, name);
}

/* Goes on from where it is, to the end of PATH. */
static int s_walk(walk_t *self, const char *path)
{
    const char *start = path;
    char name[NAME_MAX + 1];
    while (path += strspn(path, "/"), *path) {
        size_t len = strcspn(path, "/");
        if (len > NAME_MAX)
            return s_refuse(self, ENAMETOOLONG, "", strerror(ENAMETOOLONG));
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
        if (self->links == 0)
            self->len = (size_t)(path - start);
        if (s_step(self, name) != 0)
            return -1;
    }
    return 0;
}

static int s_go(walk_t *self, const char *path)
{
    self->at = -1;
    self->roots = true;
    if (s_begin(self, path) == 0 && s_walk(self, path) == 0)
        return 0;
    int error = errno;
    if (self->at >= 0)
        close(self->at);
    errno = error;
    return -1;
}

static int s_parent(walk_t *self, const char *path, const char **name)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (**name == '\0' || strcmp(*name, "..") == 0 || strcmp(*name, ".") == 0 ||
        (size_t)(*name - path) >= sizeof parent)
        return s_refuse(self, EINVAL, "", "not a path that ends in a name");
    snprintf(parent, sizeof parent, "%.*s", (int)(*name - path), path);
    return s_go(self, parent);
}

int path_parent(const char *path, const char **name, char *err, size_t err_size)
{
    walk_t self = {.path = path, .err = err, .err_size = err_size};
    return s_parent(&self, path, name) == 0 ? self.at : -1;
}

int path_directory(const char *path, char *err, size_t err_size)
{
    walk_t self = {.path = path, .err = err, .err_size = err_size};
    if (s_go(&self, path) != 0)
        return -1;
    if (S_ISDIR(self.is.st_mode))
        return self.at;
    close(self.at);
    return s_refuse(&self, ENOTDIR, "", strerror(ENOTDIR));
}

static int s_check_file(const walk_t *self, int fd)
{
    struct stat is;
    if (fstat(fd, &is) != 0)
        return s_fail(self);
    if (!S_ISREG(is.st_mode))
        return s_refuse(self, EINVAL, "", "not a file: remove it");
    if (is.st_nlink > 1)
        return s_refuse(self, EMLINK, "",
                        "has another name, which another user could have chosen: remove it");
    return 0;
}

int path_open(const char *path, int flags, mode_t mode, char *err, size_t err_size)
{
    walk_t self = {.path = path, .err = err, .err_size = err_size};
    const char *name;
    if (s_parent(&self, path, &name) != 0)
        return -1;
    /* Not O_TRUNC: nothing is changed before it was looked at. */
    int fd = openat(self.at, name,
                    (flags & ~O_TRUNC) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
    int rc = 0;
    if (fd < 0 && errno == ELOOP)
        rc = s_refuse(&self, ELOOP, "", "a symbolic link: remove it");
    else if (fd < 0)
        rc = s_fail(&self);
    else
        rc = s_check_file(&self, fd);
    if (rc == 0 && (flags & O_TRUNC) && ftruncate(fd, 0) != 0)
        rc = s_fail(&self);
    int error = errno;
    close(self.at);
    if (rc != 0 && fd >= 0)
        close(fd);
    errno = error;
    return rc == 0 ? fd : -1;
}

int path_make(const char *path, char *err, size_t err_size)
{
    walk_t self = {.path = path, .make = true, .err = err, .err_size = err_size};
    char parent[PATH_MAX];
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t name = len;
    while (name > 0 && path[name - 1] != '/')
        name--;
    if (len >= sizeof parent)
        return s_refuse(&self, ENAMETOOLONG, "", strerror(ENAMETOOLONG));
    snprintf(parent, sizeof parent, "%.*s", (int)name, path);
    if (s_go(&self, parent) != 0)
        return -1;
    snprintf(parent, sizeof parent, "%.*s", (int)(len - name), path + name);
    struct stat above = self.is;
    bool made = *parent != '\0' && mkdirat(self.at, parent, 0700) == 0;
    int rc = made || *parent == '\0' || errno == EEXIST ? s_walk(&self, parent) : s_fail(&self);
    /* What root makes in somebody's directory is for him. */
    if (rc == 0 && made && geteuid() == 0 && above.st_uid != 0 && S_ISDIR(self.is.st_mode))
        rc = fchownat(self.at, "", above.st_uid, above.st_gid, AT_EMPTY_PATH) == 0 ? 0
                                                                                   : s_fail(&self);
    if (rc == 0 && !S_ISDIR(self.is.st_mode))
        rc = s_refuse(&self, ENOTDIR, "", strerror(ENOTDIR));
    int error = errno;
    if (rc != 0)
        close(self.at);
    errno = error;
    return rc == 0 ? self.at : -1;
}

/* Why root must not give away what the walk has come to; NULL when it may. */
static const char *s_objection(const walk_t *self)
{
    bool file = S_ISREG(self->is.st_mode);
    if (self->is.st_uid != 0)
        return "belongs to another user: give it by hand (chown), or name another in the "
               "configuration";
    if (!file && !S_ISDIR(self->is.st_mode))
        return "neither a directory nor a file: remove it";
    if (!self->roots || (file && self->sticky))
        return "root's, in a directory that others can write, who may have put it there: look at "
               "it, "
               "and give it by hand (chown)";
    return file && self->is.st_nlink > 1
               ? "has another name: look at it, and give it by hand (chown)"
               : NULL;
}

int path_give(const char *path, uid_t uid, gid_t gid, char *err, size_t err_size)
{
    walk_t self = {.path = path, .err = err, .err_size = err_size};
    if (s_go(&self, path) != 0)
        return errno == ENOENT ? 0 : -1;
    const char *objection = self.is.st_uid == uid ? NULL : s_objection(&self);
    int rc = 0;
    if (objection)
        rc = s_refuse(&self, EPERM, "", objection);
    else if (self.is.st_uid != uid && fchownat(self.at, "", uid, gid, AT_EMPTY_PATH) != 0)
        rc = s_fail(&self);
    int error = errno;
    close(self.at);
    errno = error;
    return rc;
}

int path_check(const char *directory, const path_trust_t *trust, char *err, size_t err_size)
{
    walk_t self = {.path = directory, .trust = trust, .err = err, .err_size = err_size};
    if (s_go(&self, directory) != 0)
        return errno == ENOENT ? 0 : -1;
    int rc = 0;
    if (!S_ISDIR(self.is.st_mode))
        rc = s_refuse(&self, ENOTDIR, "", strerror(ENOTDIR));
    else if (self.is.st_mode & 022)
        rc = s_refuse(&self, EACCES, "",
                      "others can make files in this directory: chmod go-w it, or name another");
    close(self.at);
    return rc;
}
