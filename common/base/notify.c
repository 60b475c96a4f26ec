#include "common/base/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int s_fd = -1;
static struct sockaddr_un s_to;
static socklen_t s_to_len;
static int64_t s_apart_ms, s_alive_ms; /* between two signs of life, 0: none are wanted; the last */

/* An address that begins with @ is an abstract one. */
static void s_connect(const char *path)
{
    size_t len = strlen(path);
    if ((*path != '/' && *path != '@') || len >= sizeof s_to.sun_path)
        return;
    s_to.sun_family = AF_UNIX;
    memcpy(s_to.sun_path, path, len);
    if (*path == '@')
        s_to.sun_path[0] = '\0';
    s_to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    s_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC"),
               *pid = getenv("WATCHDOG_PID");
    if (path)
        s_connect(path);
    if (usec && (!pid || strtol(pid, NULL, 10) == getpid()))
        s_apart_ms = strtoll(usec, NULL, 10) / 2000;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* A manager that does not listen is not ours to repair. */
static void s_say(const char *state)
{
    if (s_fd >= 0)
        (void)!sendto(s_fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&s_to, s_to_len);
}

void notify_ready(void)
{
    s_say("READY=1");
}

void notify_stopping(void)
{
    s_say("STOPPING=1");
}

void notify_alive(int64_t now_ms)
{
    if (s_apart_ms <= 0 || now_ms - s_alive_ms < s_apart_ms)
        return;
    s_alive_ms = now_ms;
    s_say("WATCHDOG=1");
}
