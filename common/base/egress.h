/* Where a delivery may go: a guard over the addresses that are connected. Workers ask it in each
 * connect; authd, which calls nothing, warns by it of a URL that names such an address.
 *
 * A handler's URL (common/base/http_url.h) is chosen by a user, and its name proves nothing: the
 * guard looks at the socket
 * address of every single connect (CURLOPT_OPENSOCKETFUNCTION), after the name was resolved, and
 * so nothing rebinds past it. Refused are all addresses that are not the public Internet's:
 * loopback, private, shared, link-local, documentation, benchmarking, multicast, reserved ones,
 * and IPv6 outside of 2000::/3. An IPv4 address inside of an IPv6 one (mapped, compatible, NAT64,
 * 6to4) is looked at again as itself. Postern's own listeners on loopback and private addresses
 * are covered by that; one on a public address is not, and is reached as any other sender reaches
 * it.
 *
 * Handlers on a private network are allowed by CIDR (setting delivery.allow). The metadata
 * services of clouds, unspecified, multicast and broadcast addresses are refused whatever is
 * allowed. Threading: read-only after egress_new; any thread. */
#ifndef POSTERN_EGRESS_H
#define POSTERN_EGRESS_H

#include "common/base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef struct egress egress_t;

/* ALLOW: networks that may be reached although they are not public, "10.1.2.0/24 fd12::/16",
 * separated by spaces. NULL with the reason in err. */
egress_t *egress_new(const char *allow, char *err, size_t err_size);
void egress_destroy(egress_t **self_p);

/* Why this address must not be connected: a constant text as "loopback" or "private network", NULL
 * when it may be. Of another family than IPv4 and IPv6, all are refused. */
const char *egress_refusal(const egress_t *self, const struct sockaddr *name);
const char *egress_refusal_of(const egress_t *self, const address_t *address);
/* Whether it is refused whatever is allowed. */
bool egress_is_never(const address_t *address);

#endif
