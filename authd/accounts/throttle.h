/* The throttle that slows the guessing of passwords. Each attempt to log in is charged before its
 * password is looked at, and given back when it succeeds. Three counts, each with so many free
 * failures, after which the next attempt must wait, twice as long after each further one:
 *
 *   account from a network   3 free, 1 s to 15 min: somebody guesses one account's password
 *   network                  20 free, 1 s to 5 min: one place tries many accounts
 *   account                  30 free, 1 s to 1 min: many places try one account
 *
 * The account's own count does not hold for networks from which its user has logged in before
 * (KNOWN): strangers cannot lock a user out of a usual place, and delay an unusual one by a minute
 * at most. An attempt that came too early is refused and not counted. A count is forgotten when
 * nothing was charged to it for an hour after its wait; of more than THROTTLE_MOST the one that was
 * charged longest ago. A network is an IPv4 address or the /64 of an IPv6 one.
 *
 * Whether there is such an account makes no difference. Threading: one thread. Time is an argument:
 * milliseconds of a monotonic clock. */
#ifndef POSTERN_AUTHD_ACCOUNTS_THROTTLE_H
#define POSTERN_AUTHD_ACCOUNTS_THROTTLE_H

#include "common/base/address.h"
#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { THROTTLE_MOST = 16384, THROTTLE_NETWORK = NETWORK_TEXT };

typedef struct throttle throttle_t;
throttle_t *throttle_new(void);
void throttle_destroy(throttle_t **self_p);

/* The network of an address's text; what is no address ("local") stands for itself, cut. */
void throttle_network(const char *from, char network[THROTTLE_NETWORK]);

/* Charges an attempt on ACCOUNT (case does not matter) from NETWORK: 0, or the milliseconds to wait
 * until one may be made. */
uint64_t throttle_charge(throttle_t *self, slice_t account, const char *network, bool known,
                         int64_t now_ms);
/* Takes a charge back: the operation failed for another reason than a wrong password or code, so
 * the attempt is not counted. */
void throttle_give_back(throttle_t *self, slice_t account, const char *network);
/* Takes a charge back because the attempt succeeded, and forgets the failures on the account from
 * this network. */
void throttle_succeeded(throttle_t *self, slice_t account, const char *network);

unsigned throttle_len(const throttle_t *self); /* counts that are remembered */

#endif
