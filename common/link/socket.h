/* Makes the ZeroMQ socket of a link. Private to common/link. */
#ifndef POSTERN_LINK_SOCKET_H
#define POSTERN_LINK_SOCKET_H

#include "common/link/link.h"

/* A bound ROUTER or a connected DEALER with every option set. NULL with the reason in err. */
void *socket_new(const link_options_t *options, char *err, size_t err_size);

/* Starts the thread that answers ZAP requests (RFC 27/ZAP) of this process: only clients whose
 * certificate lies in DIRECTORY may connect by CURVE. Once; later calls do nothing. */
void zap_start(const char *directory);

#endif
