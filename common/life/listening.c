#include "common/life/listening.h"

#include "common/base/address.h"
#include "common/base/claim.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    USER_TIMEOUT_MS = 30000, /* a sender that takes nothing of its answer */
    KEEP_IDLE_S = 60,
};

/* Says why, and by whom as far as that is known. */
static int s_say(const char *text, const char *step, char *err, size_t err_size)
{
    int error = errno;
    char holder[256] = "another process has this port";
    if (error == EADDRINUSE)
        claim_holder(text, holder, sizeof holder);
    snprintf(err, err_size, "%s: %s%s%s", step, strerror(error), error == EADDRINUSE ? ": " : "",
             error == EADDRINUSE ? holder : "");
    errno = error;
    return -1;
}

typedef struct {
    int level, name, value;
} option_t;

static int s_options(int fd, const option_t *options, size_t len)
{
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++)
        rc = setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    return rc;
}

/* Accepted sockets inherit these from the listening one. */
static int s_inherited(int fd)
{
    static const option_t options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                                       {IPPROTO_TCP, TCP_NODELAY, 1},
                                       {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
                                       {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS}};
    return s_options(fd, options, sizeof options / sizeof *options);
}

/* A port of 0 becomes the one that the system gave. */
static void s_tell_port(int fd, char *text, size_t size)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        return;
    /* Both families have the port at the same place. */
    unsigned port = ntohs(((struct sockaddr_in *)&name)->sin_port);
    size_t host = (size_t)(strrchr(text, ':') - text) + 1;
    snprintf(text + host, size - host, "%u", port);
}

static int s_bind(int fd, const struct addrinfo *to, const char *text, char *err, size_t err_size)
{
    static const option_t shared[] = {{SOL_SOCKET, SO_REUSEADDR, 1}, {SOL_SOCKET, SO_REUSEPORT, 1}};
    if (fd < 0)
        return s_say(text, "socket", err, err_size);
    if (s_options(fd, shared, 2) != 0 || s_inherited(fd) != 0)
        return s_say(text, "setsockopt", err, err_size);
    return bind(fd, to->ai_addr, to->ai_addrlen) != 0 ? s_say(text, "bind", err, err_size) : 0;
}

/* The claim lasts as long as the process, like its locks. */
static int s_listen(int fd, const char *text, const char *installation, char *err, size_t err_size)
{
    int claim = claim_port(text, installation, err, err_size);
    if (claim < 0) {
        errno = EEXIST;
        return -1;
    }
    if (listen(fd, BACKLOG) == 0)
        return 0;
    int rc = s_say(text, "listen", err, err_size), error = errno;
    close(claim);
    errno = error;
    return rc;
}

int listening_open(char *text, size_t size, const char *installation, char *err, size_t err_size)
{
    struct addrinfo *to;
    if (address_find(text, AI_PASSIVE, &to) != 0) {
        errno = EINVAL;
        return s_say(text, "address", err, err_size);
    }
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = s_bind(fd, to, text, err, err_size);
    freeaddrinfo(to);
    if (rc == 0) {
        s_tell_port(fd, text, size);
        rc = s_listen(fd, text, installation, err, err_size);
    }
    int error = errno;
    if (rc != 0 && fd >= 0)
        close(fd);
    errno = error;
    return rc ? -1 : fd;
}

void listening_fail(const char *text, const char *err)
{
    log_fatal(EXIT_CONFIG, "listener.bind",
              "address=%s err=%s hint=\"give each installation ports of its own: gateway.listen, "
              "admin.listen\"",
              LOG_Q(text), LOG_Q(err));
}

int listening_bind(char *text, size_t size, const char *installation)
{
    char err[512];
    int fd = listening_open(text, size, installation, err, sizeof err);
    if (fd < 0)
        listening_fail(text, err);
    return fd;
}

static void s_refuse(const char *reason)
{
    log_fatal(EXIT_CONFIG, "listener.passed",
              "err=%s hint=\"pass one listening TCP socket (in a .socket unit one ListenStream=) "
              "or unset LISTEN_FDS\"",
              LOG_Q(reason));
}

static int s_option_of(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static void s_check(int fd)
{
    char reason[96];
    int family = s_option_of(fd, SO_DOMAIN);
    if (family < 0) {
        snprintf(reason, sizeof reason, "descriptor %d is no socket: %s", fd, strerror(errno));
        s_refuse(reason);
    }
    if (s_option_of(fd, SO_TYPE) != SOCK_STREAM || (family != AF_INET && family != AF_INET6))
        s_refuse("the passed socket is not a TCP socket");
    if (s_option_of(fd, SO_ACCEPTCONN) != 1)
        s_refuse("the passed socket does not listen");
}

static void s_address(int fd, char *text, size_t size)
{
    char host[64] = "?", port[8] = "?";
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &len) == 0)
        getnameinfo((struct sockaddr *)&name, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

int listening_passed(char *text, size_t size)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid())
        return -1;
    if (strcmp(count, "1") != 0) {
        char reason[96];
        snprintf(reason, sizeof reason, "LISTEN_FDS is \"%.16s\", not 1", count);
        s_refuse(reason);
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    s_check(LISTENING_FD);
    s_address(LISTENING_FD, text, size);
    if (s_inherited(LISTENING_FD) != 0)
        s_refuse(strerror(errno));
    fcntl(LISTENING_FD, F_SETFD, FD_CLOEXEC);
    fcntl(LISTENING_FD, F_SETFL, fcntl(LISTENING_FD, F_GETFL) | O_NONBLOCK);
    return LISTENING_FD;
}
