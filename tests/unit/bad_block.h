/* A disk with a bad block: what reaches it is not read. */
#ifndef POSTERN_BAD_BLOCK_H
#define POSTERN_BAD_BLOCK_H

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { NO_BAD_BLOCK = -1 };
static off_t s_bad_at = NO_BAD_BLOCK; /* of each file that is read by pread */

ssize_t pread(int fd, void *to, size_t len, off_t at)
{
    if (s_bad_at < 0 || s_bad_at < at || s_bad_at >= at + (off_t)len)
        return syscall(SYS_pread64, fd, to, len, at);
    errno = EIO;
    return -1;
}

#endif
