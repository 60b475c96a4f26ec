/* How many connections there are, and how many bytes of requests they hold, in all and of one
 * address, for all threads of the process.
 *
 * An address is an IPv4 address or the /64 network of an IPv6 one, which is what one sender has.
 * Threading: any thread. */
#ifndef POSTERN_GATEWAY_HTTP_CENSUS_H
#define POSTERN_GATEWAY_HTTP_CENSUS_H

#include "gateway/read/client_address.h"

typedef struct census census_t;

census_t *census_new(unsigned most, unsigned most_of_address);
void census_destroy(census_t **self_p);

/* Counts a connection in; false when a limit is reached. exempt: the address is not limited (a
 * trusted proxy). Each true is followed by one census_leave with the same arguments. */
bool census_enter(census_t *self, const address_t *address, bool exempt);
void census_leave(census_t *self, const address_t *address, bool exempt);

/* Whether the census counts two addresses as one. */
bool census_same(const address_t *a, const address_t *b);

/* A connection that was counted in holds AFTER bytes in place of BEFORE. False, and nothing
 * changed, when the sum would pass a limit of census_limit_bytes. AFTER below BEFORE is always
 * taken. */
bool census_hold(census_t *self, const address_t *address, bool exempt, size_t before,
                 size_t after);
/* Limits of the bytes that all connections, and those of one address, hold together; until this
 * call there is none. */
void census_limit_bytes(census_t *self, uint64_t most, uint64_t most_of_address);
uint64_t census_held(census_t *self);

unsigned census_len(census_t *self);

#endif
