#include "ctl/notice.h"

#include "common/life/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int s_open(const char *dir, int flags, char *err, size_t err_size)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/up.json", dir);
    return path_open(path, flags, 0600, err, err_size);
}

static json_t *s_load(int fd)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return NULL;
    json_t *content = json_loadfd(fd, 0, NULL);
    if (!json_is_object(content)) {
        json_decref(content);
        return NULL;
    }
    return content;
}

/* A reader holds a shared lock for an instant: that is no reason to give up. */
static int s_lock(int fd)
{
    for (int tries = 0;; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK || tries == 10)
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

int notice_hang(const char *dir, const json_t *content, long *holder, char *err, size_t err_size)
{
    int fd = s_open(dir, O_RDWR | O_CREAT, err, err_size);
    if (fd < 0)
        return -2;
    if (s_lock(fd) != 0) {
        json_t *other = s_load(fd);
        *holder = (long)json_integer_value(json_object_get(other, "pid"));
        json_decref(other);
        close(fd);
        return -1;
    }
    /* The descriptor stays open: it carries the lock. */
    if (ftruncate(fd, 0) == 0 && json_dumpfd(content, fd, JSON_COMPACT) == 0)
        return 0;
    snprintf(err, err_size, "cannot write to %s: %s", dir, strerror(errno));
    return -2;
}

json_t *notice_read(const char *dir)
{
    char err[PATH_ERROR];
    int fd = s_open(dir, O_RDONLY, err, sizeof err);
    if (fd < 0)
        return NULL;
    json_t *content = NULL;
    if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        content = s_load(fd);
    close(fd);
    return content;
}
