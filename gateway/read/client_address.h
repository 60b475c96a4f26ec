/* The client of a request: the peer of its connection, or the address that a trusted proxy names.
 *
 * Threading: any thread. */
#ifndef POSTERN_GATEWAY_READ_CLIENT_ADDRESS_H
#define POSTERN_GATEWAY_READ_CLIENT_ADDRESS_H

#include "common/base/address.h"

/* The client of a request: PEER when PEER is not TRUSTED, or sent no X-Forwarded-For. Otherwise the
 * rightmost address of the X-Forwarded-For values (in the order of their lines) that is not
 * trusted, the leftmost when all are. Empty elements do not count (RFC 9110 §5.6.1.2). False when
 * the element that counts is not an address ("unknown"): then the client is not known. */
bool client_address(const networks_t *self, const address_t *peer, const slice_t *forwarded,
                    size_t lines, address_t *client);

#endif
