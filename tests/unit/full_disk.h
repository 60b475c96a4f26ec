/* A disk that can be full: what the store and the write-ahead file write with. */
#ifndef POSTERN_FULL_DISK_H
#define POSTERN_FULL_DISK_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The disk takes nothing while this is set, or that many bytes of what it refuses. */
static atomic_bool s_disk_full;
static atomic_size_t s_disk_left;

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    if (!s_disk_full)
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
