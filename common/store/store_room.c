/* Room on the disk: what lacks it, and the blocks of what is written through memory. */
#include "common/store/store_self.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The table of STORE_READERS readers and what stands before it, in whole pages. */
enum {
    READER_BYTES = 64,
    HEAD_BYTES = 4096,
    LOCK_BYTES = HEAD_BYTES + STORE_READERS * READER_BYTES
};

int store_lacks_room(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

bool store_quota_reached(const char *path)
{
    enum { ASKED = 1 << 20 };
    int fd = open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return store_lacks_room(errno);
    bool reached = fallocate(fd, 0, 0, ASKED) != 0 && store_lacks_room(errno);
    close(fd);
    return reached;
}

static int s_zeros(int fd)
{
    static const char zeros[HEAD_BYTES];
    for (off_t at = 0; at < LOCK_BYTES; at += HEAD_BYTES)
        if (pwrite(fd, zeros, HEAD_BYTES, at) != HEAD_BYTES)
            return errno ? errno : EIO;
    return 0;
}

/* Of a file that is in use no byte is written: others have it in memory. */
static int s_allocate(int fd)
{
    struct stat is;
    if (fstat(fd, &is) != 0)
        return errno;
    if (is.st_size > 0 && is.st_blocks * 512 >= is.st_size)
        return 0;
    if (fallocate(fd, 0, 0, is.st_size ? is.st_size : LOCK_BYTES) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return errno;
    return is.st_size == 0 ? s_zeros(fd) : 0;
}

static int s_check_file(const char *path, const char *name, char *err, size_t err_size)
{
    char file[1100];
    struct stat is;
    snprintf(file, sizeof file, "%s/%s", path, name);
    if (lstat(file, &is) != 0 || (S_ISREG(is.st_mode) && is.st_nlink == 1))
        return 0; /* whoever opens it says what else is wrong */
    snprintf(err, err_size, "%s: %s", file,
             S_ISLNK(is.st_mode)   ? "a symbolic link: look where it leads, and remove it"
             : S_ISREG(is.st_mode) ? "has another name: look for it, and remove that"
                                   : "not a file: remove it");
    return -1;
}

int store_check_files(const char *path, char *err, size_t err_size)
{
    int rc = s_check_file(path, "data.mdb", err, err_size);
    return rc ? rc : s_check_file(path, "lock.mdb", err, err_size);
}

int store_lock_room(const char *path)
{
    char file[1100];
    snprintf(file, sizeof file, "%s/lock.mdb", path);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return store_lacks_room(errno) || errno == ELOOP
                   ? errno
                   : 0; /* LMDB says what is wrong, or does without */
    int rc = s_allocate(fd);
    close(fd);
    return rc;
}
