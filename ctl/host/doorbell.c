#include "ctl/host/doorbell.h"

#include "common/life/path.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CALLERS = 8, PATIENCE_MS = 200 };

static int s_close(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Makes a socket and its name, which leads through the descriptor of the directory (*at): whoever
 * may write a directory above cannot lead it elsewhere. */
static int s_socket(const char *dir, struct sockaddr_un *name, int *at)
{
    char path[PATH_MAX], err[PATH_ERROR];
    const char *last;
    snprintf(path, sizeof path, "%s/up.sock", dir);
    *at = path_parent(path, &last, err, sizeof err);
    if (*at < 0)
        return -1;
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(name->sun_path, sizeof name->sun_path, "/proc/self/fd/%d/%s", *at, last);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : s_close(*at);
}

int doorbell_hang(const char *dir)
{
    struct sockaddr_un name;
    int at, fd = s_socket(dir, &name, &at);
    if (fd < 0)
        return -1;
    unlink(name.sun_path);
    /* Linux gives the name the mode of the socket. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(fd, CALLERS) != 0)
        fd = s_close(fd);
    s_close(at);
    return fd;
}

int doorbell_answer(int bell, char *wanted, size_t size)
{
    int fd = accept4(bell, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    struct pollfd said = {.fd = fd, .events = POLLIN};
    ssize_t len = poll(&said, 1, PATIENCE_MS) == 1 ? recv(fd, wanted, size - 1, 0) : -1;
    if (len <= 0)
        return s_close(fd);
    wanted[len] = '\0';
    return fd;
}

int doorbell_ring(const char *dir, const char *wanted)
{
    struct sockaddr_un name;
    int at, fd = s_socket(dir, &name, &at);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
        send(fd, wanted, strlen(wanted), MSG_NOSIGNAL) < 0)
        fd = s_close(fd);
    s_close(at);
    return fd;
}

void doorbell_say(int fd, json_t *packet)
{
    char text[DOORBELL_PACKET];
    size_t len = json_dumpb(packet, text, sizeof text, JSON_COMPACT);
    json_decref(packet);
    if (fd >= 0 && len <= sizeof text && send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        errno = 0;
}

json_t *doorbell_hear(int fd)
{
    char text[DOORBELL_PACKET];
    ssize_t len;
    do
        len = recv(fd, text, sizeof text, 0);
    while (len < 0 && errno == EINTR);
    return len > 0 ? json_loadb(text, (size_t)len, 0, NULL) : NULL;
}
