/* Claims of ports. Sockets with SO_REUSEPORT share a port among all processes of one user: the
 * gateways of one installation are meant to share theirs, but another installation's gateway would
 * get half of its requests.
 *
 * So a process that listens claims its port by a name that the kernel keeps for as long as the
 * process lives: an abstract Unix socket, "postern-port/PORT/HOST/INSTALLATION/…". Those names
 * belong to the same network namespace as the port, need no directory that two installations would
 * have to share, and are listed in /proc/net/unix. Claims of other users do not count: the kernel
 * shares no port with their sockets.
 *
 * Threading: any thread. */
#ifndef POSTERN_CLAIM_H
#define POSTERN_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

/* Claims the port of ADDRESS ("127.0.0.1:8080", "[::1]:8080") for INSTALLATION (a word), to be
 * called between bind and listen. Returns a descriptor that holds the claim as long as it is open;
 * it is closed on exec. -1 with errno (EADDRINUSE: another installation listens there, or at an
 * address that has this one in it) and the reason in ERR. */
int claim_port(const char *address, const char *installation, char *err, size_t err_size);

/* Whether a process of Postern's, of whatever user, has a claim on the port of ADDRESS; TEXT says
 * which, as "process 12 (its command line)". */
bool claim_holder(const char *address, char *text, size_t size);

#endif
