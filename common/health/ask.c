#include "common/health/ask.h"

#include "common/base/address.h"
#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 4096, ANSWER_MOST = 4 << 20, WAIT_MOST_MS = 60000 };

/* One question on its way. */
typedef struct {
    ask_reply_t *reply;
    int fd; /* -1: it is over */
    bool connected;
    char question[512];
    size_t question_len, sent;
    char *text; /* the answer so far, with room for a NUL */
    size_t len, room;
    size_t head;  /* bytes of the answer's head; 0: not whole */
    size_t whole; /* head and body; SIZE_MAX: up to the end */
} talk_t;

static void s_close(talk_t *self)
{
    close(self->fd);
    self->fd = -1;
}

static void s_fail(talk_t *self, const char *why)
{
    snprintf(self->reply->error, sizeof self->reply->error, "%s", why);
    if (self->fd >= 0)
        s_close(self);
}

static void s_refused(talk_t *self, int error)
{
    self->reply->refused = error == ECONNREFUSED;
    s_fail(self, strerror(error));
}

static void s_begin(talk_t *self, const inquiry_t *ask, ask_reply_t *reply)
{
    struct addrinfo *to;
    memset(reply, 0, sizeof *reply);
    *self = (talk_t){.reply = reply, .fd = -1, .whole = SIZE_MAX};
    int len = snprintf(self->question, sizeof self->question,
                       "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", ask->path,
                       ask->address);
    assert(len > 0 && (size_t)len < sizeof self->question);
    self->question_len = (size_t)len;
    if (address_find(ask->address, 0, &to) != 0) {
        s_fail(self, "not an address");
        return;
    }
    self->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0 ||
        (connect(self->fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS))
        s_refused(self, errno);
    freeaddrinfo(to);
}

static void s_connect(talk_t *self)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        s_refused(self, error);
    else
        self->connected = true;
}

static void s_send(talk_t *self)
{
    ssize_t sent =
        send(self->fd, self->question + self->sent, self->question_len - self->sent, MSG_NOSIGNAL);
    if (sent > 0)
        self->sent += (size_t)sent;
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
        s_fail(self, strerror(errno));
}

/* How long the answer will be, once its head is there. */
static void s_measure(talk_t *self)
{
    const char *end = memmem(self->text, self->len, "\r\n\r\n", 4);
    if (self->head || !end)
        return;
    self->head = (size_t)(end - self->text) + 4;
    for (const char *line = self->text; line < end; line = strstr(line, "\r\n") + 2) {
        static const char name[] = "content-length:";
        if (strncasecmp(line, name, sizeof name - 1) != 0)
            continue;
        unsigned long body = strtoul(line + sizeof name - 1, NULL, 10);
        self->whole = self->head + (body < ANSWER_MOST ? body : ANSWER_MOST);
    }
}

static void s_take(talk_t *self)
{
    int status = 0;
    bool whole = self->head && (self->whole == SIZE_MAX || self->len >= self->whole);
    if (!whole || sscanf(self->text, "HTTP/1.%*1d %3d", &status) != 1 || status < 100) {
        s_fail(self, self->len == 0 ? "closed without an answer"
                     : self->head   ? "the answer was cut"
                                    : "what came is no answer of HTTP");
        return;
    }
    self->reply->status = status;
    self->reply->body_len = (self->whole == SIZE_MAX ? self->len : self->whole) - self->head;
    memmove(self->text, self->text + self->head, self->reply->body_len);
    self->text[self->reply->body_len] = '\0';
    self->reply->body = self->text;
    self->text = NULL;
    s_close(self);
}

static void s_receive(talk_t *self)
{
    if (self->room - self->len < 2) {
        self->room = self->room ? 2 * self->room : ROOM;
        self->text = realloc(self->text, self->room);
        assert(self->text);
    }
    ssize_t got = recv(self->fd, self->text + self->len, self->room - self->len - 1, 0);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            s_fail(self, strerror(errno));
        return;
    }
    self->len += (size_t)got;
    self->text[self->len] = '\0';
    s_measure(self);
    if (self->len > ANSWER_MOST)
        s_fail(self, "the answer is too long");
    else if (got == 0 || (self->head && self->len >= self->whole))
        s_take(self);
}

static void s_turn(talk_t *self)
{
    if (!self->connected)
        s_connect(self);
    else if (self->sent < self->question_len)
        s_send(self);
    else
        s_receive(self);
}

/* Waits for news of what is under way; false: nothing is. */
static bool s_wait(const talk_t *talks, struct pollfd *polled, size_t len, int timeout_ms)
{
    bool any = false;
    for (size_t i = 0; i < len; i++) {
        bool asked = talks[i].connected && talks[i].sent == talks[i].question_len;
        polled[i] = (struct pollfd){.fd = talks[i].fd, .events = asked ? POLLIN : POLLOUT};
        any = any || talks[i].fd >= 0;
    }
    if (any && poll(polled, len, timeout_ms) < 0)
        memset(polled, 0, len * sizeof *polled); /* EINTR: nothing is known */
    return any;
}

static void s_give_up(talk_t *self)
{
    if (self->fd >= 0) {
        self->reply->mute = self->connected;
        s_fail(self, self->connected ? "the time is up" : "no connection in time");
    }
    free(self->text);
}

void ask_all(const inquiry_t *asks, ask_reply_t *replies, size_t len, int64_t timeout_ms)
{
    assert(timeout_ms > 0 && timeout_ms <= WAIT_MOST_MS);
    int64_t until_ms = clock_ms() + timeout_ms, left_ms;
    talk_t *talks = calloc(len ? len : 1, sizeof *talks);
    struct pollfd *polled = calloc(len ? len : 1, sizeof *polled);
    assert(talks && polled);
    for (size_t i = 0; i < len; i++)
        s_begin(&talks[i], &asks[i], &replies[i]);
    while ((left_ms = until_ms - clock_ms()) > 0 && s_wait(talks, polled, len, (int)left_ms))
        for (size_t i = 0; i < len; i++)
            if (talks[i].fd >= 0 && polled[i].revents)
                s_turn(&talks[i]);
    for (size_t i = 0; i < len; i++)
        s_give_up(&talks[i]);
    free(talks);
    free(polled);
}

void ask_reply_clear(ask_reply_t *reply)
{
    free(reply->body);
    memset(reply, 0, sizeof *reply);
}
