/* The connections of the monitor: at most SEATS, SEATS_OF_ADDRESS of one address. Where one more
 * comes, the oldest connection of its address, or of all, is ended for it: a client that asks and
 * goes is always served, however many others hold a connection in silence. An address is an IPv4
 * address or the /64 network of an IPv6 one.
 *
 * Threading: the monitor's thread. */
#ifndef POSTERN_SEATS_H
#define POSTERN_SEATS_H

#include <sys/socket.h>

enum { SEATS = 64, SEATS_OF_ADDRESS = 16 };

typedef struct seats seats_t;

seats_t *seats_new(void);
void seats_destroy(seats_t **self_p);

/* Adds the connection FD of the peer NAME. Returns the descriptor of the connection that is ended
 * for it, which the caller shuts down, or -1. That descriptor counts no more, but must be given to
 * seats_leave as any other. */
int seats_take(seats_t *self, int fd, const struct sockaddr *name);
void seats_leave(seats_t *self, int fd);

unsigned seats_len(const seats_t *self);

#endif
