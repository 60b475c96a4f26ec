#include "common/link/link_struct.h"
#include "common/link/own_signals.h"
#include "common/link/own_thread.h"
#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <zmq.h>

int link_fd(const link_t *self)
{
    return self->fd;
}

void link_adopt_io(void)
{
    own_thread_adopt();
}

int link_io_fd(void)
{
    own_thread_turn(false);
    return own_thread_fd();
}

void link_do_io(void)
{
    own_thread_turn(true);
}

void link_flush(void)
{
    own_thread_turn(false);
}

bool link_is_signalled(const link_t *self)
{
    return own_signals_pending(self->fd);
}

unsigned link_drain_ready(link_t *self, unsigned max)
{
    own_signals_keep_in(self->fd);
    return self->dry && !link_is_signalled(self) ? 0 : link_drain(self, max);
}

/* Whether nothing has come, as far as can be told without the kernel. */
static bool s_is_dry(link_t *self)
{
    int events = 0;
    size_t size = sizeof events;
    if (!self->dry || link_is_signalled(self))
        self->dry =
            zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &size) == 0 && !(events & ZMQ_POLLIN);
    return self->dry;
}

void link_wait(link_t *const *links, unsigned len, const int *fds, unsigned fds_len, int wait_ms)
{
    struct pollfd polled[LINK_WAIT + 1];
    const unsigned all = len + fds_len;
    assert(all <= LINK_WAIT);
    own_thread_turn(false);
    for (unsigned i = 0; i < len; i++) {
        polled[i] = (struct pollfd){.fd = links[i]->fd, .events = POLLIN};
        if (!s_is_dry(links[i]))
            wait_ms = 0;
    }
    for (unsigned i = 0; i < fds_len; i++)
        polled[len + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    polled[all] = (struct pollfd){.fd = own_thread_fd(), .events = POLLIN}; /* -1: passed over */
    int got = poll(polled, all + 1, own_thread_wait_ms(wait_ms));
    if (got < 0 && errno != EINTR)
        log_fatal(EXIT_FAULT, "link.wait", "errno=%d", errno);
    own_thread_turn(got > 0 && polled[all].revents);
    for (unsigned i = 0; i < len; i++)
        if (got > 0 && polled[i].revents)
            links[i]->dry = false;
}
