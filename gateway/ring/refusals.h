/* Refused signatures at the addresses of sources: the address is no secret, so whoever has it could
 * have signatures verified, and fill the list of refusals that its owner sees, at any rate. After
 * REFUSALS_FREE of one sender at one address at once, one a second goes on to be verified; the rest
 * are answered here, with 429. What is signed right is not counted, but waits with the rest of its
 * sender. A sender is an IPv4 address or the /64 of an IPv6 one. Each lane counts by itself.
 *
 * Threading: one thread. Time is microseconds of a monotonic clock. */
#ifndef POSTERN_GATEWAY_RING_REFUSALS_H
#define POSTERN_GATEWAY_RING_REFUSALS_H

#include "common/wire/wire.h"

#include <h2o.h>

enum { REFUSALS_FREE = 20 };

typedef struct refusals refusals_t;
refusals_t *refusals_new(void);
void refusals_destroy(refusals_t **self_p);

/* How many seconds a request has to wait; 0: it may go on, as all that are of another operation. */
uint32_t refusals_wait(const refusals_t *self, const wire_request_t *request, int64_t now_us);
/* What came of it: the number of an error, or 0. */
void refusals_note(refusals_t *self, const wire_request_t *request, unsigned error, int64_t now_us);

/* Answers a request of whose sender too many were refused. */
void refusals_reply(h2o_req_t *req, const uuid_t7 *id, uint32_t wait_s);

#endif
