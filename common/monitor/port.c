#include "common/monitor/port.h"

#include "common/base/address.h"
#include "common/base/claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int s_bind(const struct addrinfo *to, bool shared)
{
    int on = 1, reuse = shared;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                   setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuse, sizeof reuse) == 0 &&
                   bind(fd, to->ai_addr, to->ai_addrlen) == 0))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Says why, and by whom as far as that is known. */
static int s_fail(const char *address, char *err, size_t err_size)
{
    int error = errno;
    char holder[256] = "";
    bool known = error == EADDRINUSE && claim_holder(address, holder, sizeof holder);
    snprintf(err, err_size, "%s%s%s", strerror(error), known ? ": " : "", holder);
    errno = error;
    return -1;
}

int port_listen(const char *address, const char *installation, bool shared, char *err,
                size_t err_size)
{
    struct addrinfo *to;
    int claim = -1, rc = address_find(address, AI_PASSIVE, &to);
    if (rc != 0) {
        snprintf(err, err_size, "%s", gai_strerror(rc));
        errno = EINVAL;
        return -1;
    }
    int fd = s_bind(to, shared);
    freeaddrinfo(to);
    if (fd < 0)
        return s_fail(address, err, err_size);
    if (shared)
        claim = claim_port(address, installation, err, err_size);
    bool claimed = !shared || claim >= 0;
    if (claimed && listen(fd, PORT_BACKLOG) == 0)
        return fd;
    int error = errno;
    if (claim >= 0)
        close(claim);
    close(fd);
    errno = error;
    return claimed ? s_fail(address, err, err_size) : -1;
}
