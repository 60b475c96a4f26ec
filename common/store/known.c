#include "common/store/known.h"

#include "common/log/log.h"
#include "common/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = UUID_TEXT }; /* the UUID and a line feed, which takes the place of the 0 */

/* 1, 0 when there is none, or -1 with the reason in err. */
static int s_read(const char *place, const char *store, uuid_t7 *uuid, char *err, size_t err_size)
{
    char path[PATH_MAX], text[LINE + 1];
    snprintf(path, sizeof path, "%s/%s", place, store);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (len == 0) /* prepared for us (prepare.h) */
        return 0;
    if (len == LINE && text[LINE - 1] == '\n' && uuid_parse(text, LINE - 1, uuid) == 0)
        return 1;
    snprintf(err, err_size, "%s: %s: when the right %s is in its place, posternctl forget %s", path,
             len < 0 ? strerror(why) : "does not hold a UUID", store, store);
    return -1;
}

int known_check(const char *place, const char *store, const char *path, char *err, size_t err_size)
{
    char file[PATH_MAX];
    struct stat is;
    uuid_t7 uuid;
    int known = s_read(place, store, &uuid, err, err_size);
    snprintf(file, sizeof file, "%s/data.mdb", path);
    if (known <= 0 || (stat(file, &is) == 0 && is.st_size > 0))
        return known < 0 ? -1 : 0;
    snprintf(
        err, err_size,
        "%s is missing: mount its disk or restore a backup; posternctl forget %s gives up what "
        "it held. Known by %s/%s",
        file, store, place, store);
    return -1;
}

static int s_put(int fd, const char text[UUID_TEXT])
{
    bool good = write(fd, text, LINE) == LINE && fsync(fd) == 0;
    int why = errno;
    close(fd);
    errno = why;
    return good ? 0 : -1;
}

/* Where the directory is root's, which made an empty file for us. */
static int s_fill(const char *path, const char text[UUID_TEXT])
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -1 : s_put(fd, text);
}

/* Whole or not at all, and durable. */
static int s_write(const char *place, const char *store, const uuid_t7 *uuid)
{
    char path[PATH_MAX], made[PATH_MAX + 8], text[UUID_TEXT];
    snprintf(path, sizeof path, "%s/%s", place, store);
    snprintf(made, sizeof made, "%s.new", path);
    uuid_text(uuid, text);
    text[LINE - 1] = '\n';
    unlink(made);
    int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EACCES ? s_fill(path, text) : -1;
    if (s_put(fd, text) == 0 && rename(made, path) == 0)
        return store_sync_directory(place);
    int why = errno;
    unlink(made);
    errno = why;
    return -1;
}

int known_note(const char *place, const char *store, const char *path, const uuid_t7 *uuid,
               char *err, size_t err_size)
{
    char text[UUID_TEXT], other[UUID_TEXT];
    uuid_t7 is;
    int known = s_read(place, store, &is, err, err_size);
    if (known < 0)
        return -1;
    if (known == 0 && s_write(place, store, uuid) != 0)
        log_warn("store.unknown", "path=%s err=%s", LOG_Q(place),
                 LOG_Q("cannot be written: a disk that is not mounted will not be noticed; make "
                       "the directory for this user, or set data.known"));
    if (known == 0 || uuid_eq(&is, uuid))
        return 0;
    uuid_text(uuid, text);
    uuid_text(&is, other);
    snprintf(err, err_size,
             "%s: another %s than this host's: put the right one there; posternctl forget %s takes "
             "this one. It is %s, known is %s",
             path, store, store, text, other);
    return -1;
}

int known_forget(const char *place, const char *store)
{
    int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return errno == ENOENT ? 0 : -1;
    int rc = unlinkat(dir, store, 0) == 0 ? 1 : errno == ENOENT ? 0 : -1;
    int why = errno;
    if (rc == 1 && fsync(dir) != 0) {
        rc = -1;
        why = errno;
    }
    close(dir);
    errno = why;
    return rc;
}
