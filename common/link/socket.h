/* Makes the ZeroMQ socket of a link. Private to common/link. Threading: the link's thread; the
 * socket is the caller's to close (zmq_close). */
#ifndef POSTERN_LINK_SOCKET_H
#define POSTERN_LINK_SOCKET_H

#include "common/link/link.h"

/* A ROUTER to bind or a DEALER to connect, every option set; NAME is the latter's routing id. NULL
 * with the reason in err. */
void *socket_new(const link_options_t *options, const char *name, char *err, size_t err_size);

/* Binds or connects it. What the first handshake comes to is told only to those who watch by then.
 * 0, or -1 with the reason in err. */
int socket_open(void *socket, const link_options_t *options, char *err, size_t err_size);

/* Its ZMQ_FD. */
int socket_fd(void *socket);

/* Throws waiting input away (a bounded number of messages). */
void socket_discard(void *socket);

#endif
