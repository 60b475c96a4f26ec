/* The client of a request: the peer of its connection, or the address that a trusted proxy names.
 *
 * Threading: read-only after trusted_new; any thread. */
#ifndef POSTERN_GATEWAY_READ_CLIENT_ADDRESS_H
#define POSTERN_GATEWAY_READ_CLIENT_ADDRESS_H

#include "common/base/address.h"

/* The networks of trusted proxies. */
typedef struct trusted trusted_t;

/* CIDRS: separated by spaces, "10.0.0.0/8 2001:db8::/32 192.0.2.1". NULL with the reason in err. */
trusted_t *trusted_new(const char *cidrs, char *err, size_t err_size);
void trusted_destroy(trusted_t **self_p);
bool trusted_has(const trusted_t *self, const address_t *address);

/* The client of a request: PEER when PEER is not trusted, or sent no X-Forwarded-For. Otherwise the
 * rightmost address of the X-Forwarded-For values (in the order of their lines) that is not
 * trusted, the leftmost when all are. Empty elements do not count (RFC 9110 §5.6.1.2). False when
 * the element that counts is not an address ("unknown"): then the client is not known. */
bool client_address(const trusted_t *self, const address_t *peer, const slice_t *forwarded,
                    size_t lines, address_t *client);

#endif
