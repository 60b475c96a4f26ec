#include "common/life/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many names there were; -1 with errno when one is left. What is removed while a directory is
 * read may hide others from the reading. */
static int s_pass(DIR *dir)
{
    struct dirent *entry;
    int found = 0, error = 0;
    rewinddir(dir);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            found++;
            if (remove_name(dirfd(dir), entry->d_name) != 0 && errno != ENOENT)
                error = errno;
        }
    errno = error;
    return error ? -1 : found;
}

int remove_below(int fd)
{
    DIR *dir = fdopendir(fd);
    int found;
    if (!dir) {
        close(fd);
        return -1;
    }
    do
        found = s_pass(dir);
    while (found > 0);
    int error = errno;
    closedir(dir);
    errno = error;
    return found;
}

/* Where that fails, the removals tell. */
static void s_take_over(int fd)
{
    if (geteuid() == 0 && fchown(fd, 0, 0) == 0)
        (void)!fchmod(fd, 0700);
}

int remove_name(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0)
        return 0;
    if (errno != EISDIR)
        return -1;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    s_take_over(fd);
    if (remove_below(fd) != 0)
        return -1;
    return unlinkat(parent, name, AT_REMOVEDIR);
}
