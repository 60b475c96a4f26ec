#include "gateway/http/parting.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 256, TIME_MS = 2000, BYTES = 16 << 20, CHUNK = 65536, CHUNKS = 16 };

typedef struct {
    parting_t *parting;
    h2o_socket_t *socket; /* NULL: free */
    int64_t until_ms;
    size_t bytes;
} guest_t;

struct parting {
    h2o_loop_t *loop;
    unsigned len;
    guest_t guest[MOST];
};

parting_t *parting_new(h2o_loop_t *loop)
{
    parting_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->loop = loop;
    return self;
}

static void s_close(guest_t *guest)
{
    h2o_socket_read_stop(guest->socket);
    h2o_socket_close(guest->socket);
    guest->socket = NULL;
    guest->parting->len--;
}

static void s_on_readable(h2o_socket_t *socket, const char *err)
{
    static __thread char sink[CHUNK];
    guest_t *guest = socket->data;
    int fd = h2o_socket_get_fd(socket);
    (void)err;
    for (unsigned i = 0; i < CHUNKS; i++) {
        ssize_t n = recv(fd, sink, sizeof sink, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        guest->bytes += n > 0 ? (size_t)n : 0;
        if (n <= 0 || guest->bytes > BYTES) {
            s_close(guest);
            return;
        }
    }
}

void parting_add(parting_t *self, int fd, int64_t now_ms)
{
    if (self->len == MOST) {
        close(fd);
        return;
    }
    guest_t *guest = self->guest;
    while (guest->socket)
        guest++;
    shutdown(fd, SHUT_WR);
    *guest = (guest_t){.parting = self, .until_ms = now_ms + TIME_MS};
    guest->socket = h2o_evloop_socket_create(self->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    guest->socket->data = guest;
    self->len++;
    h2o_socket_read_start(guest->socket, s_on_readable);
}

void parting_tick(parting_t *self, int64_t now_ms)
{
    for (unsigned i = 0; self->len && i < MOST; i++)
        if (self->guest[i].socket && self->guest[i].until_ms <= now_ms)
            s_close(&self->guest[i]);
}
