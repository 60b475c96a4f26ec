/* A recorder of what a process does to the files below a directory: preloaded (LD_PRELOAD), it
 * writes each change, each sync and their data to a log, in the order in which they happened.
 * power.py reads the log; record.py knows its form.
 *
 * POSTERN_RECORD_ROOT  the directory, without links in its path
 * POSTERN_RECORD_LOG   the log; several processes and the test itself append to it
 * POSTERN_RECORD_KILL  after so many records the process kills itself, between two calls
 *
 * One lock is held over each call and its record, so that the log's order is the true one. What the
 * recorder cannot describe is recorded as STRANGE, which fails the test. */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 4096, PATH = 1024, FULL = PATH_MAX + PATH + 2, MAGIC = 0x504f5354 };

typedef enum {
    MAKE = 1, /* a new file: path */
    WRITE,    /* offset, data */
    CUT,      /* offset: its new size */
    GROW,     /* offset, size: allocated, zeros where there was nothing */
    SYNC,     /* everything before it is durable */
    MKDIR,
    SYNC_DIR,
    UNLINK,
    RENAME, /* path, and the new one as data */
    MAP,    /* mapped shared and writable */
    STRANGE,
    DURABLE_WRITE, /* WRITE through a descriptor with O_DSYNC: durable when it returns */
} op_t;

typedef struct __attribute__((packed)) {
    uint32_t magic, op, path_len, data_len;
    uint64_t inode, offset, size;
} head_t;

/* What a descriptor stands for. */
typedef struct {
    bool watched, directory, durable, append;
    uint64_t inode;
} file_t;

static pthread_mutex_t s_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static file_t s_files[FILES];
static char s_root[PATH];
static size_t s_root_len;
static int s_log = -1;
static long s_kill = -1;

/* The C library's own NAME. */
#define REAL(name) ((__typeof__(&name))s_next(#name))

static void *s_next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

static void s_open_log(const char *path)
{
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    s_log = fd < 0 ? -1 : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FILES);
    if (s_log < 0)
        abort();
    syscall(SYS_close, fd);
}

/* Before this the calls go through: a sanitizer's runtime makes some while it starts, when what it
 * replaces (realpath, mutexes) cannot be called yet. */
__attribute__((constructor)) static void s_start(void)
{
    const char *root = getenv("POSTERN_RECORD_ROOT"), *log = getenv("POSTERN_RECORD_LOG");
    const char *last = getenv("POSTERN_RECORD_KILL");
    if (!root || !log || strlen(root) >= PATH)
        return;
    strcpy(s_root, root); /* a real path already */
    s_root_len = strlen(s_root);
    s_kill = last ? atol(last) : -1;
    s_open_log(log);
}

static bool s_on(void)
{
    return s_log >= 0;
}

static void s_enter(void)
{
    if (s_on())
        pthread_mutex_lock(&s_lock);
}

static void s_leave(void)
{
    int error = errno;
    if (s_on())
        pthread_mutex_unlock(&s_lock);
    errno = error;
}

/* One write, which appends as a whole. */
static void s_record(op_t op, uint64_t inode, uint64_t offset, uint64_t size, const char *path,
                     const struct iovec *data, int parts)
{
    int error = errno;
    struct iovec all[2 + IOV_MAX];
    head_t head = {.magic = MAGIC,
                   .op = op,
                   .path_len = (uint32_t)strlen(path),
                   .inode = inode,
                   .offset = offset,
                   .size = size};
    all[0] = (struct iovec){&head, sizeof head};
    all[1] = (struct iovec){(void *)path, head.path_len};
    size_t left = size;
    int n = 2;
    for (int i = 0; i < parts && left > 0; i++) {
        all[n] = data[i];
        if (all[n].iov_len > left)
            all[n].iov_len = left;
        left -= all[n].iov_len;
        head.data_len += (uint32_t)all[n++].iov_len;
    }
    size_t total = sizeof head + head.path_len + head.data_len;
    if (syscall(SYS_writev, s_log, all, n) != (long)total)
        abort();
    if (s_kill > 0 && --s_kill == 0)
        syscall(SYS_kill, getpid(), SIGKILL);
    errno = error;
}

static void s_note(op_t op, const file_t *file, uint64_t offset, uint64_t size)
{
    s_record(op, file->inode, offset, size, "", NULL, 0);
}

static file_t *s_file(int fd)
{
    return s_on() && fd >= 0 && fd < FILES && s_files[fd].watched ? &s_files[fd] : NULL;
}

/* Whether the absolute PATH lies below the root; then RELATIVE is what comes after it. */
static bool s_below(const char *path, const char **relative)
{
    if (strncmp(path, s_root, s_root_len) != 0 ||
        (path[s_root_len] != '/' && path[s_root_len] != '\0'))
        return false;
    *relative = path + s_root_len + (path[s_root_len] == '/');
    return true;
}

/* Where a name lies, though it may not exist: its directory does. */
static bool s_place(int at, const char *path, char full[FULL], const char **relative)
{
    char dir[PATH], real[PATH_MAX], link[64];
    if (!s_on() || strlen(path) >= PATH)
        return false;
    strcpy(dir, path);
    char *slash = strrchr(dir, '/');
    const char *base = slash ? path + (slash - dir) + 1 : path;
    if (slash)
        slash[slash == dir] = '\0';
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    if (path[0] != '/' && at != AT_FDCWD && slash)
        return false; /* nobody does that here; the final comparison would tell */
    const char *where = slash ? dir : at == AT_FDCWD ? "." : link;
    if (!realpath(where, real))
        return false;
    snprintf(full, FULL, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base);
    return s_below(full, relative);
}

/* After an open that made FD. */
static void s_opened(int fd, int flags, const char *relative, bool existed)
{
    struct stat is;
    if (fd >= FILES || fstat(fd, &is) != 0)
        abort();
    file_t *file = &s_files[fd];
    *file = (file_t){.watched = true,
                     .directory = S_ISDIR(is.st_mode),
                     .durable = (flags & O_DSYNC) != 0,
                     .append = (flags & O_APPEND) != 0,
                     .inode = is.st_ino};
    if (!existed)
        s_record(MAKE, file->inode, 0, 0, relative, NULL, 0);
    else if ((flags & O_TRUNC) && S_ISREG(is.st_mode))
        s_note(CUT, file, 0, 0);
}

static int s_open(int at, const char *path, int flags, mode_t mode)
{
    char full[FULL];
    const char *relative;
    struct stat is;
    s_enter();
    bool ours = s_place(at, path, full, &relative);
    bool existed = !ours || lstat(full, &is) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    if (fd >= 0 && fd < FILES)
        s_files[fd] = (file_t){0};
    if (fd >= 0 && ours)
        s_opened(fd, flags, relative, existed);
    s_leave();
    return fd;
}

static mode_t s_mode(int flags, va_list more)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = s_mode(flags, more);                                                         \
        va_end(more);                                                                              \
        return s_open(AT_FDCWD, path, flags, mode);                                                \
    }
#define OPENAT(name)                                                                               \
    int name(int at, const char *path, int flags, ...)                                             \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = s_mode(flags, more);                                                         \
        va_end(more);                                                                              \
        return s_open(at, path, flags, mode);                                                      \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode)
{
    return s_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd)
{
    s_enter();
    if (fd >= 0 && fd < FILES)
        s_files[fd] = (file_t){0};
    int rc = fd == s_log ? 0 : (int)syscall(SYS_close, fd);
    s_leave();
    return rc;
}

/* --- Copies of descriptors */

static int s_copied(int from, int to)
{
    if (to >= 0 && to < FILES)
        s_files[to] = from >= 0 && from < FILES ? s_files[from] : (file_t){0};
    s_leave();
    return to;
}

int dup(int fd)
{
    s_enter();
    return s_copied(fd, (int)syscall(SYS_dup, fd));
}

int dup2(int fd, int to)
{
    s_enter();
    return s_copied(fd, (int)syscall(SYS_dup2, fd, to));
}

int dup3(int fd, int to, int flags)
{
    s_enter();
    return s_copied(fd, (int)syscall(SYS_dup3, fd, to, flags));
}

#define FCNTL(name)                                                                                \
    int name(int fd, int command, ...)                                                             \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, command);                                                                   \
        void *arg = va_arg(more, void *);                                                          \
        va_end(more);                                                                              \
        if (command != F_DUPFD && command != F_DUPFD_CLOEXEC)                                      \
            return REAL(name)(fd, command, arg);                                                   \
        s_enter();                                                                                 \
        return s_copied(fd, (int)syscall(SYS_fcntl, fd, command, arg));                            \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* --- Writing */

static void s_wrote(file_t *file, int fd, off_t offset, ssize_t size, const struct iovec *data,
                    int parts)
{
    if (size <= 0)
        return;
    if (offset < 0) { /* by the descriptor's position, which stands behind it now */
        offset = (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - size;
        assert(offset >= 0);
    }
    s_record(file->durable ? DURABLE_WRITE : WRITE, file->inode, (uint64_t)offset, (uint64_t)size,
             "", data, parts);
}

/* RC = CALL, recorded. */
#define RECORDED(fd, offset, data, parts, call)                                                    \
    do {                                                                                           \
        s_enter();                                                                                 \
        file_t *file = s_file(fd);                                                                 \
        ssize_t size = (call);                                                                     \
        if (file)                                                                                  \
            s_wrote(file, fd, offset, size, data, parts);                                          \
        s_leave();                                                                                 \
        return size;                                                                               \
    } while (0)

/* Sockets and pipes may wait for long: those are not our files. */
ssize_t write(int fd, const void *data, size_t len)
{
    struct iovec one = {(void *)data, len};
    if (!s_file(fd))
        return syscall(SYS_write, fd, data, len);
    RECORDED(fd, -1, &one, 1, syscall(SYS_write, fd, data, len));
}

ssize_t writev(int fd, const struct iovec *data, int parts)
{
    if (!s_file(fd))
        return syscall(SYS_writev, fd, data, parts);
    RECORDED(fd, -1, data, parts, syscall(SYS_writev, fd, data, parts));
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    struct iovec one = {(void *)data, len};
    RECORDED(fd, offset, &one, 1, syscall(SYS_pwrite64, fd, data, len, offset));
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    return pwrite(fd, data, len, offset);
}

ssize_t pwritev(int fd, const struct iovec *data, int parts, off_t offset)
{
    RECORDED(fd, offset, data, parts, syscall(SYS_pwritev, fd, data, parts, offset, 0));
}

ssize_t pwritev64(int fd, const struct iovec *data, int parts, off64_t offset)
{
    return pwritev(fd, data, parts, offset);
}

/* RWF_DSYNC and RWF_SYNC make one call durable; with RWF_APPEND nobody knows where it went. */
ssize_t pwritev2(int fd, const struct iovec *data, int parts, off_t offset, int flags)
{
    s_enter();
    file_t *file = s_file(fd), as = file ? *file : (file_t){0};
    ssize_t size = syscall(SYS_pwritev2, fd, data, parts, offset, 0, flags);
    if (flags & (RWF_DSYNC | RWF_SYNC))
        as.durable = true;
    if (file && (flags & RWF_APPEND))
        s_note(STRANGE, file, 0, 0);
    else if (file)
        s_wrote(&as, fd, offset, size, data, parts);
    s_leave();
    return size;
}

ssize_t pwritev64v2(int fd, const struct iovec *data, int parts, off64_t offset, int flags)
{
    return pwritev2(fd, data, parts, offset, flags);
}

/* --- Sizes */

#define SIZED(fd, op, offset, size, call)                                                          \
    do {                                                                                           \
        s_enter();                                                                                 \
        file_t *file = s_file(fd);                                                                 \
        int rc = (int)(call);                                                                      \
        if (file && rc == 0)                                                                       \
            s_note(op, file, (uint64_t)(offset), (uint64_t)(size));                                \
        s_leave();                                                                                 \
        return rc;                                                                                 \
    } while (0)

int ftruncate(int fd, off_t size)
{
    SIZED(fd, CUT, size, 0, syscall(SYS_ftruncate, fd, size));
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    SIZED(fd, mode == 0 ? GROW : STRANGE, offset, len,
          syscall(SYS_fallocate, fd, mode, offset, len));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t len)
{
    return fallocate(fd, mode, offset, len);
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
    int error = errno, rc = fallocate(fd, 0, offset, len) == 0 ? 0 : errno;
    errno = error;
    return rc;
}

int posix_fallocate64(int fd, off64_t offset, off64_t len)
{
    return posix_fallocate(fd, offset, len);
}

/* --- Syncs */

static int s_synced(int fd, long call)
{
    s_enter();
    file_t *file = s_file(fd);
    int rc = (int)syscall(call, fd);
    if (file && rc == 0)
        s_note(file->directory ? SYNC_DIR : SYNC, file, 0, 0);
    s_leave();
    return rc;
}

int fsync(int fd)
{
    return s_synced(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return s_synced(fd, SYS_fdatasync);
}

/* sync_file_range (2) promises nothing after a crash, and msync is no matter without a MAP. */

/* --- Names */

static int s_named(op_t op, int at, const char *path, long call, long arg)
{
    char full[FULL];
    const char *relative;
    struct stat is;
    s_enter();
    bool ours = s_place(at, path, full, &relative);
    int rc = (int)syscall(call, at, path, arg);
    if (ours && rc == 0) {
        uint64_t inode = op == MKDIR && lstat(full, &is) == 0 ? is.st_ino : 0;
        s_record(op, inode, 0, 0, relative, NULL, 0);
    }
    s_leave();
    return rc;
}

int mkdir(const char *path, mode_t mode)
{
    return s_named(MKDIR, AT_FDCWD, path, SYS_mkdirat, (long)mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    return s_named(MKDIR, at, path, SYS_mkdirat, (long)mode);
}

int unlink(const char *path)
{
    return s_named(UNLINK, AT_FDCWD, path, SYS_unlinkat, 0);
}

int unlinkat(int at, const char *path, int flags)
{
    return s_named(UNLINK, at, path, SYS_unlinkat, flags);
}

int rmdir(const char *path)
{
    return s_named(UNLINK, AT_FDCWD, path, SYS_unlinkat, AT_REMOVEDIR);
}

int remove(const char *path)
{
    struct stat is;
    return lstat(path, &is) == 0 && S_ISDIR(is.st_mode) ? rmdir(path) : unlink(path);
}

static int s_renamed(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    char from_full[FULL], to_full[FULL];
    const char *from_name, *to_name;
    s_enter();
    bool ours = s_place(from_at, from, from_full, &from_name);
    bool theirs = s_place(to_at, to, to_full, &to_name);
    int rc = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (rc == 0 && ours && theirs && !(flags & RENAME_EXCHANGE)) {
        struct iovec name = {(void *)to_name, strlen(to_name)};
        s_record(RENAME, 0, 0, name.iov_len, from_name, &name, 1);
    } else if (rc == 0 && (ours || theirs)) {
        s_record(STRANGE, 0, 0, 0, ours ? from_name : to_name, NULL, 0);
    }
    s_leave();
    return rc;
}

int rename(const char *from, const char *to)
{
    return s_renamed(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return s_renamed(from_at, from, to_at, to, 0);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    return s_renamed(from_at, from, to_at, to, flags);
}

/* --- Memory: what is written through a map is not seen */

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    file_t *file = s_file(fd);
    if (file && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
        s_enter();
        s_note(MAP, file, (uint64_t)offset, len);
        s_leave();
    }
    return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
    return mmap(at, len, protection, flags, fd, offset);
}
