#include "common/monitor/seats.h"

#include "common/base/address.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int fd;
    address_t sender;
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

static int s_remove(seats_t *self, unsigned at)
{
    int fd = self->seat[at].fd;
    self->len--;
    memmove(&self->seat[at], &self->seat[at + 1], (self->len - at) * sizeof *self->seat);
    return fd;
}

int seats_take(seats_t *self, int fd, const struct sockaddr *name)
{
    address_t address = {{0}};
    address_of(name, &address);
    seat_t seat = {fd, address_sender(&address)};
    unsigned of_address = 0, oldest = 0;
    self->seat[self->len++] = seat;
    for (unsigned i = self->len; i-- > 0;)
        if (address_eq(&self->seat[i].sender, &seat.sender)) {
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
