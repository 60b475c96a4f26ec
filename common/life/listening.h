/* The public listening socket: bound here, or passed by the process that started this one. A passed
 * socket outlives the process, so that an old and a new process share the connections that wait in
 * its queue; closing a socket of one's own resets them.
 *
 * Threading: before any thread exists. */
#ifndef POSTERN_LISTENING_H
#define POSTERN_LISTENING_H

#include <stddef.h>

/* The descriptor that a passed socket has (sd_listen_fds). */
enum { LISTENING_FD = 3 };

/* Binds and listens at "host:port" or "[v6]:port"; a port of 0 is replaced in TEXT by the one that
 * the system gave. Shares the port with other sockets that this user binds for INSTALLATION
 * (claim.h). The descriptor is non-blocking and closed on exec. Exits with EXIT_CONFIG when the
 * address cannot be used. */
int listening_bind(char *text, size_t size, const char *installation);

/* The same without an exit: -1 with errno and the reason in ERR. EADDRINUSE, EADDRNOTAVAIL: it may
 * be had later; EEXIST: another installation of this user listens there. Any thread. */
int listening_open(char *text, size_t size, const char *installation, char *err, size_t err_size);

/* Exits with EXIT_CONFIG for the reason that listening_open gave for TEXT. */
void listening_fail(const char *text, const char *err) __attribute__((noreturn));

/* The socket that LISTEN_FDS and LISTEN_PID of the environment (sd_listen_fds) tell of, its address
 * written to TEXT; -1 when there is none for this process. Exits with EXIT_CONFIG when they name
 * anything else than one listening TCP socket. Takes the variables out of the environment. */
int listening_passed(char *text, size_t size);

#endif
