#include "common/link/link_struct.h"
#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>

int link_fd(const link_t *self)
{
    return self->fd;
}

unsigned link_drain_ready(link_t *self, unsigned max)
{
    return self->dry ? 0 : link_drain(self, max);
}

void link_wait(link_t *const *links, unsigned len, const int *fds, unsigned fds_len, int wait_ms)
{
    struct pollfd polled[LINK_WAIT];
    assert(len + fds_len <= LINK_WAIT);
    for (unsigned i = 0; i < len; i++) {
        polled[i] = (struct pollfd){.fd = links[i]->fd, .events = POLLIN};
        if (!links[i]->dry)
            wait_ms = 0;
    }
    for (unsigned i = 0; i < fds_len; i++)
        polled[len + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    if (poll(polled, len + fds_len, wait_ms) < 0 && errno != EINTR)
        log_fatal(EXIT_FAULT, "link.wait", "errno=%d", errno);
    for (unsigned i = 0; i < len; i++)
        if (polled[i].revents)
            links[i]->dry = false;
}
