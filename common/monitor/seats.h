/* The connections of the monitor: so many, of one address only a share. Where one more comes, the
 * oldest of its address, or of all, makes room: who asks and goes is always served, whoever sits
 * there in silence. An address is an IPv4 address or the /64 network of an IPv6 one.
 *
 * Threading: the monitor's thread. */
#ifndef POSTERN_SEATS_H
#define POSTERN_SEATS_H

#include <sys/socket.h>

enum { SEATS = 64, SEATS_OF_ADDRESS = 16 };

typedef struct seats seats_t;

seats_t *seats_new(void);
void seats_destroy(seats_t **self_p);

/* FD, of the peer NAME, sits down. The descriptor that has to leave for it, which is to be shut
 * down, or -1. It counts no more, but must be given to seats_leave as the others are. */
int seats_take(seats_t *self, int fd, const struct sockaddr *name);
void seats_leave(seats_t *self, int fd);

unsigned seats_len(const seats_t *self);

#endif
