#include "common/monitor/seats.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int fd;
    uint8_t address[9]; /* the family, and what tells senders apart */
} seat_t;

/* In the order of their coming. */
struct seats {
    unsigned len;
    seat_t seat[SEATS + 1];
};

seats_t *seats_new(void)
{
    seats_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

void seats_destroy(seats_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

static seat_t s_seat(int fd, const struct sockaddr *name)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    seat_t seat = {.fd = fd};
    if (name->sa_family == AF_INET) {
        memcpy(seat.address + 1, &((const struct sockaddr_in *)name)->sin_addr, 4);
    } else if (name->sa_family == AF_INET6) {
        const uint8_t *bytes = ((const struct sockaddr_in6 *)name)->sin6_addr.s6_addr;
        bool v4 = memcmp(bytes, mapped, sizeof mapped) == 0;
        seat.address[0] = !v4;
        memcpy(seat.address + 1, v4 ? bytes + 12 : bytes, v4 ? 4 : 8);
    }
    return seat;
}

static bool s_same(const seat_t *a, const seat_t *b)
{
    return memcmp(a->address, b->address, sizeof a->address) == 0;
}

static int s_remove(seats_t *self, unsigned at)
{
    int fd = self->seat[at].fd;
    self->len--;
    memmove(&self->seat[at], &self->seat[at + 1], (self->len - at) * sizeof *self->seat);
    return fd;
}

int seats_take(seats_t *self, int fd, const struct sockaddr *name)
{
    seat_t seat = s_seat(fd, name);
    unsigned of_address = 0, oldest = 0;
    self->seat[self->len++] = seat;
    for (unsigned i = self->len; i-- > 0;)
        if (s_same(&self->seat[i], &seat)) {
            of_address++;
            oldest = i;
        }
    if (of_address > SEATS_OF_ADDRESS)
        return s_remove(self, oldest);
    return self->len > SEATS ? s_remove(self, 0) : -1;
}

void seats_leave(seats_t *self, int fd)
{
    for (unsigned i = 0; i < self->len; i++)
        if (self->seat[i].fd == fd) {
            s_remove(self, i);
            return;
        }
}

unsigned seats_len(const seats_t *self)
{
    return self->len;
}
