#include "common/life/paired.h"

#include "common/life/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATHS = 4096 + 32 };

static void s_name(const char *data, char path[PATHS])
{
    snprintf(path, PATHS, "%.4095s/" PAIRED_FILE, data);
}

int paired_read(const char *data, uuid_t7 *id, char *err, size_t err_size)
{
    char path[PATHS], text[UUID_TEXT] = "";
    s_name(data, path);
    int fd = path_open(path, O_RDONLY, 0, err, err_size);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len > 0 && uuid_parse(text, (size_t)len, id) == 0)
        return 1;
    snprintf(err, err_size,
             "%s is damaged: remove it, and give posternctl db init, which makes it anew", path);
    return -1;
}

int paired_note(const char *data, const uuid_t7 *id, char *err, size_t err_size)
{
    char path[PATHS], text[UUID_TEXT];
    struct stat owner;
    s_name(data, path);
    uuid_text(id, text);
    if (stat(data, &owner) != 0)
        return snprintf(err, err_size, "%s: %s", data, strerror(errno)), -1;
    int fd = path_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600, err, err_size);
    if (fd < 0)
        return errno == EEXIST ? 0 : -1;
    bool good = dprintf(fd, "%s\n", text) > 0 &&
                (geteuid() != 0 || fchown(fd, owner.st_uid, owner.st_gid) == 0) && fsync(fd) == 0;
    if (!good) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        unlink(path);
    }
    close(fd);
    return good ? 1 : -1;
}
