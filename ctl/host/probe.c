#include "ctl/host/probe.h"

#include "common/base/address.h"
#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct probe {
    struct sockaddr_storage address;
    socklen_t address_len; /* 0: it is none, and nobody is ever asked */
    int family, fd;        /* -1: no question is under way */
    bool asked;            /* this connection has carried the question */
    char answer[16];       /* its beginning: "HTTP/1.1 200" */
    size_t answer_len;
    probe_state_t state;
    int64_t ask_ms;   /* of the next question, or when this one began */
    int64_t since_ms; /* the first question after the last answer */
};

static void s_resolve(probe_t *self, const char *address)
{
    struct addrinfo *found;
    if (address_find(address, 0, &found) != 0)
        return;
    memcpy(&self->address, found->ai_addr, found->ai_addrlen);
    self->address_len = found->ai_addrlen;
    self->family = found->ai_family;
    freeaddrinfo(found);
}

probe_t *probe_new(const char *address)
{
    probe_t *self = calloc(1, sizeof *self);
    assert(self);
    self->fd = -1;
    s_resolve(self, address);
    probe_reset(self);
    return self;
}

static void s_hang_up(probe_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

void probe_destroy(probe_t **self_p)
{
    if (!*self_p)
        return;
    s_hang_up(*self_p);
    free(*self_p);
    *self_p = NULL;
}

void probe_reset(probe_t *self)
{
    s_hang_up(self);
    self->state = PROBE_NEW;
    self->ask_ms = clock_ms();
    self->since_ms = 0;
}

static void s_ask(probe_t *self, int64_t now)
{
    self->ask_ms = now;
    if (self->since_ms == 0)
        self->since_ms = now;
    self->asked = false;
    self->answer_len = 0;
    self->fd = socket(self->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd >= 0 &&
        connect(self->fd, (struct sockaddr *)&self->address, self->address_len) != 0 &&
        errno != EINPROGRESS)
        s_hang_up(self);
}

/* False while there is more to wait for; true once the status line is there, or never comes. */
static bool s_go_on(probe_t *self)
{
    static const char question[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                   "Connection: close\r\n\r\n";
    if (!self->asked) {
        ssize_t sent = send(self->fd, question, sizeof question - 1, MSG_NOSIGNAL);
        self->asked = sent == (ssize_t)sizeof question - 1;
        return !self->asked && errno != EAGAIN;
    }
    ssize_t got = recv(self->fd, self->answer + self->answer_len,
                       sizeof self->answer - 1 - self->answer_len, 0);
    self->answer_len += got > 0 ? (size_t)got : 0;
    self->answer[self->answer_len] = '\0';
    return got == 0 || (got < 0 && errno != EAGAIN) || self->answer_len >= strlen("HTTP/1.1 200");
}

static void s_judge(probe_t *self)
{
    int status = 0;
    if (sscanf(self->answer, "HTTP/1.%*1d %3d", &status) != 1 || self->answer_len == 0)
        return;
    self->state = status == 200 ? PROBE_WELL : PROBE_HANGS;
    self->since_ms = 0;
}

struct pollfd probe_poll(const probe_t *self)
{
    return (struct pollfd){.fd = self->fd, .events = self->asked ? POLLIN : POLLOUT};
}

int64_t probe_due(const probe_t *self)
{
    if (self->address_len == 0)
        return INT64_MAX;
    int64_t next = self->fd >= 0 ? self->ask_ms + PROBE_SILENT_MS : self->ask_ms;
    bool waits = self->since_ms && self->state != PROBE_SILENT;
    int64_t silent = waits ? self->since_ms + PROBE_SILENT_MS : INT64_MAX;
    return next < silent ? next : silent;
}

probe_state_t probe_turn(probe_t *self)
{
    if (self->address_len == 0)
        return self->state;
    int64_t now = clock_ms();
    if (self->fd < 0 && now >= self->ask_ms)
        s_ask(self, now);
    struct pollfd may = probe_poll(self);
    if (self->fd >= 0 && poll(&may, 1, 0) == 1 && s_go_on(self)) {
        s_judge(self);
        s_hang_up(self);
        self->ask_ms += PROBE_EVERY_MS;
    } else if (self->fd >= 0 && now - self->ask_ms >= PROBE_SILENT_MS) {
        s_hang_up(self);
    } else if (self->fd < 0 && now >= self->ask_ms) {
        self->ask_ms = now + PROBE_EVERY_MS; /* no socket, or refused at once */
    }
    if (self->since_ms && now - self->since_ms >= PROBE_SILENT_MS)
        self->state = PROBE_SILENT;
    return self->state;
}
