/* A disk that can be full: what the store and the write-ahead file write with. */
#ifndef POSTERN_FULL_DISK_H
#define POSTERN_FULL_DISK_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The disk takes nothing while this is set, or that many bytes of what it refuses. */
static atomic_bool s_disk_full;
static atomic_size_t s_disk_left;

/* LMDB's two pages of its head, which the file has from its begin on: a disk that is full takes
 * what is written in place. One that fills up between a commit's pages and its head would leave
 * open which of them counts. */
static bool s_is_head(int fd, off_t at)
{
    enum { HEAD = 2 * 4096 };
    static const char name[] = "/data.mdb";
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = at < HEAD ? readlink(link, path, sizeof path) : -1;
    size_t tail = sizeof name - 1;
    return len >= (ssize_t)tail && memcmp(path + len - tail, name, tail) == 0;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    if (!s_disk_full || s_is_head(fd, at))
        return syscall(SYS_pwrite64, fd, data, len, at);
    if (s_disk_left > 0)
        syscall(SYS_pwrite64, fd, data, s_disk_left, at);
    errno = ENOSPC;
    return -1;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (!s_disk_full)
        return syscall(SYS_writev, fd, parts, count);
    errno = ENOSPC;
    return -1;
}

#endif
