/* Who listens at a port. Sockets with SO_REUSEPORT share a port among all that one user starts: the
 * gateways of one installation are meant to, another installation's would get half of its requests.
 *
 * So who listens there says so, in a name that the kernel keeps for as long as the process lives:
 * an abstract Unix socket, "postern-port/PORT/HOST/INSTALLATION/…". Those names belong to the same
 * network namespace as the port, need no directory that two installations would have to share, and
 * are listed in /proc/net/unix. Claims of other users do not count: with them the kernel shares no
 * port.
 *
 * Threading: any thread. */
#ifndef POSTERN_CLAIM_H
#define POSTERN_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

/* Claims the port of ADDRESS ("127.0.0.1:8080", "[::1]:8080") for INSTALLATION (a word), to be
 * called between bind and listen. The descriptor holds the claim as long as it is open, which is
 * closed on exec. -1 with errno (EADDRINUSE: another installation listens there, or at an address
 * that has this one in it) and the reason in ERR. */
int claim_port(const char *address, const char *installation, char *err, size_t err_size);

/* Whether a process of Postern's, of whatever user, has a claim on the port of ADDRESS; TEXT says
 * which, as "process 12 (its command line)". */
bool claim_holder(const char *address, char *text, size_t size);

#endif
