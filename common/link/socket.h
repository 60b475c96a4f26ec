/* Makes the ZeroMQ socket of a link. Private to common/link. */
#ifndef POSTERN_LINK_SOCKET_H
#define POSTERN_LINK_SOCKET_H

#include "common/link/link.h"

/* A bound ROUTER or a connected DEALER with every option set. NULL with the reason in err. */
void *socket_new(const link_options_t *options, char *err, size_t err_size);

/* Its ZMQ_FD. */
int socket_fd(void *socket);

/* Throws waiting input away (a bounded number of messages). */
void socket_discard(void *socket);

#endif
