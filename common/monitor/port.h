/* The listening socket of a monitor. Threading: any thread. */
#ifndef POSTERN_MONITOR_PORT_H
#define POSTERN_MONITOR_PORT_H

#include <stdbool.h>
#include <stddef.h>

/* How many connections wait in the kernel's queue. */
enum { PORT_BACKLOG = 128 };

/* Binds and listens at ADDRESS ("host:port", "[v6]:port"). SHARED: with other processes of
 * INSTALLATION that share it, too, and so with a claim that lasts as long as the process (claim.h).
 * -1 with errno and the reason in ERR: EINVAL when it is no address, EACCES or EAFNOSUPPORT when it
 * is none for this process; else it may be had later (EADDRINUSE, EADDRNOTAVAIL). */
int port_listen(const char *address, const char *installation, bool shared, char *err,
                size_t err_size);

#endif
